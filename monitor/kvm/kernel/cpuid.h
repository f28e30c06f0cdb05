/* What kernels see of the processor (CPUID), in both ways. */
#ifndef MAYFLY_MONITOR_KERNEL_CPUID_H
#define MAYFLY_MONITOR_KERNEL_CPUID_H

#include <stdint.h>

#include "monitor/kvm/x86_64/processor.h"
#include "probe.h"

/* Makes what native guests see into what kernels do: one processor without APIC, whose time stamp
 * counter has `counter_khz`. */
void cpuid_for_kernels(struct processor *processor, enum kernel_way way, uint32_t counter_khz);

/* What CPUID answers, in four registers. */
struct cpuid_leaf {
	uint32_t eax, ebx, ecx, edx;
};

/* What it answers about a function and, where that has several leaves, an index; zeros where there is
 * no such leaf. Bits that follow the processor's state (OSXSAVE) are clear. */
struct cpuid_leaf cpuid_find(const struct processor *processor, uint32_t function, uint32_t index);

#endif
