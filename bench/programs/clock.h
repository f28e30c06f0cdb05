/* The clock of programs that time themselves. */
#ifndef MAYFLY_BENCH_PROGRAMS_CLOCK_H
#define MAYFLY_BENCH_PROGRAMS_CLOCK_H

#include <time.h>

static inline double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

#endif
