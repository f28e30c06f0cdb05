/* What all virtual machines of a monitor share: the open /dev/kvm, what it can do, what guests see
 * of the processor, and the way to the kernel's account of written pages.
 *
 * Only read once it is open: one object serves many threads. */
#ifndef MAYFLY_MONITOR_KVM_HOST_H
#define MAYFLY_MONITOR_KVM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/probe.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/written_pages.h"
#include "util/error.h"
#include "x86_64/processor.h"

struct kvm_kernels; /* what is known of the way for kernels */
struct kvm_splits;  /* what machines have of the process's mappings */

struct kvm_host {
	int kvm; /* /dev/kvm */
	size_t run_size;
	struct processor processor;
	struct written_pages written;
	struct kvm_kernels *kernels;
	struct kvm_splits *splits;
};

/* 0 where this machine and user can have virtual machines; else the error says what is missing. */
int kvm_host_probe(struct error *error);

/* Which way kernels run here: found out when it is asked for the first time. */
enum kernel_way kvm_host_kernel_way(const struct kvm_host *self, struct error *error);

/* This is isolation_kvm's kernel_way. */
const char *kvm_host_describe_kernels(struct error *error);

/* A place where a machine divides a mapping of its memory for good. A process has 65,530 mappings
 * (vm.max_map_count), which its machines share: false where those have enough. For any thread. */
bool kvm_host_take_split(const struct kvm_host *self);
void kvm_host_give_splits(const struct kvm_host *self, int count);

/* These are isolation_kvm's open, adopt, keep and close. */
int kvm_host_open(struct isolation_host **host, struct error *error);
int kvm_host_adopt(struct isolation_host *host, struct error *error);
int kvm_host_keep(const struct isolation_host *host, struct descriptors_kept *kept);
void kvm_host_close(struct isolation_host *host);

static inline const struct kvm_host *kvm_host(const struct isolation_host *host)
{
	return (const struct kvm_host *)host;
}

#endif
