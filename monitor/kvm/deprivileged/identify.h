/* CPUID, as the monitor does it for a deprivileged kernel whose code has an INT3 in its place
 * (kernel/flags.h). */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_IDENTIFY_H
#define MAYFLY_MONITOR_DEPRIVILEGED_IDENTIFY_H

#include "monitor/kvm/kernel/kernel.h"

/* Sets the four registers as the instruction does. */
void identify_processor(struct kernel *kernel);

#endif
