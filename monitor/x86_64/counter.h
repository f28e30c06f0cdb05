/* The processor's time stamp counter. */
#ifndef MAYFLY_MONITOR_COUNTER_H
#define MAYFLY_MONITOR_COUNTER_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

static inline uint64_t counter_read(void)
{
	return __rdtsc();
}

/* It runs at one rate, whatever the processor does (CPUID 0x80000007, EDX bit 8). */
static inline bool counter_is_constant(void)
{
	unsigned eax, ebx, ecx, edx = 0;
	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & 1U << 8);
}

#endif
