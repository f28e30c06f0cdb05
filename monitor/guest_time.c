/* The guest's clock; see guest_time.h. */
#include "guest_time.h"

#include <cpuid.h>
#include <x86intrin.h>

#include "util/clock.h"

#define MEASURING_BASE_MIN_NS 1000000ULL

static bool counter_is_invariant(void)
{
	unsigned eax, ebx, ecx, edx = 0;
	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & 1U << 8);
}

void guest_time_init(struct guest_time *time)
{
	time->usable = counter_is_invariant();
	time->first_ns = clock_now_ns();
	time->first_tsc = __rdtsc();
}

void guest_time_fill(const struct guest_time *time, bool same_counter,
		     volatile struct guest_clock *clock)
{
	struct timespec real;
	uint64_t now, counter;
	do {
		clock_gettime(CLOCK_REALTIME, &real);
		now = clock_now_ns();
		counter = __rdtsc();
	} while (now - time->first_ns < MEASURING_BASE_MIN_NS && time->usable);
	clock->tsc = counter;
	clock->monotonic_ns = now;
	clock->realtime_ns =
	    (uint64_t)real.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)real.tv_nsec;
	clock->multiplier = 0;
	if (time->usable && same_counter && counter > time->first_tsc) {
		unsigned __int128 elapsed = (unsigned __int128)(now - time->first_ns) << 32;
		clock->multiplier = (uint64_t)(elapsed / (counter - time->first_tsc));
	}
}
