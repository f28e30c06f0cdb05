/* Requests whose bytes come in pieces; usage: test_feed ISOLATION GUEST */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "client.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define WINDOW (1UL << 20) /* what `wanted` says */
#define MUCH   (24UL << 20)

/* A request that is fed from memory: by a thread, or by `wanted` itself. */
struct feeder {
	struct call call; /* first: its context is the feeder's */
	const uint8_t *data;
	size_t length, fed, piece;
	bool by_thread;
	unsigned wanted; /* how often, guarded by the client's lock */
	int result;
};

static struct client client;

static void feed_some(struct feeder *feeder)
{
	size_t taken;
	do {
		const size_t left = feeder->length - feeder->fed;
		const size_t part = left < feeder->piece ? left : feeder->piece;
		feeder->result =
		    mayfly_function_feed(client.function, feeder->call.serial,
					 feeder->data + feeder->fed, part, part == left, &taken);
		feeder->fed += taken;
		CHECK(taken <= part && (!feeder->result) == (taken == part));
	} while (!feeder->result && feeder->fed < feeder->length);
}

static void note_wanted(void *context, size_t room)
{
	struct feeder *feeder = context;
	CHECK_NUMBER(room, WINDOW);
	pthread_mutex_lock(&client.lock);
	feeder->wanted++;
	pthread_cond_broadcast(&client.changed);
	pthread_mutex_unlock(&client.lock);
	if (!feeder->by_thread && feeder->data)
		feed_some(feeder);
}

static int begin(struct feeder *feeder, const char *first)
{
	mayfly_request_init(&feeder->call.request, sizeof(feeder->call.request));
	feeder->call.request.flags = MAYFLY_FED;
	feeder->call.request.wanted = note_wanted;
	return call_begin(&feeder->call, &client, first, strlen(first));
}

static bool await_wanted(struct feeder *feeder, unsigned count)
{
	bool is;
	const uint64_t limit_ns = clock_now_ns() + 20 * NANOSECONDS_PER_SECOND;
	pthread_mutex_lock(&client.lock);
	while (feeder->wanted < count && !feeder->call.done && clock_now_ns() < limit_ns) {
		const struct timespec limit = {.tv_sec = time(NULL) + 1};
		pthread_cond_timedwait(&client.changed, &client.lock, &limit);
	}
	is = feeder->wanted >= count;
	pthread_mutex_unlock(&client.lock);
	return is;
}

static uint8_t *make_data(size_t length)
{
	uint8_t *data = malloc(length + 1);
	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 7 + i / 4096);
	return data;
}

static void check_sum(const struct feeder *feeder, const char *first)
{
	unsigned long sum = 0;
	char wanted[80];
	for (; *first; first++)
		sum = sum * 31 + (unsigned char)*first;
	for (size_t i = 0; i < feeder->length; i++)
		sum = sum * 31 + feeder->data[i];
	const int length = snprintf(wanted, sizeof(wanted), "%lu %lu ", 4 + feeder->length, sum);
	CHECK_NUMBER(feeder->call.result.outcome, MAYFLY_EXITED);
	CHECK_NUMBER(feeder->call.told, 1);
	if (!CHECK(feeder->call.length > (size_t)length &&
		   !memcmp(feeder->call.response, wanted, (size_t)length)))
		fprintf(stderr, "  %.*s instead of %s\n", (int)feeder->call.length,
			(const char *)feeder->call.response, wanted);
}

/* ── what is fed arrives ─────────────────────────────────────────────────────────────────────── */

static void test_from_wanted(void)
{
	static const size_t pieces[] = {1000, 65536, WINDOW, 3 * WINDOW + 1};
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		const size_t length = pieces[i] < WINDOW ? 100 * pieces[i] + 7 : MUCH;
		uint8_t *data = make_data(length);
		struct feeder feeder = {.data = data, .length = length, .piece = pieces[i]};
		if (CHECK_NUMBER(begin(&feeder, "sum "), 0) && CHECK(call_finish(&feeder.call)))
			check_sum(&feeder, "sum ");
		CHECK(feeder.wanted >= length / WINDOW);
		call_release(&feeder.call);
		free(data);
	}
}

static void *feed(void *context)
{
	struct feeder *feeder = context;
	unsigned count = 1;
	do {
		if (!await_wanted(feeder, count++))
			break;
		feed_some(feeder);
	} while (feeder->result == -EAGAIN);
	return NULL;
}

static void test_from_thread(void)
{
	uint8_t *data = make_data(MUCH);
	struct feeder feeder = {.data = data, .length = MUCH, .piece = 100001, .by_thread = true};
	pthread_t thread;
	if (CHECK_NUMBER(begin(&feeder, "sum "), 0)) {
		CHECK(await_wanted(&feeder, 1));
		CHECK(!pthread_create(&thread, NULL, feed, &feeder));
		pthread_join(thread, NULL);
		CHECK_NUMBER(feeder.result, 0);
		if (CHECK(call_finish(&feeder.call)))
			check_sum(&feeder, "sum ");
	}
	call_release(&feeder.call);
	free(data);
}

/* What comes before the data, with all lengths around the window's. */
static void test_head(void)
{
	static const size_t lengths[][2] = {
	    {0, 5},	     {5, 0},	  {3, 4},	{WINDOW - 1, 1},
	    {WINDOW - 1, 2}, {WINDOW, 1}, {10, WINDOW}, {WINDOW + 7, 2 * WINDOW}};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		const size_t head = lengths[i][0], length = lengths[i][1];
		uint8_t *data = make_data(head + length);
		struct call call = {0};
		mayfly_request_init(&call.request, sizeof(call.request));
		call.request.head = data;
		call.request.head_length = head;
		if (CHECK_NUMBER(call_begin(&call, &client, data + head, length), 0) &&
		    CHECK(call_finish(&call)))
			CHECK(call.length == head + length &&
			      !memcmp(call.response, data, call.length));
		call_release(&call);
		free(data);
	}
}

/* ── nothing comes ───────────────────────────────────────────────────────────────────────────── */

static void test_end_alone(void)
{
	struct feeder feeder = {.by_thread = true}, at_once = {.by_thread = true};
	size_t taken;
	if (CHECK_NUMBER(begin(&feeder, "sum "), 0) && CHECK(await_wanted(&feeder, 1))) {
		const uint64_t serial = feeder.call.serial;
		CHECK_NUMBER(mayfly_function_feed(client.function, serial, NULL, 0, 0, NULL), 0);
		CHECK_NUMBER(mayfly_function_feed(client.function, serial, NULL, 1, 0, NULL),
			     -EINVAL);
		CHECK_NUMBER(mayfly_function_feed(client.function, serial, NULL, 0, 1, &taken), 0);
		if (CHECK(call_finish(&feeder.call)))
			check_sum(&feeder, "sum ");
		CHECK_NUMBER(mayfly_function_feed(client.function, serial, "x", 1, 1, &taken),
			     -ENOENT);
	}
	/* Maybe before the program has asked. */
	if (CHECK_NUMBER(begin(&at_once, "sum "), 0)) {
		mayfly_function_feed(client.function, at_once.call.serial, NULL, 0, 1, NULL);
		if (CHECK(call_finish(&at_once.call)))
			CHECK_NUMBER(at_once.call.result.outcome, MAYFLY_EXITED);
	}
	call_release(&feeder.call);
	call_release(&at_once.call);
}

/* A program that asks without waiting is told that there is nothing yet. It may ask too late. */
static void test_polling(void)
{
	bool waited = false;
	for (unsigned round = 0; round < 100 && !waited; round++) {
		struct feeder feeder = {.by_thread = true};
		if (CHECK_NUMBER(begin(&feeder, "sum "), 0) && CHECK(await_wanted(&feeder, 1))) {
			usleep(200 * round);
			mayfly_function_feed(client.function, feeder.call.serial, NULL, 0, 1, NULL);
			CHECK(call_finish(&feeder.call));
			check_sum(&feeder, "sum ");
			waited = feeder.call.length &&
				 feeder.call.response[feeder.call.length - 1] == 'd';
		}
		call_release(&feeder.call);
	}
	CHECK(waited);
}

static void test_deadline(void)
{
	struct feeder feeder = {.by_thread = true};
	mayfly_request_init(&feeder.call.request, sizeof(feeder.call.request));
	feeder.call.request.flags = MAYFLY_FED;
	feeder.call.request.timeout_ns = NANOSECONDS_PER_SECOND / 5;
	if (CHECK_NUMBER(call_begin(&feeder.call, &client, "some", 4), 0) &&
	    CHECK(call_finish(&feeder.call)))
		CHECK_NUMBER(feeder.call.result.outcome, MAYFLY_DEADLINE);
	call_release(&feeder.call);
	CHECK(client_answers(&client, "x", NULL, "x"));
}

static void test_cancel(void)
{
	struct feeder feeder = {.by_thread = true}, waiting = {.by_thread = true};
	size_t taken = 1;
	if (CHECK_NUMBER(begin(&feeder, "some"), 0) && CHECK(await_wanted(&feeder, 1))) {
		/* Another one waits for the slot, and for its turn to be fed. */
		CHECK_NUMBER(begin(&waiting, "other"), 0);
		CHECK_NUMBER(
		    mayfly_function_feed(client.function, waiting.call.serial, "x", 1, 1, &taken),
		    -EAGAIN);
		CHECK_NUMBER(taken, 0);
		CHECK_NUMBER(mayfly_function_cancel(client.function, feeder.call.serial), 0);
		if (CHECK(call_finish(&feeder.call)))
			CHECK_NUMBER(feeder.call.result.outcome, MAYFLY_CANCELLED);
		CHECK(await_wanted(&waiting, 1));
		CHECK_NUMBER(
		    mayfly_function_feed(client.function, waiting.call.serial, "x", 1, 1, &taken),
		    0);
		if (CHECK(call_finish(&waiting.call)))
			CHECK(waiting.call.length == 6 &&
			      !memcmp(waiting.call.response, "otherx", 6));
	}
	call_release(&feeder.call);
	call_release(&waiting.call);
}

/* ── what the program does not read ──────────────────────────────────────────────────────────── */

/* It ends while somebody feeds it, over and over. No byte gets into the next request. */
static void test_early_end(void)
{
	static const uint8_t secret[2 * WINDOW] = {'s'};
	for (unsigned round = 0; round < 20; round++) {
		struct feeder feeder = {.data = secret,
					.length = sizeof(secret),
					.piece = WINDOW,
					.by_thread = round % 2};
		if (!CHECK_NUMBER(begin(&feeder, round % 4 < 2 ? "early" : "sum "), 0))
			continue;
		if (round % 4 >= 2) {
			CHECK(await_wanted(&feeder, 1));
			const int result =
			    mayfly_function_cancel(client.function, feeder.call.serial);
			/* Whoever drives the function may have fed all of it before. */
			CHECK(!result || (result == -ENOENT && !feeder.by_thread));
		}
		if (feeder.by_thread)
			feed_some(&feeder);
		CHECK(call_finish(&feeder.call));
		if (round % 4 < 2)
			CHECK_NUMBER(feeder.call.result.status, 5);
		CHECK_NUMBER(feeder.call.told, 1);
		call_release(&feeder.call);
		CHECK(client_answers(&client, "x", NULL, "x"));
	}
}

static void test_misuse(void)
{
	struct call call = {0};
	struct mayfly_request request;
	if (CHECK_NUMBER(call_begin(&call, &client, "sleep", 5), 0)) {
		CHECK_NUMBER(mayfly_function_feed(client.function, call.serial, "x", 1, 1, NULL),
			     -EINVAL);
		CHECK_NUMBER(
		    mayfly_function_feed(client.function, call.serial + 1, "x", 1, 1, NULL),
		    -ENOENT);
		CHECK_NUMBER(mayfly_function_feed(NULL, call.serial, "x", 1, 1, NULL), -EINVAL);
		CHECK_NUMBER(mayfly_function_cancel(client.function, call.serial), 0);
		CHECK(call_finish(&call));
	}
	call_release(&call);
	mayfly_request_init(&request, sizeof(request));
	request.flags = MAYFLY_FED | MAYFLY_STREAMS;
	CHECK_NUMBER(mayfly_function_submit(client.function, &request, NULL, NULL), -EINVAL);
	request.flags = 0;
	request.head_length = 1;
	CHECK_NUMBER(mayfly_function_submit(client.function, &request, NULL, NULL), -EINVAL);
	request.head = request.data = "x";
	request.length = SIZE_MAX;
	CHECK_NUMBER(mayfly_function_submit(client.function, &request, NULL, NULL), -EINVAL);
}

/* ── the monitor dies ────────────────────────────────────────────────────────────────────────── */

static void test_killed(void)
{
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	uint8_t *data = make_data(MUCH);
	struct feeder feeder = {.data = data, .length = MUCH, .piece = WINDOW, .by_thread = true};
	pthread_t thread;
	if (CHECK_NUMBER(begin(&feeder, "sum "), 0) && CHECK(await_wanted(&feeder, 1))) {
		mayfly_function_statistics(client.function, &statistics);
		CHECK(!pthread_create(&thread, NULL, feed, &feeder));
		CHECK(await_wanted(&feeder, 3));
		kill(statistics.monitor, SIGKILL);
		CHECK(call_finish(&feeder.call));
		pthread_join(thread, NULL);
		CHECK(feeder.call.told == 1);
		CHECK(feeder.call.result.outcome == MAYFLY_FAILED ||
		      feeder.call.result.outcome == MAYFLY_EXITED);
		CHECK(client_await_event(&client, MAYFLY_DOWN));
		CHECK_NUMBER(
		    mayfly_function_feed(client.function, feeder.call.serial, "x", 1, 1, NULL),
		    -ENOENT);
		CHECK(client_start(&client));
		CHECK(client_answers(&client, "x", NULL, "x"));
	}
	call_release(&feeder.call);
	free(data);
}

/* ── what comes of each piece ────────────────────────────────────────────────────────────────── */

/* A program that answers each piece, and how much of the answer is there when it wants the next. */
struct conversation {
	struct call call;
	size_t lengths[4];
	unsigned count;
};

static void say_next(void *context, size_t room)
{
	struct conversation *self = context;
	(void)room;
	self->lengths[self->count++] = self->call.length;
	CHECK_NUMBER(mayfly_function_feed(client.function, self->call.serial, "and\n", 4,
					  self->count == ARRAY_SIZE(self->lengths), NULL),
		     0);
}

static void test_unbuffered(bool unbuffered)
{
	struct conversation self = {0};
	struct call *call = &self.call;
	mayfly_request_init(&call->request, sizeof(call->request));
	call->request.flags = MAYFLY_FED | (unbuffered ? MAYFLY_UNBUFFERED : 0);
	call->request.wanted = say_next;
	if (CHECK_NUMBER(call_begin(call, &client, "parts", 5), 0) && CHECK(call_finish(call)))
		CHECK_NUMBER(call->result.outcome, MAYFLY_EXITED);
	CHECK_NUMBER(self.count, ARRAY_SIZE(self.lengths));
	for (size_t i = 0; i < ARRAY_SIZE(self.lengths); i++)
		CHECK_NUMBER(self.lengths[i], unbuffered ? 5 + 4 * i : 0);
	CHECK(call->length == 21 && !memcmp(call->response, "partsand\nand\nand\nand\n", 21));
	CHECK_NUMBER(call->result.responded, 21);
	call_release(call);
}

int main(int argc, char **argv)
{
	struct mayfly_description description;
	if (argc < 3)
		return 1;
	mayfly_description_init(&description, sizeof(description));
	description.program = argv[2];
	description.isolation = argv[1];
	description.flags = MAYFLY_OWN_THREAD;
	description.log = STDERR_FILENO;
	const int status = client_begin(&client, &description);
	if (status)
		return status;
	test_from_wanted();
	test_from_thread();
	test_head();
	test_end_alone();
	test_polling();
	test_deadline();
	test_cancel();
	test_early_end();
	test_misuse();
	test_unbuffered(true);
	test_unbuffered(false);
	test_killed();
	client_close(&client);
	return check_status();
}
