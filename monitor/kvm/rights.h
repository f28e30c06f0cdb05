/* What a monitor of virtual machines must be allowed. */
#ifndef MAYFLY_MONITOR_KVM_RIGHTS_H
#define MAYFLY_MONITOR_KVM_RIGHTS_H

#include "monitor/isolation/isolation.h"

extern const struct machine_rights kvm_rights;

/* And of those whose virtual CPUs are saved. */
extern const struct machine_rights kvm_state_rights;

/* And of those whose guests were built for the privileged ring. */
extern const struct machine_rights kvm_kernel_rights;

#endif
