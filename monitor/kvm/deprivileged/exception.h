/* Exceptions and interrupts of a deprivileged kernel, delivered as the processor would from ring 0 to
 * ring 0. Faults on the way come instead, or become a double fault. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_EXCEPTION_H
#define MAYFLY_MONITOR_DEPRIVILEGED_EXCEPTION_H

#include "virtual_cpu.h"

/* Enters the guest's handler. False: a triple fault, the guest cannot go on. */
bool exception_deliver(struct kernel *kernel, struct exception exception);

/* The same for an interrupt from outside. */
bool exception_interrupt(struct kernel *kernel, unsigned vector);

/* And for INT, whose handler returns to `next`. */
bool exception_software_interrupt(struct kernel *kernel, unsigned vector, uint64_t next);

#endif
