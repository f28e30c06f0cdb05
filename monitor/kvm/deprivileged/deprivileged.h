/* Kernels that run deprivileged, in ring 3.
 *
 *   deprivileged.c   the loop of exits, what a trap means
 *   virtual_cpu.c    the processor that the guest believes to have
 *   address_space.c  the guest's page tables, which the real processor uses as they are
 *   descriptors.c    its descriptor tables
 *   exception.c      exceptions and interrupts, delivered in software
 *   instruction.c    the instruction at a trap, decoded
 *   privileged.c     which instruction is done by whom: control.c, segments.c, port_io.c
 *   identify.c       CPUID
 *   protected.c      how a kernel begins that does so in 32 bits
 *   state.c          the processor in snapshots
 */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_H
#define MAYFLY_MONITOR_DEPRIVILEGED_H

#include "monitor/kvm/kernel/kernel.h"

/* The next run begins as kernel->start says. */
int deprivileged_start(struct kernel *kernel, struct error *error);

/* Lets the guest run until it stops, when it has been entered. */
int deprivileged_run(struct kernel *kernel, uint64_t deadline_ns, struct machine_exit *exit,
		     struct error *error);

/* The guest has read a device's memory, and may come to another access soon: has KVM finish the read, so
 * that deprivileged_run() can go on from there. As kernel_finish_access(). */
int deprivileged_finish_read(struct kernel *kernel, struct machine_exit *exit, bool *stopped,
			     struct error *error);

/* What a fault means that stopped KVM_RUN: the exception is in the shared page. True: the guest goes
 * on; else the machine stops, and *exit says why. */
bool deprivileged_serve_trap(struct kernel *kernel, struct machine_exit *exit);

#endif
