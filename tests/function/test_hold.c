/* Responses that are held back, so that their program waits; usage: test_hold ISOLATION GUEST */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "client.h"
#include "util/clock.h"

#define LENGTH (6UL << 20) /* of the response: several times what the window has for it */
#define LEAST  4	   /* parts that this comes in, but for the last one */

static struct client client;
static char *data;

struct holding {
	uint64_t serial;
	unsigned parts;
	size_t length;
	bool right, done;
	bool early; /* it is told to go on before `respond` returns */
	struct mayfly_result result;
};

static void note(struct holding *holding, const bool *done)
{
	pthread_mutex_lock(&client.lock);
	holding->parts += done ? 0 : 1;
	holding->done = holding->done || done;
	pthread_cond_broadcast(&client.changed);
	pthread_mutex_unlock(&client.lock);
}

static int hold(void *context, const void *part, size_t length)
{
	struct holding *holding = context;
	holding->right = holding->right && !memcmp(part, data + holding->length, length);
	holding->length += length;
	/* The last part comes with the end of the request. */
	if (holding->early && holding->length < LENGTH)
		CHECK_NUMBER(mayfly_function_go_on(client.function, holding->serial), 0);
	note(holding, NULL);
	return MAYFLY_HOLD;
}

static void finish(void *context, const struct mayfly_result *result)
{
	struct holding *holding = context;
	holding->result = *result;
	note(holding, &holding->done);
}

static bool begin(struct holding *holding, uint64_t timeout_ns)
{
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	request.data = data;
	request.length = LENGTH;
	request.timeout_ns = timeout_ns;
	request.respond = hold;
	request.done = finish;
	request.context = holding;
	holding->right = true;
	return CHECK_NUMBER(
	    mayfly_function_submit(client.function, &request, &holding->serial, NULL), 0);
}

/* Waits until there are so many parts, or it is done. */
static unsigned await_parts(struct holding *holding, unsigned parts)
{
	const uint64_t limit_ns = clock_now_ns() + 20 * NANOSECONDS_PER_SECOND;
	pthread_mutex_lock(&client.lock);
	while (holding->parts < parts && !holding->done && clock_now_ns() < limit_ns) {
		const struct timespec limit = {.tv_sec = time(NULL) + 1};
		pthread_cond_timedwait(&client.changed, &client.lock, &limit);
	}
	parts = holding->parts;
	pthread_mutex_unlock(&client.lock);
	return parts;
}

/* One part at a time: while it is held there is no other, and others are served. */
static void test_held(void)
{
	struct holding holding = {0};
	if (!begin(&holding, 60 * NANOSECONDS_PER_SECOND))
		return;
	for (unsigned part = 1; part <= LEAST; part++) {
		CHECK_NUMBER(await_parts(&holding, part), part);
		CHECK(client_answers(&client, "x", NULL, "x"));
		CHECK_NUMBER(await_parts(&holding, part), part);
		CHECK_NUMBER(mayfly_function_go_on(client.function, holding.serial), 0);
	}
	for (unsigned part = LEAST + 1; await_parts(&holding, part) == part; part++)
		mayfly_function_go_on(client.function, holding.serial);
	CHECK(client_await(&client, &holding.done));
	CHECK_NUMBER(holding.result.outcome, MAYFLY_EXITED);
	CHECK_NUMBER(holding.length, LENGTH);
	CHECK(holding.right);
	CHECK_NUMBER(mayfly_function_go_on(client.function, holding.serial), -ENOENT);
}

static void test_early(void)
{
	struct holding holding = {.early = true};
	if (!begin(&holding, 60 * NANOSECONDS_PER_SECOND))
		return;
	CHECK(client_await(&client, &holding.done));
	CHECK_NUMBER(holding.result.outcome, MAYFLY_EXITED);
	CHECK(holding.length == LENGTH && holding.right);
}

/* Its time goes on, and what comes too late is not taken for the next request's. */
static void test_deadline(void)
{
	struct holding holding;
	uint64_t timeout_ns = NANOSECONDS_PER_SECOND / 5;
	/* On a busy machine it may be up before there is a part. */
	do {
		holding = (struct holding){0};
		if (!begin(&holding, timeout_ns))
			return;
		CHECK(client_await(&client, &holding.done));
		CHECK_NUMBER(holding.result.outcome, MAYFLY_DEADLINE);
		timeout_ns *= 2;
	} while (!holding.parts && timeout_ns < 10 * NANOSECONDS_PER_SECOND);
	CHECK_NUMBER(holding.parts, 1);
	mayfly_function_go_on(client.function, holding.serial);
	CHECK(client_answers(&client, "x", NULL, "x"));
	test_held();
}

static void test_cancel(void)
{
	struct holding holding = {0};
	if (!begin(&holding, 60 * NANOSECONDS_PER_SECOND))
		return;
	CHECK_NUMBER(await_parts(&holding, 1), 1);
	CHECK_NUMBER(mayfly_function_cancel(client.function, holding.serial), 0);
	CHECK(client_await(&client, &holding.done));
	/* It may also end by itself, now that nobody holds it back. */
	CHECK(holding.result.outcome == MAYFLY_CANCELLED ||
	      holding.result.outcome == MAYFLY_EXITED);
	CHECK_NUMBER(holding.parts, 1);
	CHECK(client_answers(&client, "x", NULL, "x"));
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return EXIT_FAILURE;
	struct mayfly_description description;
	mayfly_description_init(&description, sizeof(description));
	description.program = argv[2];
	description.isolation = argv[1];
	description.warm_slots = description.slots = 2;
	description.flags = MAYFLY_OWN_THREAD;
	data = malloc(LENGTH);
	for (size_t i = 0; i < LENGTH; i++)
		data[i] = (char)('a' + i * 7 % 23 + i / 4096 % 2);
	client.own_thread = true;
	const int status = client_begin(&client, &description);
	if (status)
		return status;
	test_held();
	test_early();
	test_deadline();
	test_cancel();
	client_close(&client);
	free(data);
	return check_status();
}
