/* Clones of one snapshot: no two see the same random bytes, and each has the true time and began
 * when it did. Several slots take turns. The program is clones.c; usage:
 * test_clones ISOLATION PROGRAM [REQUESTS] */
#include <stdlib.h>

#include "clones.h"
#include "monitor/isolation/isolation.h"
#include "monitor/serving.h"
#include "util/clock.h"

#define SLOTS	      3
#define TICK_NS	      10000000UL
#define TIME_ERROR_NS 1000000UL /* two readings of two clocks are not one */

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct clone_tale *tale = context;
	if (CHECK_NUMBER(length, sizeof(*tale)))
		memcpy(tale, data, length);
	return 0;
}

static uint64_t realtime_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void serve(struct slot *slot, struct clone_tale *tale)
{
	struct request_result result;
	struct error error = {0};
	const struct request request =
	    text_request("x", (struct request){.timeout_ns = 60 * NANOSECONDS_PER_SECOND,
					       .respond = respond,
					       .log = drop_log,
					       .context = tale});
	uint64_t before = clock_now_ns(), real_before = realtime_now_ns();
	if (!CHECK_NUMBER(slot_serve(slot, &request, &result, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	uint64_t after = clock_now_ns(), real_after = realtime_now_ns();
	CHECK(result.outcome == OUTCOME_EXITED && !result.status);
	CHECK(tale->monotonic_ns + TIME_ERROR_NS >= before &&
	      tale->monotonic_ns <= after + TIME_ERROR_NS);
	CHECK(tale->realtime_ns + TIME_ERROR_NS >= real_before &&
	      tale->realtime_ns <= real_after + TIME_ERROR_NS);
	/* Sleeping is not using; but what the virtual processor waits for one of the host's is. */
	CHECK(tale->asleep_ns > CLONE_SLEEP_NS / 2);
	/* It goes on with what the set-up used, and does not count what passed in between. */
	CHECK(tale->used_ns >= tale->used_before_ns &&
	      tale->used_ns - tale->used_before_ns <= after - before + TIME_ERROR_NS);
	CHECK(tale->thread_used_ns >= tale->thread_used_before_ns &&
	      tale->thread_used_ns <= tale->used_ns);
	CHECK(tale->start_ticks >= (before - TIME_ERROR_NS) / TICK_NS &&
	      tale->start_ticks <= (after + TIME_ERROR_NS) / TICK_NS);
}

static int compare(const void *one, const void *other)
{
	return memcmp(one, other, CLONE_RANDOM_SIZE);
}

static void test_clones(struct monitor *monitor, size_t count)
{
	struct slot *slots[SLOTS] = {NULL};
	struct error error = {0};
	struct clone_tale tale = {0};
	unsigned char *all = calloc(count * CLONE_RANDOM_SOURCES, CLONE_RANDOM_SIZE);
	CHECK(all);
	for (int i = 0; i < SLOTS; i++)
		if (!CHECK_NUMBER(slot_open(&slots[i], monitor, &error), 0))
			fprintf(stderr, "  %s\n", error.text);
	for (size_t i = 0; all && slots[SLOTS - 1] && i < count; i++) {
		serve(slots[i % SLOTS], &tale);
		memcpy(all + i * sizeof(tale.random), tale.random, sizeof(tale.random));
	}
	if (all)
		qsort(all, count * CLONE_RANDOM_SOURCES, CLONE_RANDOM_SIZE, compare);
	for (size_t i = 1; all && i < count * CLONE_RANDOM_SOURCES; i++)
		CHECK(compare(all + (i - 1) * CLONE_RANDOM_SIZE, all + i * CLONE_RANDOM_SIZE));
	for (int i = 0; i < SLOTS; i++)
		slot_close(slots[i]);
	free(all);
}

int main(int argc, char **argv)
{
	struct monitor *monitor = NULL;
	if (argc < 3)
		return 1;
	size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 500;
	int failed = open_program(&monitor, argv[1], argv[2], NULL, 64UL << 20);
	if (failed)
		return failed;
	if (prepare(monitor, (struct request){.timeout_ns = 60 * NANOSECONDS_PER_SECOND,
					      .respond = respond,
					      .log = drop_log}))
		test_clones(monitor, count);
	monitor_close(monitor);
	return check_status();
}
