/* The guest's clock, read as a guest reads it, agrees with the host's and goes forward. */
#include "check.h"
#include "guest/machine/clock.h"
#include "monitor/slot/guest_time.h"
#include "util/clock.h"

#define ROUNDS	      20
#define ROUND_NS      5000000L
#define DIFFERENCE_NS 1000000L /* that is allowed */

static uint64_t read_host(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* A reading between two of the host's lies between them, but for the difference allowed. */
static void compare(const struct guest_clock *clock, clockid_t host_clock, uint64_t base)
{
	uint64_t elapsed = 0;
	uint64_t before = read_host(host_clock);
	CHECK(clock_elapsed(clock, &elapsed));
	uint64_t after = read_host(host_clock);
	CHECK(base + elapsed + DIFFERENCE_NS >= before);
	CHECK(base + elapsed <= after + DIFFERENCE_NS);
}

static void test_agreement(const struct guest_time *time)
{
	struct guest_clock clock;
	guest_time_fill(time, true, &clock);
	const struct timespec pause = {0, ROUND_NS};
	uint64_t last = 0;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t elapsed = 0;
		compare(&clock, CLOCK_MONOTONIC, clock.monotonic_ns);
		compare(&clock, CLOCK_REALTIME, clock.realtime_ns);
		CHECK(clock_elapsed(&clock, &elapsed) && elapsed > last);
		last = elapsed;
		nanosleep(&pause, NULL);
	}
}

static void test_unusable(const struct guest_time *time)
{
	struct guest_clock clock;
	uint64_t elapsed = 0, before = clock_now_ns();
	guest_time_fill(time, false, &clock);
	CHECK(!clock_elapsed(&clock, &elapsed));
	CHECK(clock.monotonic_ns >= before && clock.monotonic_ns <= clock_now_ns());
}

int main(void)
{
	struct guest_time time;
	guest_time_init(&time);
	if (time.usable)
		test_agreement(&time);
	else
		fprintf(stderr, "the counter of this machine is not usable: half of the test\n");
	test_unusable(&time);
	return check_status();
}
