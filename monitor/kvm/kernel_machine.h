/* Machines of kernels, in either way: what isolation_kvm (kvm/kernels.c) calls. */
#ifndef MAYFLY_MONITOR_KVM_KERNEL_MACHINE_H
#define MAYFLY_MONITOR_KVM_KERNEL_MACHINE_H

#include "kernel/kernel.h"

/* Makes a kernel ready for machines; `kernel` has what it is made of but the memory. Release it by
 * kernel_release(). */
int kernel_init(struct kernel *kernel, struct error *error);
void kernel_release(struct kernel *kernel);

/* Its virtual CPU and memory are new: the CPU becomes one for kernels. */
int kernel_prepare(struct kernel *kernel, struct error *error);

/* These are what isolation.h says of run, save and memory. */
int kernel_run(struct kernel *kernel, enum machine_entry entry, uint64_t deadline_ns,
	       struct machine_exit *exit, struct error *error);
int kernel_save(struct kernel *kernel, struct machine_state *state, struct error *error);
uint8_t *kernel_memory(struct kernel *kernel, uint64_t physical, uint64_t length);

/* The state may be anybody's: false where no machine of that way could have it. */
bool kernel_state_is_sound(enum kernel_way way, const struct machine_state *state, uint64_t xcr0);

/* Before a reset: has KVM finish the access at which the request ended, as a request over a network
 * does at a doorbell, so that the machine can be kept. Where that cannot be, it stays unfinished. */
void kernel_settle(struct kernel *kernel);

/* A reset is about to copy [start, end) of guest-physical memory, which was written, back from the
 * image. */
void kernel_note_written(struct kernel *kernel, uint64_t start, uint64_t end);

#endif
