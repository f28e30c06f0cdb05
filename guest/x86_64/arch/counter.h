/* The counter that time is read from. */
#ifndef MAYFLY_GUEST_ARCH_COUNTER_H
#define MAYFLY_GUEST_ARCH_COUNTER_H

#include <stdint.h>

/* Behind all earlier loads, so that two readings in a row never go backwards. */
static inline uint64_t counter_read(void)
{
	uint32_t low, high;
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

#endif
