/* Signals from a front to its programs; usage: test_signals ISOLATION GUEST */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "client.h"
#include "util/clock.h"

#define LIMIT_NS (60 * NANOSECONDS_PER_SECOND)
#define AT_ONCE	 100

static struct client client;

struct signalled {
	uint64_t serial;
	char text[64]; /* of the response */
	size_t length;
	bool ready, done; /* it has said so */
	struct mayfly_result result;
};

static void set(bool *what)
{
	pthread_mutex_lock(&client.lock);
	*what = true;
	pthread_cond_broadcast(&client.changed);
	pthread_mutex_unlock(&client.lock);
}

static int take(void *context, const void *part, size_t length)
{
	struct signalled *signalled = context;
	if (length > sizeof(signalled->text) - 1 - signalled->length)
		return -EFBIG;
	memcpy(signalled->text + signalled->length, part, length);
	signalled->length += length;
	if (!strcmp(signalled->text, "ready\n"))
		set(&signalled->ready);
	return 0;
}

static void finish(void *context, const struct mayfly_result *result)
{
	struct signalled *signalled = context;
	signalled->result = *result;
	set(&signalled->done);
}

/* A request of that mode, of which no more comes. */
static bool submit(struct signalled *signalled, const char *mode)
{
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	request.data = mode;
	request.length = 1;
	request.timeout_ns = LIMIT_NS;
	request.flags = MAYFLY_FED | MAYFLY_UNBUFFERED;
	request.respond = take;
	request.done = finish;
	request.context = signalled;
	*signalled = (struct signalled){0};
	return CHECK_NUMBER(
	    mayfly_function_submit(client.function, &request, &signalled->serial, NULL), 0);
}

static bool begin(struct signalled *signalled, const char *mode)
{
	return submit(signalled, mode) && CHECK(client_await(&client, &signalled->ready));
}

/* Wherever the program is, its handler runs. */
static void test_caught(void)
{
	static const char modes[] = "cptsrfw";
	for (const char *mode = modes; *mode; mode++) {
		struct signalled signalled;
		if (!begin(&signalled, mode))
			continue;
		CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial, SIGTERM), 0);
		CHECK(client_await(&client, &signalled.done));
		if (!CHECK_NUMBER(signalled.result.outcome, MAYFLY_EXITED) ||
		    !CHECK_NUMBER(signalled.result.status, 7) ||
		    !CHECK_TEXT(signalled.text, "ready\ncaught 15\n"))
			fprintf(stderr, "in mode %c\n", *mode);
	}
}

static void test_default(void)
{
	struct signalled signalled;
	if (!begin(&signalled, "d"))
		return;
	/* What is ignored by default changes nothing. */
	CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial, SIGWINCH), 0);
	CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial, SIGTERM), 0);
	CHECK(client_await(&client, &signalled.done));
	CHECK_NUMBER(signalled.result.outcome, MAYFLY_SIGNALED);
	CHECK_NUMBER(signalled.result.status, SIGTERM);
	/* It is over, and the next request hears nothing of it. */
	CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial, SIGTERM), -ENOENT);
	test_caught();
}

/* As soon as there is somebody to be told, nothing is lost. */
static void test_at_once(void)
{
	for (int i = 0; i < AT_ONCE; i++) {
		struct signalled signalled;
		int result;
		if (!submit(&signalled, "d"))
			return;
		do
			result = mayfly_function_signal(client.function, signalled.serial, SIGTERM);
		while (result == -ENOENT && sched_yield() == 0);
		CHECK_NUMBER(result, 0);
		if (!CHECK(client_await(&client, &signalled.done)))
			return;
		if (!CHECK_NUMBER(signalled.result.outcome, MAYFLY_SIGNALED))
			return;
	}
}

static void test_refused(void)
{
	struct signalled signalled;
	if (!begin(&signalled, "p"))
		return;
	CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial, 0), -EINVAL);
	CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial, 65), -EINVAL);
	CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial, -1), -EINVAL);
	CHECK_NUMBER(mayfly_function_signal(client.function, signalled.serial + 100, SIGTERM),
		     -ENOENT);
	CHECK_NUMBER(mayfly_function_cancel(client.function, signalled.serial), 0);
	CHECK(client_await(&client, &signalled.done));
	CHECK_NUMBER(signalled.result.outcome, MAYFLY_CANCELLED);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return EXIT_FAILURE;
	struct mayfly_description description;
	mayfly_description_init(&description, sizeof(description));
	description.program = argv[2];
	description.isolation = argv[1];
	description.flags = MAYFLY_OWN_THREAD | MAYFLY_SIGNALS;
	client.own_thread = true;
	const int status = client_begin(&client, &description);
	if (status)
		return status;
	test_caught();
	test_default();
	test_at_once();
	test_refused();
	client_close(&client);
	return check_status();
}
