/* What of a virtual CPU goes into a snapshot, for guests whose kind keeps it there: general and
 * vector registers, flags and segment bases of ring 3. All else is what each machine begins with. */
#ifndef MAYFLY_MONITOR_CPU_STATE_H
#define MAYFLY_MONITOR_CPU_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/isolation/isolation.h"
#include "util/error.h"
#include "vcpu.h"

/* Takes the state of a virtual CPU that stopped, after KVM has finished what it stopped in; `xcr0` are
 * the components of the extended state that guests may use. */
int cpu_state_save(const struct vcpu *vcpu, uint64_t xcr0, struct machine_state *state,
		   struct error *error);

/* Reads those components. Of others KVM may tell, too: of protection keys where the host's processor
 * has them, for guests that have none. They could not be set. */
int cpu_state_read_extended(const struct vcpu *vcpu, uint64_t xcr0, struct kvm_xsave *extended,
			    struct error *error);

/* The state may be anybody's: false where no virtual CPU could have it, with the components `xcr0`
 * of the extended state. */
bool cpu_state_is_sound(const struct machine_state *state, uint64_t xcr0);

/* The same for what it holds of vector registers. */
bool cpu_state_extended_is_sound(const struct kvm_xsave *extended, uint64_t xcr0);

/* Vector registers as a processor has them first. */
int cpu_state_clear_extended(const struct vcpu *vcpu, struct error *error);

/* Has the virtual CPU go on from a sound state. */
int cpu_state_restore(const struct vcpu *vcpu, const struct machine_state *state,
		      struct error *error);

#endif
