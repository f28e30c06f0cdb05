/* libmayfly as a front uses it; usage: test_function ISOLATION GUEST */
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

enum { THREADS = 4, REQUESTS = 25 };

static const char *isolation, *guest;

static void describe(struct mayfly_description *description, unsigned slots, unsigned flags)
{
	mayfly_description_init(description, sizeof(*description));
	description->program = guest;
	description->isolation = isolation;
	description->slots = slots;
	description->flags = flags;
	description->log = STDERR_FILENO;
}

static bool open_and_start(struct client *client, unsigned slots, unsigned flags)
{
	struct mayfly_description description;
	struct mayfly_error error = {0};
	describe(&description, slots, flags);
	if (!CHECK_NUMBER(client_open(client, &description, &error), 0)) {
		fprintf(stderr, "  %s\n", error.text);
		return false;
	}
	return CHECK(client_start(client));
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

static void check_echo(struct client *client, size_t length)
{
	struct call call = {0};
	uint8_t *data = malloc(length + 1);
	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 7 + i / 4096);
	if (CHECK_NUMBER(call_begin(&call, client, data, length), 0) && CHECK(call_finish(&call))) {
		CHECK_NUMBER(call.result.outcome, MAYFLY_EXITED);
		CHECK_NUMBER(call.result.status, 0);
		CHECK_NUMBER(call.length, length);
		CHECK_NUMBER(call.result.responded, length);
		CHECK(call.length != length || !length || !memcmp(call.response, data, length));
		CHECK_NUMBER(call.told, 1);
		if (call.result.outcome == MAYFLY_FAILED)
			fprintf(stderr, "  %s\n", call.text);
	}
	call_release(&call);
	free(data);
}

static void test_lengths(struct client *client)
{
	static const size_t lengths[] = {
	    0, 1, 4096, 100000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		check_echo(client, lengths[i]);
}

static void check_outcome(struct client *client, const char *what, uint64_t timeout_ns,
			  enum mayfly_outcome outcome, int status)
{
	struct call call = {0};
	mayfly_request_init(&call.request, sizeof(call.request));
	call.request.timeout_ns = timeout_ns;
	if (CHECK_NUMBER(call_begin(&call, client, what, strlen(what)), 0) &&
	    CHECK(call_finish(&call))) {
		CHECK_NUMBER(call.result.outcome, outcome);
		CHECK_NUMBER(call.result.status, status);
	}
	call_release(&call);
}

static void test_outcomes(struct client *client)
{
	const uint64_t second_ns = NANOSECONDS_PER_SECOND;
	check_outcome(client, "status 7", 20 * second_ns, MAYFLY_EXITED, 7);
	check_outcome(client, "spin", second_ns / 5, MAYFLY_DEADLINE, 0);
	check_outcome(client, "sleep", second_ns / 5, MAYFLY_DEADLINE, 0);
	check_outcome(client, "crash", 20 * second_ns, MAYFLY_SIGNALED, SIGSEGV);
	check_echo(client, 10);
	/* What waits for a slot keeps its deadline, too. */
	struct call first = {0}, late = {0};
	mayfly_request_init(&first.request, sizeof(first.request));
	first.request.timeout_ns = second_ns / 2;
	mayfly_request_init(&late.request, sizeof(late.request));
	late.request.deadline_ns = clock_now_ns() + second_ns / 10;
	CHECK_NUMBER(call_begin(&first, client, "spin", 4), 0);
	CHECK_NUMBER(call_begin(&late, client, "x", 1), 0);
	if (CHECK(call_finish(&late)))
		CHECK_NUMBER(late.result.outcome, MAYFLY_DEADLINE);
	CHECK(call_finish(&first));
	call_release(&first);
	call_release(&late);
}

static void test_limits(struct client *client)
{
	struct call call = {0};
	mayfly_request_init(&call.request, sizeof(call.request));
	call.request.response_limit = 5;
	if (CHECK_NUMBER(call_begin(&call, client, "much more", 9), 0) &&
	    CHECK(call_finish(&call))) {
		CHECK_NUMBER(call.result.outcome, MAYFLY_CRASHED);
		CHECK_NUMBER(call.result.status, SIGXFSZ);
		CHECK_NUMBER(call.length, 5);
	}
	call_release(&call);
}

static void test_cancel(struct client *client)
{
	struct call running = {0}, waiting = {0};
	static const char *const deeds[] = {"spin", "sleep"};
	for (size_t i = 0; i < 2; i++) {
		CHECK_NUMBER(call_begin(&running, client, deeds[i], strlen(deeds[i])), 0);
		CHECK_NUMBER(call_begin(&waiting, client, "x", 1), 0);
		CHECK_NUMBER(mayfly_function_cancel(client->function, waiting.serial), 0);
		if (CHECK(call_finish(&waiting)))
			CHECK_NUMBER(waiting.result.outcome, MAYFLY_CANCELLED);
		usleep(50000);
		CHECK(!running.done);
		uint64_t begin_ns = clock_now_ns();
		CHECK_NUMBER(mayfly_function_cancel(client->function, running.serial), 0);
		if (CHECK(call_finish(&running)))
			CHECK_NUMBER(running.result.outcome, MAYFLY_CANCELLED);
		CHECK(clock_now_ns() - begin_ns < 5 * NANOSECONDS_PER_SECOND);
		CHECK_NUMBER(mayfly_function_cancel(client->function, running.serial), -ENOENT);
		call_release(&running);
		call_release(&waiting);
	}
	CHECK_NUMBER(mayfly_function_cancel(client->function, 12345678), -ENOENT);
	check_echo(client, 10);
}

/* A front that takes its time, and one that does not want a response. */
static int refuse(void *context, const void *data, size_t length)
{
	return 1;
}

static void test_call_backs(struct client *client)
{
	struct call slow = {.slow_ms = 300};
	CHECK_NUMBER(call_begin(&slow, client, "slow", 4), 0);
	CHECK(call_finish(&slow));
	CHECK_NUMBER(slow.result.outcome, MAYFLY_EXITED);
	call_release(&slow);
	struct call refused = {0};
	mayfly_request_init(&refused.request, sizeof(refused.request));
	refused.request.data = "x";
	refused.request.length = 1;
	struct mayfly_request request = refused.request;
	request.respond = refuse;
	CHECK_NUMBER(mayfly_function_submit(client->function, &request, NULL, NULL), 0);
	check_echo(client, 3); /* behind the one that nobody waits for */
}

/* ── slots and threads ───────────────────────────────────────────────────────────────────────── */

struct submitter {
	struct client *client;
	pthread_t thread;
};

static void *submit(void *context)
{
	struct submitter *self = context;
	for (size_t i = 0; i < REQUESTS; i++)
		check_echo(self->client, i * 997);
	return NULL;
}

static void test_threads(void)
{
	struct client client = {0};
	struct submitter submitters[THREADS];
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	if (!open_and_start(&client, 3, MAYFLY_OWN_THREAD))
		return;
	for (size_t i = 0; i < THREADS; i++) {
		submitters[i].client = &client;
		CHECK(!pthread_create(&submitters[i].thread, NULL, submit, &submitters[i]));
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(submitters[i].thread, NULL);
	mayfly_function_statistics(client.function, &statistics);
	CHECK_NUMBER(statistics.submitted, THREADS * REQUESTS);
	CHECK_NUMBER(statistics.exited, THREADS * REQUESTS);
	CHECK_NUMBER(statistics.running + statistics.waiting, 0);
	CHECK(statistics.slots_open <= 3);
	client_close(&client);
}

static bool await_slots(struct client *client, uint64_t wanted)
{
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	const uint64_t limit_ns = clock_now_ns() + 10 * NANOSECONDS_PER_SECOND;
	do {
		usleep(2000);
		mayfly_function_process(client->function);
		mayfly_function_statistics(client->function, &statistics);
	} while (statistics.slots_open != wanted && clock_now_ns() < limit_ns);
	return CHECK_NUMBER(statistics.slots_open, wanted);
}

static void test_slots(void)
{
	struct client client = {0};
	struct call calls[6] = {0};
	if (!open_and_start(&client, 4, 0))
		return;
	CHECK(await_slots(&client, 1));
	CHECK_NUMBER(mayfly_function_set_slots(client.function, 3, 4), 0);
	CHECK(await_slots(&client, 3));
	CHECK_NUMBER(mayfly_function_set_slots(client.function, 5, 5), -EINVAL);
	CHECK_NUMBER(mayfly_function_set_slots(client.function, 3, 2), -EINVAL);
	CHECK_NUMBER(mayfly_function_set_slots(client.function, 0, 0), -EINVAL);
	for (size_t i = 0; i < 6; i++)
		CHECK_NUMBER(call_begin(&calls[i], &client, "x", 1), 0);
	for (size_t i = 0; i < 6; i++) {
		CHECK(call_finish(&calls[i]));
		call_release(&calls[i]);
	}
	CHECK_NUMBER(mayfly_function_set_slots(client.function, 1, 1), 0);
	CHECK(await_slots(&client, 1));
	check_echo(&client, 100);
	client_close(&client);
}

static bool await_running(struct client *client, uint64_t wanted)
{
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	const uint64_t limit_ns = clock_now_ns() + 10 * NANOSECONDS_PER_SECOND;
	do {
		usleep(2000);
		mayfly_function_process(client->function);
		mayfly_function_statistics(client->function, &statistics);
	} while (statistics.running != wanted && clock_now_ns() < limit_ns);
	return CHECK_NUMBER(statistics.running, wanted);
}

/* Where somebody nearly always waits, there is another slot in the end. */
static void test_steady_demand(struct client *client)
{
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	const uint64_t limit_ns = clock_now_ns() + 20 * NANOSECONDS_PER_SECOND;
	mayfly_function_set_slots(client->function, 1, 1);
	if (!CHECK(await_slots(client, 1)))
		return;
	mayfly_function_set_slots(client->function, 1, 40);
	do {
		struct call calls[3] = {0};
		for (size_t i = 0; i < 3; i++)
			CHECK_NUMBER(call_begin(&calls[i], client, "x", 1), 0);
		for (size_t i = 0; i < 3; i++) {
			CHECK(call_finish(&calls[i]));
			call_release(&calls[i]);
		}
		mayfly_function_statistics(client->function, &statistics);
	} while (statistics.slots_open < 2 && clock_now_ns() < limit_ns);
	CHECK(statistics.slots_open >= 2);
}

/* Requests that sleep all get a slot. */
static void check_side_by_side(struct client *client, size_t count)
{
	struct call calls[16] = {0};
	for (size_t i = 0; i < count; i++)
		CHECK_NUMBER(call_begin(&calls[i], client, "sleep", 5), 0);
	CHECK(await_running(client, count));
	for (size_t i = 0; i < count; i++) {
		CHECK_NUMBER(mayfly_function_cancel(client->function, calls[i].serial), 0);
		CHECK(call_finish(&calls[i]));
		call_release(&calls[i]);
	}
}

/* A function whose requests were short gets more slots when they are long. A queue of short ones does
 * not get a slot for each. */
static void test_demand(void)
{
	struct client client = {0};
	struct call calls[40] = {0};
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	if (!open_and_start(&client, 40, 0))
		return;
	for (size_t i = 0; i < 20; i++)
		check_echo(&client, 10);
	for (size_t i = 0; i < 40; i++)
		CHECK_NUMBER(call_begin(&calls[i], &client, "x", 1), 0);
	for (size_t i = 0; i < 40; i++) {
		CHECK(call_finish(&calls[i]));
		call_release(&calls[i]);
	}
	mayfly_function_statistics(client.function, &statistics);
	CHECK(statistics.slots_opened < 40);
	test_steady_demand(&client);
	check_side_by_side(&client, 6);
	check_side_by_side(&client, 9);
	client_close(&client);
	/* Its first request is a long one. */
	client = (struct client){0};
	if (!open_and_start(&client, 9, 0))
		return;
	check_side_by_side(&client, 1);
	check_side_by_side(&client, 9);
	client_close(&client);
}

/* What a front has in its environment is no business of guests that take their monitor over. */
static void test_environment(void)
{
	static char told[1 << 20];
	struct client client = {0};
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	char path[64];
	setenv("FRONT_SECRET", "do-not-tell", 1);
	if (!open_and_start(&client, 1, 0))
		return;
	mayfly_function_statistics(client.function, &statistics);
	snprintf(path, sizeof(path), "/proc/%d/environ", statistics.monitor);
	FILE *file = fopen(path, "re");
	if (CHECK(file)) {
		const size_t length = fread(told, 1, sizeof(told), file);
		CHECK(!ferror(file) && !memmem(told, length, "do-not-tell", 11));
		fclose(file);
	}
	client_close(&client);
	unsetenv("FRONT_SECRET");
}

/* ── ends ────────────────────────────────────────────────────────────────────────────────────── */

static void test_killed_monitor(void)
{
	struct client client = {0};
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	struct call running = {0}, waiting = {0}, refused = {0};
	if (!open_and_start(&client, 1, 0))
		return;
	for (int i = 0; i < 2; i++) {
		CHECK_NUMBER(call_begin(&running, &client, "sleep", 5), 0);
		CHECK_NUMBER(call_begin(&waiting, &client, "x", 1), 0);
		mayfly_function_statistics(client.function, &statistics);
		if (CHECK(statistics.monitor > 0))
			kill(statistics.monitor, SIGKILL);
		CHECK(client_await_event(&client, MAYFLY_DOWN));
		CHECK(strstr(client.text, "killed by signal 9"));
		CHECK(call_finish(&running) && call_finish(&waiting));
		CHECK_NUMBER(running.result.outcome, MAYFLY_FAILED);
		CHECK_NUMBER(waiting.result.outcome, MAYFLY_FAILED);
		CHECK(strstr(running.text, "killed by signal 9"));
		call_release(&running);
		call_release(&waiting);
		CHECK_NUMBER(call_begin(&refused, &client, "x", 1), -ESHUTDOWN);
		CHECK(client_start(&client));
		check_echo(&client, 1000);
	}
	mayfly_function_statistics(client.function, &statistics);
	CHECK_NUMBER(statistics.starts, 3);
	CHECK_NUMBER(statistics.deaths, 2);
	client_close(&client);
}

static void test_drain_and_stop(void)
{
	struct client client = {0};
	struct call calls[3] = {0}, refused = {0};
	struct mayfly_error error = {0};
	if (!open_and_start(&client, 1, 0))
		return;
	CHECK_NUMBER(mayfly_function_start(client.function, &error), -EALREADY);
	CHECK(*error.text);
	for (size_t i = 0; i < 3; i++)
		CHECK_NUMBER(call_begin(&calls[i], &client, "x", 1), 0);
	CHECK_NUMBER(mayfly_function_drain(client.function), 0);
	CHECK_NUMBER(call_begin(&refused, &client, "x", 1), -ESHUTDOWN);
	CHECK(client_await_event(&client, MAYFLY_DRAINED));
	for (size_t i = 0; i < 3; i++) {
		CHECK(call_finish(&calls[i]));
		CHECK_NUMBER(calls[i].result.outcome, MAYFLY_EXITED);
		call_release(&calls[i]);
	}
	CHECK_NUMBER(mayfly_function_stop(client.function), 0);
	CHECK_NUMBER(mayfly_function_stop(client.function), -EALREADY);
	CHECK(client_await_event(&client, MAYFLY_STOPPED));
	CHECK_NUMBER(mayfly_function_stop(client.function), -EALREADY);
	CHECK_NUMBER(call_begin(&refused, &client, "x", 1), -ESHUTDOWN);
	/* And again. A request that is under way when it is stopped fails. */
	CHECK(client_start(&client));
	CHECK_NUMBER(call_begin(&calls[0], &client, "spin", 4), 0);
	CHECK_NUMBER(mayfly_function_stop(client.function), 0);
	CHECK(call_finish(&calls[0]));
	CHECK_NUMBER(calls[0].result.outcome, MAYFLY_FAILED);
	CHECK_NUMBER(calls[0].result.error, -ECANCELED);
	CHECK(client_await_event(&client, MAYFLY_STOPPED));
	call_release(&calls[0]);
	client_close(&client);
}

static void test_stop_during_start(void)
{
	for (unsigned i = 0; i < 12; i++) {
		struct client client = {0};
		struct mayfly_description description;
		describe(&description, 1, i % 2 ? MAYFLY_OWN_THREAD : 0);
		CHECK_NUMBER(client_open(&client, &description, NULL), 0);
		CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
		for (unsigned k = 0; k < i; k++) {
			usleep(700);
			mayfly_function_process(client.function);
		}
		CHECK_NUMBER(mayfly_function_stop(client.function), 0);
		if (i % 3)
			CHECK(client_await_event(&client, MAYFLY_STOPPED));
		client_close(&client);
	}
}

/* A request is done also where its function is closed. */
static void test_close(void)
{
	struct client client = {0};
	struct call calls[2] = {0};
	if (!open_and_start(&client, 1, 0))
		return;
	CHECK_NUMBER(call_begin(&calls[0], &client, "spin", 4), 0);
	CHECK_NUMBER(call_begin(&calls[1], &client, "x", 1), 0);
	client_close(&client);
	for (size_t i = 0; i < 2; i++) {
		CHECK_NUMBER(calls[i].told, 1);
		CHECK_NUMBER(calls[i].result.error, -ECANCELED);
		call_release(&calls[i]);
	}
	/* One that was never started. */
	struct mayfly_description description;
	describe(&description, 1, 0);
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK_NUMBER(call_begin(&calls[0], &client, "x", 1), 0);
	client_close(&client);
	CHECK_NUMBER(calls[0].told, 1);
	call_release(&calls[0]);
}

/* ── set-ups ─────────────────────────────────────────────────────────────────────────────────── */

static void test_set_ups(void)
{
	const char *const ends[] = {"ends", NULL}, *const hangs[] = {"hangs", NULL};
	const char *const writes[] = {"writes", NULL};
	struct client client = {0};
	struct mayfly_description description;
	struct call call = {0};
	describe(&description, 1, 0);
	description.arguments = ends;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	CHECK(client_await_event(&client, MAYFLY_FINISHED));
	CHECK_NUMBER(client.events[0].status, 3);
	CHECK_NUMBER(call_begin(&call, &client, "x", 1), 0);
	CHECK(call_finish(&call));
	CHECK_NUMBER(call.result.status, 3);
	call_release(&call);
	client_close(&client);

	client = (struct client){0};
	description.arguments = hangs;
	description.setup_timeout_ns = NANOSECONDS_PER_SECOND / 5;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	CHECK(client_await_event(&client, MAYFLY_FINISHED));
	CHECK_NUMBER(client.events[0].outcome, MAYFLY_DEADLINE);
	client_close(&client);

	/* What a set-up wrote begins each response. */
	client = (struct client){0};
	describe(&description, 1, 0);
	description.arguments = writes;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK(client_start(&client));
	CHECK_NUMBER(call_begin(&call, &client, "and after", 9), 0);
	CHECK(call_finish(&call));
	CHECK(call.length == 24 && !memcmp(call.response, "written before\nand after", 24));
	call_release(&call);
	client_close(&client);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	isolation = argv[1];
	guest = argv[2];
	struct client client = {0};
	struct mayfly_description description;
	describe(&description, 1, 0);
	const int status = client_begin(&client, &description);
	if (status)
		return status;
	CHECK(!strcmp(mayfly_function_isolation(client.function), isolation));
	test_lengths(&client);
	test_outcomes(&client);
	test_limits(&client);
	test_cancel(&client);
	test_call_backs(&client);
	client_close(&client);
	test_threads();
	test_slots();
	test_demand();
	test_environment();
	test_killed_monitor();
	test_drain_and_stop();
	test_stop_during_start();
	test_close();
	test_set_ups();
	return check_status();
}
