/* Monotonic time in nanoseconds. */
#ifndef MAYFLY_UTIL_CLOCK_H
#define MAYFLY_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NANOSECONDS_PER_SECOND 1000000000ULL

static inline uint64_t clock_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* The same moment for functions that wait until one. */
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

#endif
