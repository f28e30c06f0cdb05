/* Kernels in ring 0, where the processor virtualises that. What there is of them is KVM's; here they
 * are entered, interrupted, saved and restored. References: Documentation/virt/kvm/api.rst. */
#ifndef MAYFLY_MONITOR_KERNEL_RING0_H
#define MAYFLY_MONITOR_KERNEL_RING0_H

#include "kernel.h"

/* The next run begins as kernel->start says. */
int ring0_start(struct kernel *kernel, struct error *error);

/* Lets the guest run until it stops; kernel_run() has entered it and finished its last access. */
int ring0_run(struct kernel *kernel, uint64_t deadline_ns, struct machine_exit *exit,
	      struct error *error);

/* The processor's state, which is all that KVM has of it; see state.h. */
int ring0_save(struct kernel *kernel, struct machine_state *state, struct error *error);
bool ring0_state_is_sound(const struct machine_state *state, uint64_t xcr0);
int ring0_restore(struct kernel *kernel, const struct machine_state *state, struct error *error);

#endif
