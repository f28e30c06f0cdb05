/* All that a processor of ring 0 has beside its memory: what kernels begin with, and what is kept of
 * them in a snapshot. */
#ifndef MAYFLY_MONITOR_KERNEL_RING0_STATE_H
#define MAYFLY_MONITOR_KERNEL_RING0_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "monitor/isolation/isolation.h"
#include "monitor/kvm/x86_64/vcpu.h"
#include "util/error.h"

/* How many model-specific registers are kept; ring0_state.c names them. */
#define RING0_MODEL_REGISTERS 12

/* Saved as it is. The time stamp counter is not in it: it is the host's. */
struct ring0_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events; /* interrupts and exceptions that are on their way */
	struct kvm_debugregs debug;
	uint64_t xcr0;
	uint64_t model[RING0_MODEL_REGISTERS];
	struct kvm_xsave xsave;
};
_Static_assert(sizeof(struct ring0_state) <= MACHINE_STATE_MAX, "it fits");

/* As after a reset; registers and segments are zero. `has_xcr0`: the processor has that register. */
void ring0_state_init(struct ring0_state *state, bool has_xcr0);

/* Reads it from a virtual CPU that has nothing half done, on a processor with the components `xcr0`. */
int ring0_state_read(const struct vcpu *vcpu, uint64_t xcr0, struct ring0_state *state,
		     struct error *error);

/* The virtual CPU goes on with it. KVM refuses what no processor could have. */
int ring0_state_write(const struct vcpu *vcpu, const struct ring0_state *state,
		      struct error *error);

/* False where it has vector registers that this processor does not: `xcr0` are its own. */
bool ring0_state_fits(const struct ring0_state *state, uint64_t xcr0);

#endif
