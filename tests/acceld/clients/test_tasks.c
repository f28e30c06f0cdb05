/* Ops that run while the program goes on, in sessions of this process and of a real mayfly-acceld; and
 * what such a session counts. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acceld/host.h"
#include "check.h"
#include "mayfly/results.h"
#include "mayfly/session_statistics.h"
#include "mayfly/tasks.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "vaccel.h"

#define MS 1000000ULL

/* What nobody stops computes so long (patient_plugin.c). */
#define COMPUTES_NS (20 * NANOSECONDS_PER_SECOND)

/* Until it is stopped. */
static int compute(struct vaccel_session *session, void *context)
{
	float a = 1, b = 1, c = 1;
	(void)context;
	return vaccel_sgemm(session, 1, 1, 1, 1, &a, 1, &b, 1, 1, &c, 1);
}

struct job {
	char text[64];
	unsigned int *finished, place; /* how many before it */
};

static int run_classify(struct vaccel_session *session, void *context)
{
	struct job *job = context;
	char name[16];
	int result =
	    vaccel_image_classification(session, "picture", (unsigned char *)job->text,
					(unsigned char *)name, 7, sizeof(job->text), sizeof(name));
	job->place = (*job->finished)++;
	return result;
}

static void sleep_ms(long milliseconds)
{
	nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

/* In their order, while the program does something else. */
static void test_order(struct vaccel_session *session)
{
	struct job jobs[20];
	struct mayfly_task *tasks[ARRAY_SIZE(jobs)];
	unsigned int finished = 0;
	int answer;
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i] = (struct job){.finished = &finished};
		CHECK_NUMBER(mayfly_task_submit(session, run_classify, &jobs[i], &tasks[i]),
			     VACCEL_OK);
	}
	for (size_t i = ARRAY_SIZE(jobs); i-- > 0;) {
		answer = -1;
		CHECK_NUMBER(mayfly_task_wait(tasks[i], 0, &answer), VACCEL_OK);
		CHECK_NUMBER(answer, VACCEL_OK);
		CHECK_TEXT(jobs[i].text, "7 bytes");
		CHECK_NUMBER(jobs[i].place, i);
		CHECK_NUMBER(mayfly_task_poll(tasks[i], &answer), VACCEL_OK);
		CHECK_TEXT(mayfly_task_reason(tasks[i]), "");
		mayfly_task_delete(tasks[i]);
	}
}

/* The plugin computes until the deadline. */
static void test_deadline(struct vaccel_session *session)
{
	struct mayfly_task *task;
	int answer = -1;
	mayfly_op_set_deadline(clock_now_ns() + 100 * MS);
	CHECK_NUMBER(mayfly_task_submit(session, compute, NULL, &task), VACCEL_OK);
	mayfly_op_set_deadline(0);
	struct pollfd event = {.fd = mayfly_task_descriptor(task), .events = POLLIN};
	CHECK_NUMBER(poll(&event, 1, 10000), 1);
	CHECK_NUMBER(mayfly_task_poll(task, &answer), VACCEL_OK);
	CHECK_NUMBER(answer, VACCEL_EAGAIN);
	mayfly_task_cancel(task); /* too late */
	CHECK_NUMBER(mayfly_task_poll(task, &answer), VACCEL_OK);
	mayfly_task_delete(task);
}

/* One that runs, without a deadline, and one that waits behind it. The session goes on afterwards. */
static void test_cancel(struct vaccel_session *session)
{
	struct mayfly_task *running, *waiting;
	int answer = -1;
	CHECK_NUMBER(mayfly_task_submit(session, compute, NULL, &running), VACCEL_OK);
	CHECK_NUMBER(mayfly_task_submit(session, compute, NULL, &waiting), VACCEL_OK);
	struct pollfd event = {.fd = mayfly_task_descriptor(running), .events = POLLIN};
	CHECK_NUMBER(mayfly_task_wait(running, clock_now_ns() + 50 * MS, &answer),
		     VACCEL_EINPROGRESS);
	CHECK_NUMBER(poll(&event, 1, 0), 0);
	mayfly_task_cancel(waiting);
	CHECK_NUMBER(mayfly_task_poll(waiting, &answer), VACCEL_OK);
	CHECK_NUMBER(answer, VACCEL_EAGAIN);
	CHECK(strstr(mayfly_task_reason(waiting), "cancelled"));
	CHECK_NUMBER(mayfly_task_poll(running, &answer), VACCEL_EINPROGRESS);
	const uint64_t begin_ns = clock_now_ns();
	mayfly_task_cancel(running);
	CHECK_NUMBER(poll(&event, 1, 10000), 1);
	CHECK_NUMBER(mayfly_task_wait(running, 0, &answer), VACCEL_OK);
	const uint64_t taken_ns = clock_now_ns() - begin_ns;
	fprintf(stderr, "cancelled within %llu us\n", (unsigned long long)taken_ns / 1000);
	CHECK(taken_ns < COMPUTES_NS / 2);
	CHECK_NUMBER(answer, VACCEL_EAGAIN);
	mayfly_task_delete(running);
	mayfly_task_delete(waiting);
	test_order(session);
}

/* Deleting a task cancels it. */
static void test_delete(struct vaccel_session *session)
{
	struct mayfly_task *tasks[3];
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		CHECK_NUMBER(mayfly_task_submit(session, compute, NULL, &tasks[i]), VACCEL_OK);
	const uint64_t begin_ns = clock_now_ns();
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		mayfly_task_delete(tasks[i]);
	CHECK(clock_now_ns() - begin_ns < COMPUTES_NS / 2);
	mayfly_task_delete(NULL);
	CHECK_NUMBER(mayfly_task_submit(session, NULL, NULL, &tasks[0]), VACCEL_EINVAL);
	CHECK_NUMBER(mayfly_task_submit(NULL, compute, NULL, &tasks[0]), VACCEL_EINVAL);
	CHECK_NUMBER(mayfly_task_poll(NULL, NULL), VACCEL_EINVAL);
}

static void test_statistics(void)
{
	struct vaccel_session *session = NULL;
	struct mayfly_session_statistics before, after;
	if (!CHECK_NUMBER(vaccel_session_new(&session, 0), VACCEL_OK))
		return;
	CHECK_NUMBER(mayfly_session_statistics(session, &before), VACCEL_OK);
	CHECK_NUMBER(before.calls, 1);
	test_order(session);
	test_deadline(session);
	CHECK_NUMBER(mayfly_session_statistics(session, &after), VACCEL_OK);
	CHECK_NUMBER(after.calls, 22);
	CHECK_NUMBER(after.failed, 1);
	CHECK_NUMBER(after.bytes_in - before.bytes_in, 20 * 7 + 64);
	CHECK(after.bytes_out > before.bytes_out);
	CHECK(after.host_ns >= 90 * MS && after.total_ns > after.host_ns);
	CHECK_NUMBER(mayfly_session_statistics(NULL, &after), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_session_delete(session), VACCEL_OK);
}

static void test_all(uint32_t flags)
{
	struct vaccel_session *session = NULL;
	if (!CHECK_NUMBER(vaccel_session_new(&session, flags), VACCEL_OK))
		return;
	test_order(session);
	test_deadline(session);
	test_cancel(session);
	test_delete(session);
	CHECK_NUMBER(vaccel_session_delete(session), VACCEL_OK);
}

int main(void)
{
	struct host host;
	struct vaccel_session *session = NULL;
	struct mayfly_task *left;
	struct mayfly_session_statistics none;
	char address[160];
	if (!CHECK(!host_start(&host, getenv("PATIENT_PLUGIN"), NULL)))
		return check_status();
	/* With the plugin in this process, too. */
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
	test_all(0);
	CHECK_NUMBER(vaccel_session_new(&session, 0), VACCEL_OK);
	CHECK_NUMBER(mayfly_session_statistics(session, &none), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_session_delete(session), VACCEL_OK);

	unsetenv("VACCEL_PLUGINS");
	snprintf(address, sizeof(address), "unix://%s", host.socket);
	setenv("VACCEL_RPC_ADDRESS", address, 1);
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
	test_all(0);
	test_statistics();

	/* The library ends with one under way, and one behind it. */
	CHECK_NUMBER(vaccel_session_new(&session, 0), VACCEL_OK);
	CHECK_NUMBER(mayfly_task_submit(session, compute, NULL, &left), VACCEL_OK);
	sleep_ms(20);
	vaccel_cleanup();
	mayfly_task_delete(left);
	free(session);
	host_stop(&host, SIGTERM);
	return check_status();
}
