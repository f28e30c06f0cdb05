/* The clock. It is read inside the guest, from the processor's counter and the parameters that the
 * monitor left in the control page: in the same way by the library OS and by the vDSO, so that the
 * two always agree. */
#ifndef MAYFLY_GUEST_CLOCK_H
#define MAYFLY_GUEST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "arch/counter.h"
#include "mayfly/guest_abi.h"

#define CLOCK_RESOLUTION_NS 1
#define NANOSECONDS	    1000000000UL

/* The unit of times(2) and of times in /proc. */
#define CLOCK_TICK_NS (NANOSECONDS / 100)

/* As a monotonic time: never. */
#define NO_DEADLINE UINT64_MAX

enum clock_kind {
	CLOCK_KIND_REAL,
	CLOCK_KIND_MONOTONIC,
	CLOCK_KIND_PROCESS, /* processor time that the program used; see sched/processor_time.c */
	CLOCK_KIND_THREAD,
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
		return CLOCK_KIND_PROCESS;
	case CLOCK_THREAD_CPUTIME_ID:
		return CLOCK_KIND_THREAD;
	default:
		return CLOCK_KIND_UNKNOWN;
	}
}

/* Nanoseconds since the monitor wrote the parameters; false where the counter cannot serve. */
static inline bool clock_elapsed(const volatile struct guest_clock *clock, uint64_t *nanoseconds)
{
	uint64_t multiplier = clock->multiplier;
	if (!multiplier)
		return false;
	uint64_t counter = counter_read(), base = clock->tsc;
	/* Another processor's counter may lag behind by a little. */
	*nanoseconds =
	    counter > base ? (uint64_t)((unsigned __int128)(counter - base) * multiplier >> 32) : 0;
	return true;
}

/* Processor time at that monotonic time. The base may lie before the clock's zero, and by a little
 * ahead where another processor's counter lags behind. */
static inline uint64_t clock_used(uint64_t now_ns, uint64_t base_ns)
{
	int64_t used = (int64_t)(now_ns - base_ns);
	return used > 0 ? (uint64_t)used : 0;
}

/* Nanoseconds since 1970, or of the monotonic clock. Asks the monitor only where the counter cannot
 * serve. */
uint64_t clock_read_ns(bool realtime);

/* The machine, or a clone, begins; and when that was, by the monotonic clock. */
void clock_start(void);
uint64_t clock_started_ns(void);

/* The monotonic time in that many nanoseconds; not NO_DEADLINE. */
uint64_t clock_deadline_ns(uint64_t nanoseconds);

/* The machine waited that long: it is no processor time of the program. */
void clock_skip(uint64_t nanoseconds);

#endif
