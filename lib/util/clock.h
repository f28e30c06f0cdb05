/* Time in nanoseconds: monotonic, and since 1970. */
#ifndef MAYFLY_UTIL_CLOCK_H
#define MAYFLY_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "sizes/sizes.h"

#define NANOSECONDS_PER_SECOND 1000000000ULL

static inline uint64_t clock_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* CLOCK_REALTIME, which may be set: for what is shown to people, or kept over restarts. */
static inline uint64_t clock_real_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* A moment of clock_now_ns() for functions that wait until one. */
static inline struct timespec clock_timespec(uint64_t moment_ns)
{
	return (struct timespec){.tv_sec = (time_t)(moment_ns / NANOSECONDS_PER_SECOND),
				 .tv_nsec = (long)(moment_ns % NANOSECONDS_PER_SECOND)};
}

/* How long it is until that moment, as ppoll(2) wants it; zero where it has passed. */
static inline struct timespec clock_left_until(uint64_t moment_ns)
{
	uint64_t now = clock_now_ns();
	return clock_timespec(moment_ns > now ? moment_ns - now : 0);
}

/* When an op that begins at `now_ns` and may take `limit_ns` has to end; 0, which means never, where
 * the limit is 0 or reaches beyond the largest time. */
static inline uint64_t clock_deadline_after(uint64_t now_ns, uint64_t limit_ns)
{
	uint64_t deadline_ns;
	if (!limit_ns || add_overflows(now_ns, limit_ns, &deadline_ns))
		return 0;
	return deadline_ns;
}

/* The earlier of two deadlines, or the smaller of two limits, of which 0 is none. */
static inline uint64_t clock_earlier(uint64_t one_ns, uint64_t other_ns)
{
	return !one_ns || (other_ns && other_ns < one_ns) ? other_ns : one_ns;
}

#endif
