/* What guests see of the processor: asked for once, as that takes as long as making a virtual
 * machine. Only read once it is filled. */
#ifndef MAYFLY_MONITOR_KVM_PROCESSOR_H
#define MAYFLY_MONITOR_KVM_PROCESSOR_H

#include <linux/kvm.h>
#include <stdint.h>

#include "util/error.h"

#define PROCESSOR_CPUID_MAX 256

struct processor {
	uint64_t xcr0; /* components of the extended state that guests may use; 0: none */
	struct {
		struct kvm_cpuid2 header;
		struct kvm_cpuid_entry2 entries[PROCESSOR_CPUID_MAX];
	} cpuid;
};

/* 0 where this processor and `kvm`, /dev/kvm, have all that machines need; else the error says what
 * is missing. */
int processor_probe(int kvm, struct error *error);

/* The guest sees the host's processor, but for state that it is not given. */
int processor_describe(struct processor *processor, int kvm, struct error *error);

#endif
