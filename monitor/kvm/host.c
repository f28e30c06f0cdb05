/* What all virtual machines of a monitor share; see host.h.
 * Reference: Documentation/virt/kvm/api.rst. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/cleanup.h"

/* With two mappings each, a good third of those that there may be. */
#define SPLITS_MAX 12288

struct kvm_kernels {
	atomic_int way;
};

struct kvm_splits {
	atomic_int count;
};

static int open_device(struct error *error)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0 && errno == ENOENT)
		return error_set(error, ENOENT,
				 "there is no /dev/kvm: this host offers no virtualisation, or the "
				 "kvm module is not loaded");
	if (kvm < 0 && errno == EACCES)
		return error_set(error, EACCES,
				 "no permission for /dev/kvm; mayfly doctor says how to get it");
	if (kvm < 0)
		return error_set_errno(error, errno, "cannot open /dev/kvm");
	return kvm;
}

int kvm_host_probe(struct error *error)
{
	cleanup_close int kvm = open_device(error);
	if (kvm < 0)
		return kvm;
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return error_set(error, ENOTSUP, "/dev/kvm speaks another version");
	return processor_probe(kvm, error);
}

/* Several threads may find it out at once: they find the same. */
enum kernel_way kvm_host_kernel_way(const struct kvm_host *self, struct error *error)
{
	int way = atomic_load(&self->kernels->way);
	if (way == KERNEL_WAY_UNKNOWN) {
		way = (int)kernel_probe(self->kvm, self->run_size, error);
		atomic_store(&self->kernels->way, way);
	}
	return (enum kernel_way)way;
}

const char *kvm_host_describe_kernels(struct error *error)
{
	cleanup_close int kvm = open_device(error);
	if (kvm < 0)
		return NULL;
	const int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < (int)sizeof(struct kvm_run)) {
		error_set(error, ENOTSUP, "KVM_GET_VCPU_MMAP_SIZE failed");
		return NULL;
	}
	const enum kernel_way way = kernel_probe(kvm, (size_t)run_size, error);
	if (way == KERNEL_WAY_DEPRIVILEGED && !kernel_probe_identity(kvm, (size_t)run_size))
		return "deprivileged, in ring 3, where CPUID shows the host's processor";
	return way == KERNEL_WAY_UNKNOWN ? NULL : kernel_way_name(way);
}

bool kvm_host_take_split(const struct kvm_host *self)
{
	if (atomic_fetch_add(&self->splits->count, 1) < SPLITS_MAX)
		return true;
	atomic_fetch_sub(&self->splits->count, 1);
	return false;
}

void kvm_host_give_splits(const struct kvm_host *self, int count)
{
	atomic_fetch_sub(&self->splits->count, count);
}

static int open_all(struct kvm_host *self, struct error *error)
{
	self->kvm = open_device(error);
	if (self->kvm < 0)
		return self->kvm;
	int run_size = ioctl(self->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < (int)sizeof(struct kvm_run))
		return error_set_errno(error, run_size < 0 ? errno : ENOTSUP,
				       "KVM_GET_VCPU_MMAP_SIZE failed");
	self->run_size = (size_t)run_size;
	int result = processor_describe(&self->processor, self->kvm, error);
	return result ? result : written_pages_open(&self->written, error);
}

int kvm_host_open(struct isolation_host **host, struct error *error)
{
	struct kvm_host *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for virtual machines");
	self->kvm = self->written.pagemap = -1;
	self->kernels = calloc(1, sizeof(*self->kernels));
	self->splits = calloc(1, sizeof(*self->splits));
	int result = self->kernels && self->splits
			 ? open_all(self, error)
			 : error_set(error, ENOMEM, "no memory for virtual machines");
	if (result) {
		kvm_host_close((struct isolation_host *)self);
		return result;
	}
	*host = (struct isolation_host *)self;
	return 0;
}

/* The account of written pages belongs to the process that opened it. */
int kvm_host_adopt(struct isolation_host *host, struct error *error)
{
	struct kvm_host *self = (struct kvm_host *)host;
	written_pages_close(&self->written);
	return written_pages_open(&self->written, error);
}

int kvm_host_keep(const struct isolation_host *host, struct descriptors_kept *kept)
{
	const struct kvm_host *self = kvm_host(host);
	int result = descriptors_keep(kept, self->kvm);
	return result ? result : descriptors_keep(kept, self->written.pagemap);
}

void kvm_host_close(struct isolation_host *host)
{
	struct kvm_host *self = (struct kvm_host *)host;
	if (!self)
		return;
	written_pages_close(&self->written);
	if (self->kvm >= 0)
		close(self->kvm);
	free(self->kernels);
	free(self->splits);
	free(self);
}
