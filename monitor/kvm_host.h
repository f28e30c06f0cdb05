/* What all virtual machines of a monitor share: the open /dev/kvm, what it can do, what guests see
 * of the processor, and the way to the kernel's account of written pages. Asking for the processor
 * takes as long as making a virtual machine, so it is asked for once.
 *
 * Only read once it is open: one object serves many threads. */
#ifndef MAYFLY_MONITOR_KVM_HOST_H
#define MAYFLY_MONITOR_KVM_HOST_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#include "isolation.h"
#include "util/error.h"
#include "written_pages.h"

#define KVM_HOST_CPUID_MAX 256

struct kvm_host {
	int kvm; /* /dev/kvm */
	size_t run_size;
	uint64_t xcr0; /* components of the extended state that guests may use; 0: none */
	struct written_pages written;
	struct {
		struct kvm_cpuid2 header;
		struct kvm_cpuid_entry2 entries[KVM_HOST_CPUID_MAX];
	} cpuid;
};

/* 0 where this machine and user can have virtual machines; else the error says what is missing. */
int kvm_host_probe(struct error *error);

/* These are isolation_kvm's open, adopt and close. */
int kvm_host_open(struct isolation_host **host, struct error *error);
int kvm_host_adopt(struct isolation_host *host, struct error *error);
void kvm_host_close(struct isolation_host *host);

static inline const struct kvm_host *kvm_host(const struct isolation_host *host)
{
	return (const struct kvm_host *)host;
}

#endif
