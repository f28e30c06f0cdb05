/* The guest's clock; see guest_time.h. */
#include "guest_time.h"

#include "monitor/x86_64/counter.h"
#include "util/clock.h"

#define MEASURING_BASE_MIN_NS 1000000ULL
#define READINGS	      3

struct reading {
	uint64_t counter, monotonic_ns, realtime_ns;
};

/* Reads the counter and the clocks as if in one moment: of a few readings the one whose ends lie
 * closest together, so that an interruption in the middle does not spoil the rate. */
static struct reading read_together(void)
{
	struct reading best = {0};
	uint64_t narrowest = UINT64_MAX;
	for (int i = 0; i < READINGS; i++) {
		struct timespec real;
		uint64_t before = counter_read(), monotonic = clock_now_ns();
		clock_gettime(CLOCK_REALTIME, &real);
		uint64_t width = counter_read() - before;
		if (width >= narrowest)
			continue;
		narrowest = width;
		best = (struct reading){
		    .counter = before + width / 2,
		    .monotonic_ns = monotonic,
		    .realtime_ns =
			(uint64_t)real.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)real.tv_nsec,
		};
	}
	return best;
}

void guest_time_init(struct guest_time *time)
{
	struct reading first = read_together();
	time->usable = counter_is_constant();
	time->first_ns = first.monotonic_ns;
	time->first_tsc = first.counter;
}

void guest_time_fill(const struct guest_time *time, bool same_counter,
		     volatile struct guest_clock *clock)
{
	struct reading now;
	do {
		now = read_together();
	} while (now.monotonic_ns - time->first_ns < MEASURING_BASE_MIN_NS && time->usable);
	clock->tsc = now.counter;
	clock->monotonic_ns = now.monotonic_ns;
	clock->realtime_ns = now.realtime_ns;
	clock->multiplier = 0;
	if (time->usable && same_counter && now.counter > time->first_tsc) {
		unsigned __int128 elapsed = (unsigned __int128)(now.monotonic_ns - time->first_ns)
					    << 32;
		clock->multiplier = (uint64_t)(elapsed / (now.counter - time->first_tsc));
	}
}
