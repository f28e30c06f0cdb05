/* Slots of one monitor, served from as many threads: each request sees a clone of its own, and no
 * two see the same random bytes. Most telling under ThreadSanitizer. The program is clones.c;
 * usage: test_slots ISOLATION PROGRAM */
#include <pthread.h>
#include <stdlib.h>

#include "clones.h"
#include "monitor/isolation/isolation.h"
#include "monitor/serving.h"
#include "sizes/sizes.h"
#include "util/clock.h"

enum { THREADS = 16, REQUESTS = 50 };

#define LIMIT_NS (60 * NANOSECONDS_PER_SECOND)

struct server {
	struct monitor *monitor;
	pthread_t thread;
	struct clone_tale tale; /* of the request under way */
	unsigned char random[REQUESTS][CLONE_RANDOM_SIZE];
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct server *server = context;
	if (CHECK_NUMBER(length, sizeof(server->tale)))
		memcpy(&server->tale, data, length);
	return 0;
}

static void serve_one(struct server *server, struct slot *slot)
{
	struct request_result result;
	struct error error = {0};
	const struct request request = text_request("x", (struct request){.timeout_ns = LIMIT_NS,
									  .respond = respond,
									  .log = drop_log,
									  .context = server});
	if (!CHECK_NUMBER(slot_serve(slot, &request, &result, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	else
		CHECK(result.outcome == OUTCOME_EXITED && !result.status);
}

/* Half of the requests in one slot, half in another one, opened beside those of others. */
static void *serve(void *context)
{
	struct server *server = context;
	struct slot *slot = NULL;
	struct error error = {0};
	for (int i = 0; i < REQUESTS; i++) {
		if (i % (REQUESTS / 2) == 0) {
			slot_close(slot);
			slot = NULL;
			if (!CHECK_NUMBER(slot_open(&slot, server->monitor, &error), 0)) {
				fprintf(stderr, "  %s\n", error.text);
				return NULL;
			}
		}
		serve_one(server, slot);
		memcpy(server->random[i], server->tale.random[0], CLONE_RANDOM_SIZE);
	}
	slot_close(slot);
	return NULL;
}

static int compare(const void *one, const void *other)
{
	return memcmp(one, other, CLONE_RANDOM_SIZE);
}

static void check_random(const struct server servers[THREADS])
{
	static unsigned char all[THREADS * REQUESTS][CLONE_RANDOM_SIZE];
	const size_t count = ARRAY_SIZE(all);
	for (size_t i = 0; i < THREADS; i++)
		memcpy(all[i * REQUESTS], servers[i].random, sizeof(servers[i].random));
	qsort(all, count, CLONE_RANDOM_SIZE, compare);
	for (size_t i = 1; i < count; i++)
		CHECK(compare(all[i - 1], all[i]));
}

static void test_slots(struct monitor *monitor)
{
	static struct server servers[THREADS];
	int started = 0;
	for (; started < THREADS; started++) {
		servers[started].monitor = monitor;
		if (!CHECK(
			!pthread_create(&servers[started].thread, NULL, serve, &servers[started])))
			break;
	}
	for (int i = 0; i < started; i++)
		CHECK(!pthread_join(servers[i].thread, NULL));
	check_random(servers);
}

int main(int argc, char **argv)
{
	struct monitor *monitor = NULL;
	if (argc < 3)
		return 1;
	int failed = open_program(&monitor, argv[1], argv[2], NULL, 64UL << 20);
	if (failed)
		return failed;
	if (prepare(monitor,
		    (struct request){.timeout_ns = LIMIT_NS, .respond = respond, .log = drop_log}))
		test_slots(monitor);
	monitor_close(monitor);
	return check_status();
}
