/* What a test takes of a processor: what hangs takes much, whatever else the machine does. */
#ifndef MAYFLY_TESTS_USED_TIME_H
#define MAYFLY_TESTS_USED_TIME_H

#include <stdint.h>
#include <time.h>

#include "util/clock.h"

/* By this thread so far. */
static inline uint64_t used_ns(void)
{
	struct timespec used;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)used.tv_nsec;
}

#endif
