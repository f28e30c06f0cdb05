/* libmayfly in the hands of a careless front. Its monitor is monitor/taken_over.c, which serves well
 * unless it is told otherwise. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "client.h"
#include "sizes/sizes.h"
#include "util/clock.h"

enum { SUBMITTERS = 16, ROUNDS = 40 };

static void describe(struct mayfly_description *description, unsigned slots, unsigned flags)
{
	mayfly_description_init(description, sizeof(*description));
	description->program = "/bin/true";
	description->slots = slots;
	description->flags = flags;
}

static bool open_one(struct client *client, unsigned slots, unsigned flags)
{
	struct mayfly_description description;
	describe(&description, slots, flags);
	return CHECK_NUMBER(client_open(client, &description, NULL), 0);
}

static bool open_and_start(struct client *client, unsigned slots, unsigned flags)
{
	return open_one(client, slots, flags) && CHECK(client_start(client));
}

static void check_served(struct client *client)
{
	struct call call = {0};
	if (CHECK_NUMBER(call_begin(&call, client, "x", 1), 0) && CHECK(call_finish(&call)))
		CHECK_NUMBER(call.result.outcome, MAYFLY_EXITED);
	call_release(&call);
}

/* ── one call after another ──────────────────────────────────────────────────────────────────── */

/* The last word counts. */
static void test_stop_and_start(unsigned flags)
{
	struct client client = {0};
	if (!open_and_start(&client, 1, flags))
		return;
	CHECK_NUMBER(mayfly_function_stop(client.function), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), -EALREADY);
	CHECK(client_await_event(&client, MAYFLY_STOPPED));
	CHECK(client_await_event(&client, MAYFLY_PREPARED));
	check_served(&client);
	CHECK_NUMBER(mayfly_function_stop(client.function), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	CHECK_NUMBER(mayfly_function_stop(client.function), 0);
	CHECK_NUMBER(mayfly_function_stop(client.function), -EALREADY);
	CHECK(client_await_event(&client, MAYFLY_STOPPED));
	struct call refused = {0};
	CHECK_NUMBER(call_begin(&refused, &client, "x", 1), -ESHUTDOWN);
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	usleep(50000);
	mayfly_function_process(client.function);
	mayfly_function_statistics(client.function, &statistics);
	/* The second stop comes before the third start, or after. */
	CHECK(statistics.starts == 2 || (flags && statistics.starts == 3));
	CHECK_NUMBER(statistics.monitor, 0);
	client_close(&client);
}

static void test_no_queue(void)
{
	struct client client = {0};
	struct mayfly_description description;
	struct call refused = {0};
	describe(&description, 1, 0);
	description.queue_limit = 0;
	if (!CHECK_NUMBER(client_open(&client, &description, NULL), 0))
		return;
	CHECK_NUMBER(call_begin(&refused, &client, "x", 1), -EAGAIN);
	CHECK(client_start(&client));
	const struct timespec moment = {.tv_nsec = 100000000};
	nanosleep(&moment, NULL);
	mayfly_function_process(client.function);
	mayfly_function_process(client.function);
	check_served(&client);
	client_close(&client);
}

/* A front that tries again what has failed. */
static void submit_again(void *context, const struct mayfly_result *result)
{
	struct client *client = context;
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	CHECK_NUMBER(mayfly_function_submit(client->function, &request, NULL, NULL), -ESHUTDOWN);
	CHECK_NUMBER(mayfly_function_start(client->function, NULL), -ESHUTDOWN);
}

static void test_closing(void)
{
	struct client client = {0};
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	request.done = submit_again;
	request.context = &client;
	if (!open_one(&client, 1, 0))
		return;
	CHECK_NUMBER(mayfly_function_submit(client.function, &request, NULL, NULL), 0);
	mayfly_function_close(client.function);
}

/* ── slots ───────────────────────────────────────────────────────────────────────────────────── */

/* Slots as the statistics have them: that were ever opened, and that are. */
static bool await_slots(struct client *client, uint64_t ever, uint64_t open)
{
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	const uint64_t limit_ns = clock_now_ns() + 20 * NANOSECONDS_PER_SECOND;
	do {
		struct pollfd readable = {.fd = mayfly_function_fd(client->function),
					  .events = POLLIN};
		poll(&readable, 1, 100);
		mayfly_function_process(client->function);
		mayfly_function_statistics(client->function, &statistics);
	} while ((statistics.slots_opened != ever || statistics.slots_open != open) &&
		 clock_now_ns() < limit_ns);
	return CHECK_NUMBER(statistics.slots_opened, ever) &&
	       CHECK_NUMBER(statistics.slots_open, open);
}

/* One that could not be opened is tried again after some seconds, and where the front says anew how
 * many there may be. */
static void test_slots_again(bool told)
{
	struct client client = {0};
	setenv("MAYFLY_TEST_DEED", "cannot open a second slot at first", 1);
	if (!open_and_start(&client, 2, 0))
		return;
	CHECK(await_slots(&client, 1, 1));
	CHECK_NUMBER(mayfly_function_set_slots(client.function, 2, 2), 0);
	CHECK(await_slots(&client, 2, 1));
	if (told) {
		/* Its failure is in the socket before the answer to this. */
		check_served(&client);
		CHECK_NUMBER(mayfly_function_set_slots(client.function, 2, 2), 0);
	}
	CHECK(await_slots(&client, 3, 2));
	check_served(&client);
	client_close(&client);
	unsetenv("MAYFLY_TEST_DEED");
}

/* One that can never be opened is tried each time that some seconds are over, and not all the time. */
static void test_slots_never(void)
{
	const uint64_t pause_ns = 2 * NANOSECONDS_PER_SECOND; /* the library's */
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	struct client client = {0};
	setenv("MAYFLY_TEST_DEED", "cannot open a second slot", 1);
	if (!open_and_start(&client, 2, 0))
		return;
	const uint64_t begin_ns = clock_now_ns();
	CHECK_NUMBER(mayfly_function_set_slots(client.function, 2, 2), 0);
	for (int i = 0; i < 50; i++)
		check_served(&client);
	mayfly_function_statistics(client.function, &statistics);
	CHECK(statistics.slots_opened >= 2 &&
	      statistics.slots_opened <= 2 + (clock_now_ns() - begin_ns) / pause_ns);
	client_close(&client);
	unsetenv("MAYFLY_TEST_DEED");
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static void test_silent_opener(void)
{
	struct client client = {0};
	struct mayfly_description description;
	setenv("MAYFLY_TEST_DEED", "silent", 1);
	describe(&description, 1, 0);
	description.open_timeout_ns = NANOSECONDS_PER_SECOND / 4;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	if (CHECK(client_await_event(&client, MAYFLY_DOWN))) {
		CHECK_NUMBER(client.events[0].error, -ETIMEDOUT);
		CHECK(strstr(client.text, "takes longer than 0.25 s"));
	}
	client_close(&client);
	unsetenv("MAYFLY_TEST_DEED");
	description.open_timeout_ns = UINT64_MAX;
	CHECK_NUMBER(client_open(&client, &description, NULL), -EINVAL);
}

/* ── what a process may have done ────────────────────────────────────────────────────────────── */

/* A child that closes what it has inherited leaves the parent's alone. */
static void test_fork(unsigned flags)
{
	struct client client = {0};
	int status;
	if (!open_and_start(&client, 1, flags))
		return;
	pid_t child = fork();
	if (!child) {
		struct mayfly_request request;
		alarm(10);
		mayfly_request_init(&request, sizeof(request));
		int bad = mayfly_function_submit(client.function, &request, NULL, NULL) != -EPERM;
		bad |= mayfly_function_process(client.function) != -EPERM;
		bad |= mayfly_function_stop(client.function) != -EPERM;
		mayfly_function_close(client.function);
		_exit(bad);
	}
	CHECK(waitpid(child, &status, 0) == child && !status);
	check_served(&client);
	client_close(&client);
}

static void test_no_children(void)
{
	struct client client = {0};
	signal(SIGCHLD, SIG_IGN);
	if (open_and_start(&client, 1, 0)) {
		check_served(&client);
		CHECK_NUMBER(mayfly_function_stop(client.function), 0);
		CHECK(client_await_event(&client, MAYFLY_STOPPED));
		CHECK(client_start(&client));
		client_close(&client);
	}
	signal(SIGCHLD, SIG_DFL);
}

static void test_taken_children(void)
{
	struct client client = {0};
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	int status;
	if (!open_and_start(&client, 1, 0))
		return;
	mayfly_function_statistics(client.function, &statistics);
	kill(statistics.monitor, SIGKILL);
	CHECK_NUMBER(waitpid(statistics.monitor, &status, 0), statistics.monitor);
	CHECK(client_await_event(&client, MAYFLY_DOWN));
	CHECK(client_start(&client));
	check_served(&client);
	client_close(&client);
}

/* Whatever is lacking is said, and nothing hangs or is left. */
static void try_limited(int resource, rlim_t value)
{
	struct rlimit before, limit;
	struct client client = {0};
	struct mayfly_description description;
	struct call call = {0};
	getrlimit(resource, &before);
	limit = before;
	limit.rlim_cur = value;
	setrlimit(resource, &limit);
	describe(&description, 2, 0);
	if (!client_open(&client, &description, NULL)) {
		CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
		CHECK_NUMBER(call_begin(&call, &client, "x", 1), 0);
		if (!CHECK(call_finish(&call)))
			fprintf(stderr, "  with limit %d at %lu\n", resource, (unsigned long)value);
		client_close(&client);
	}
	setrlimit(resource, &before);
	call_release(&call);
}

static void test_limits(void)
{
	for (rlim_t value = 3; value < 24; value++)
		try_limited(RLIMIT_NOFILE, value);
	int status;
	while (waitpid(-1, &status, WNOHANG) > 0)
		CHECK(!"a process was left");
}

/* With less memory each time, as far as that can be told with sanitizers. */
static void test_address_space(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (!CHECK(file && fscanf(file, "%lu", &pages) == 1))
		return;
	fclose(file);
	for (unsigned more = 0; more < 16; more++)
		try_limited(RLIMIT_AS, (pages + more * 64UL) * 4096);
#endif
}

/* A front that waits for a signal blocks it in its threads, and has not started the library's. */
static int await_signal(void)
{
	struct client client = {0};
	sigset_t wanted;
	const struct timespec limit = {.tv_sec = 5};
	if (!open_and_start(&client, 1, MAYFLY_OWN_THREAD))
		return 1;
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	kill(getpid(), SIGUSR1);
	const int got = sigtimedwait(&wanted, NULL, &limit);
	client_close(&client);
	return got != SIGUSR1;
}

static void test_signals(void)
{
	int status;
	pid_t child = fork();
	if (!child)
		_exit(await_signal());
	CHECK(waitpid(child, &status, 0) == child && !status);
}

static int open_without_streams(void)
{
	struct client client = {0};
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (!open_and_start(&client, 1, 0))
		return 1;
	check_served(&client);
	client_close(&client);
	return checks_failed > 0;
}

static void test_closed_streams(void)
{
	int status;
	pid_t child = fork();
	if (!child)
		_exit(open_without_streams());
	CHECK(waitpid(child, &status, 0) == child && !status);
}

/* ── a request that is copied while its monitor dies ─────────────────────────────────────────── */

static struct {
	void *page;
	atomic_bool reached, released;
} slow;

/* The page is read when the test says so. */
static void hold_up(int signal, siginfo_t *info, void *context)
{
	if (info->si_addr != slow.page)
		_exit(1);
	slow.reached = true;
	while (!slow.released)
		usleep(1000);
	mprotect(slow.page, 4096, PROT_READ);
}

static void *submit_slowly(void *context)
{
	struct call *call = context;
	CHECK_NUMBER(call_begin(call, call->client, slow.page, 4096), 0);
	return NULL;
}

/* The request's data is the front's again when it is done, and not before. */
static void test_copy(void)
{
	struct client client = {0};
	struct call call = {.client = &client};
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	const struct sigaction handling = {.sa_sigaction = hold_up, .sa_flags = SA_SIGINFO};
	struct sigaction before;
	pthread_t thread;
	slow.page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!CHECK(slow.page != MAP_FAILED) || !open_and_start(&client, 1, MAYFLY_OWN_THREAD))
		return;
	do {
		usleep(1000);
		mayfly_function_statistics(client.function, &statistics);
	} while (!statistics.slots_idle);
	sigaction(SIGSEGV, &handling, &before);
	CHECK(!pthread_create(&thread, NULL, submit_slowly, &call));
	while (!slow.reached)
		usleep(1000);
	kill(statistics.monitor, SIGKILL);
	CHECK(client_await_event(&client, MAYFLY_DOWN));
	usleep(20000);
	pthread_mutex_lock(&client.lock);
	CHECK_NUMBER(call.told, 0);
	pthread_mutex_unlock(&client.lock);
	slow.released = true;
	pthread_join(thread, NULL);
	CHECK(call_finish(&call));
	CHECK_NUMBER(call.result.outcome, MAYFLY_FAILED);
	sigaction(SIGSEGV, &before, NULL);
	client_close(&client);
	munmap(slow.page, 4096);
	call_release(&call);
}

/* ── all at once ─────────────────────────────────────────────────────────────────────────────── */

struct crowd {
	struct client client;
	atomic_bool over;
	atomic_uint accepted, done;
};

/* A request of a crowd owns its data, and is freed when it is done. */
struct member {
	struct crowd *crowd;
	uint8_t data[1 << 18];
};

static void free_member(void *context, const struct mayfly_result *result)
{
	struct member *member = context;
	member->crowd->done++;
	free(member);
}

static void *submit_many(void *context)
{
	struct crowd *crowd = context;
	while (!crowd->over) {
		struct mayfly_request request;
		uint64_t serial;
		struct member *member = calloc(1, sizeof(*member));
		member->crowd = crowd;
		mayfly_request_init(&request, sizeof(request));
		request.data = member->data;
		request.length = sizeof(member->data);
		request.done = free_member;
		request.context = member;
		if (mayfly_function_submit(crowd->client.function, &request, &serial, NULL)) {
			free(member);
			usleep(500);
			continue;
		}
		crowd->accepted++;
		if (serial % 7 == 0)
			mayfly_function_cancel(crowd->client.function, serial);
	}
	return NULL;
}

static void test_crowd(void)
{
	struct crowd crowd = {0};
	pthread_t threads[SUBMITTERS];
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	if (!open_one(&crowd.client, 4, MAYFLY_OWN_THREAD))
		return;
	for (size_t i = 0; i < SUBMITTERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, submit_many, &crowd));
	for (unsigned i = 0; i < ROUNDS; i++) {
		mayfly_function_start(crowd.client.function, NULL);
		usleep(10000);
		mayfly_function_statistics(crowd.client.function, &statistics);
		if (i % 4 == 1)
			mayfly_function_drain(crowd.client.function);
		else if (i % 4 == 3)
			mayfly_function_stop(crowd.client.function);
		else if (statistics.monitor > 0)
			kill(statistics.monitor, SIGKILL);
		mayfly_function_set_slots(crowd.client.function, i % 3, 1 + i % 4);
		usleep(5000);
	}
	crowd.over = true;
	for (size_t i = 0; i < SUBMITTERS; i++)
		pthread_join(threads[i], NULL);
	client_close(&crowd.client);
	CHECK(crowd.accepted > 0);
	CHECK_NUMBER(crowd.done, crowd.accepted);
}

int main(void)
{
	mayfly_description_init(NULL, sizeof(struct mayfly_description));
	mayfly_request_init(NULL, sizeof(struct mayfly_request));
	for (unsigned flags = 0; flags <= MAYFLY_OWN_THREAD; flags++) {
		test_stop_and_start(flags);
		test_fork(flags);
	}
	test_no_queue();
	test_closing();
	test_slots_again(false);
	test_slots_again(true);
	test_slots_never();
	test_silent_opener();
	test_no_children();
	test_taken_children();
	test_closed_streams();
	test_signals();
	test_copy();
	test_crowd();
	test_limits();
	test_address_space();
	return check_status();
}
