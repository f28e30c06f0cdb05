/* Machines of kernels: what isolation_kvm does for them beside what it does for all (kernel/). */
#ifndef MAYFLY_MONITOR_KVM_KERNELS_H
#define MAYFLY_MONITOR_KVM_KERNELS_H

#include "machine.h"

/* This is isolation_kvm's adapt_kernel. */
int kvm_kernels_adapt(const struct isolation_host *host, uint8_t *memory,
		      const struct kernel_start *start, struct error *error);

/* Makes a machine that was not built yet one of a kernel, in the way that the host offers. ENOTSUP
 * where it offers none; EBADMSG for a state that no such machine could have. */
int kvm_kernels_init(struct machine_kvm *self, const struct kernel_start *start,
		     struct error *error);
void kvm_kernels_release(struct machine_kvm *self);

/* Has KVM know the pages that requests use, where that is found out, before the first one of a machine
 * that was just made. Takes TOUCH_LIMIT_NS at most. */
int kvm_kernels_touch(struct machine_kvm *self, struct error *error);

/* These are isolation_kvm's reset, memory and state_is_sound for them. */
int kvm_kernels_reset(struct machine_kvm *self, uint64_t *pages, struct error *error);
uint8_t *kvm_kernels_memory(struct machine *machine, uint64_t physical, uint64_t length);
bool kvm_kernels_state_is_sound(const struct kvm_host *host, const struct machine_state *state);

#endif
