/* Reading the clock out of the parameters that the monitor left in the control page: the same for
 * the library OS's system calls and for the vDSO, so that the two always agree. */
#ifndef MAYFLY_GUEST_CLOCK_H
#define MAYFLY_GUEST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "mayfly/guest_abi.h"

#define CLOCK_RESOLUTION_NS 1

enum clock_kind {
	CLOCK_KIND_REAL,
	CLOCK_KIND_MONOTONIC,
	CLOCK_KIND_PROCESSOR, /* time that the program used */
	CLOCK_KIND_UNKNOWN,
};

static inline enum clock_kind clock_kind(uint32_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		return CLOCK_KIND_REAL;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		return CLOCK_KIND_MONOTONIC;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return CLOCK_KIND_PROCESSOR;
	default:
		return CLOCK_KIND_UNKNOWN;
	}
}

/* Behind all earlier loads, so that two readings in a row never go backwards. */
static inline uint64_t clock_counter(void)
{
	uint32_t low, high;
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Nanoseconds since the monitor wrote the parameters; false where the counter cannot serve. */
static inline bool clock_elapsed(const volatile struct guest_clock *clock, uint64_t *nanoseconds)
{
	uint64_t multiplier = clock->multiplier;
	if (!multiplier)
		return false;
	uint64_t counter = clock_counter(), base = clock->tsc;
	/* Another processor's counter may lag behind by a little. */
	*nanoseconds =
	    counter > base ? (uint64_t)((unsigned __int128)(counter - base) * multiplier >> 32) : 0;
	return true;
}

#endif
