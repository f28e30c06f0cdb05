/* The supervisor's side of a courier that was taken over: each order is answered once, with what cannot harm,
 * and a courier that makes no sense is replaced. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "courier/courier.h"
#include "sizes/sizes.h"
#include "store_directory.h"
#include "util/file.h"

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	unsigned answers;
	int result;
	unsigned status;
	char text[600];
};

static void take_answer(void *context, const struct courier_answer *answer)
{
	struct waiting *waiting = context;
	pthread_mutex_lock(&waiting->lock);
	waiting->answers++;
	waiting->result = answer->result;
	waiting->status = answer->status;
	snprintf(waiting->text, sizeof(waiting->text), "%s", answer->text);
	pthread_cond_signal(&waiting->answered);
	pthread_mutex_unlock(&waiting->lock);
}

/* Calls, as soon as there is a courier, and waits for the answer. */
static void call(struct courier *courier, const char *host, struct waiting *waiting)
{
	char url[64];
	struct error error;
	int result;
	snprintf(url, sizeof(url), "http://%s/", host);
	const struct courier_call order = {.url = url, .body = "body", .body_length = 4};
	*waiting = (struct waiting){.lock = PTHREAD_MUTEX_INITIALIZER,
				    .answered = PTHREAD_COND_INITIALIZER};
	while ((result = courier_call(courier, &order, take_answer, waiting, &error)) == -EAGAIN)
		sched_yield();
	if (!CHECK_NUMBER(result, 0))
		return;
	pthread_mutex_lock(&waiting->lock);
	while (!waiting->answers)
		pthread_cond_wait(&waiting->answered, &waiting->lock);
	pthread_mutex_unlock(&waiting->lock);
}

/* Those that make no sense, and what the order is answered by. */
static void test_nonsense(struct courier *courier)
{
	static const char *const hosts[] = {"offset", "length",	  "head-length", "record",
					    "code",   "status",	  "errno",	 "number",
					    "kind",   "sentence", "short"};
	struct waiting waiting;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		const uint64_t before = courier_restarts(courier);
		call(courier, hosts[i], &waiting);
		if (!CHECK_NUMBER(waiting.result, -ECONNRESET) || !CHECK_NUMBER(waiting.answers, 1))
			fprintf(stderr, "  %s: %s\n", hosts[i], waiting.text);
		call(courier, "well", &waiting);
		CHECK_NUMBER(waiting.result, 0);
		CHECK_NUMBER(waiting.status, 200);
		CHECK_NUMBER(courier_restarts(courier), before + 1);
	}
}

static void test_twice(struct courier *courier)
{
	const uint64_t before = courier_restarts(courier);
	struct waiting waiting, next;
	call(courier, "twice", &waiting);
	CHECK_NUMBER(waiting.result, 0);
	/* It may still have come to the one that is replaced. */
	do
		call(courier, "well", &next);
	while (next.result == -ECONNRESET);
	CHECK_NUMBER(next.result, 0);
	CHECK_NUMBER(courier_restarts(courier), before + 1);
	CHECK_NUMBER(waiting.answers, 1);
}

/* What would change a terminal does not get through. */
static void test_escape(struct courier *courier)
{
	struct waiting waiting;
	call(courier, "escape", &waiting);
	CHECK_NUMBER(waiting.result, -EIO);
	CHECK_TEXT(waiting.text, "?[31m red");
}

/* Orders that nobody has answered are, when it is stopped. */
static void test_stop(struct courier *courier)
{
	struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER,
				  .answered = PTHREAD_COND_INITIALIZER};
	const struct courier_output output = {.method = "GET", .data = "x", .length = 1};
	struct error error;
	CHECK_NUMBER(courier_parse(courier, &output, take_answer, &waiting, &error), 0);
	courier_stop(courier);
	CHECK_NUMBER(waiting.answers, 1);
	CHECK_NUMBER(waiting.result, -ECANCELED);
}

int main(int argc, char **argv)
{
	char directory[PATH_MAX], program[PATH_MAX], path[PATH_MAX + 64];
	struct courier *courier = NULL;
	struct error error = {0};
	const struct courier_settings settings = {.arena = 1 << 20};
	if (argc != 2 || !realpath(argv[1], program))
		return 2;
	make_directory(directory);
	snprintf(path, sizeof(path), "%s/gateway/courier", directory);
	CHECK_NUMBER(file_make_directories(path, NULL), 0);
	snprintf(path, sizeof(path), "%s/gateway/courier/mayfly-courier", directory);
	CHECK_NUMBER(symlink(program, path), 0);
	setenv("MAYFLY_LIBDIR", directory, 1);
	if (CHECK_NUMBER(courier_start(&courier, &settings, &error), 0)) {
		test_nonsense(courier);
		test_twice(courier);
		test_escape(courier);
		test_stop(courier);
	} else {
		fprintf(stderr, "%s\n", error.text);
	}
	remove_directory(directory);
	return check_status();
}
