/* The first steps of a kernel that begins in 32 bits without paging, and runs deprivileged from its
 * first moment in 64-bit mode on.
 *
 * Ring 3 has no such mode here. But the few hundred instructions until then are what KVM's emulation
 * of ring 0 can do: the guest begins there. At its first stop in 64-bit mode, at the latest the first
 * instruction that the emulator does not know, the virtual processor takes over its registers.
 */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_PROTECTED_H
#define MAYFLY_MONITOR_DEPRIVILEGED_PROTECTED_H

#include "virtual_cpu.h"

/* The next run begins as kernel->start says, in ring 0. */
int protected_start(struct kernel *kernel, struct error *error);

/* Before the machine goes on: takes over where that is due. */
int protected_take_over(struct kernel *kernel, struct error *error);

/* A stop meanwhile. True: the guest goes on. */
bool protected_serve_exit(struct kernel *kernel, struct machine_exit *exit);

#endif
