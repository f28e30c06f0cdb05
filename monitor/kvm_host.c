/* What all virtual machines of a monitor share; see kvm_host.h.
 * Reference: Documentation/virt/kvm/api.rst. */
#include "kvm_host.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/cleanup.h"

/* x87, SSE, AVX, MPX, AVX-512: what guests may have of the extended state. No AMX: PVM loses tile
 * data at exits. */
#define XCR0_ALLOWED 0xffUL

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
	int wanted = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	if ((ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) & wanted) != wanted ||
	    ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return error_set(error, ENOTSUP,
				 "/dev/kvm lacks KVM_CAP_SYNC_REGS or KVM_CAP_IMMEDIATE_EXIT; "
				 "Linux 5.10 or newer has them");
	unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
	if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & 1))
		return error_set(error, ENOTSUP, "the processor has no FSGSBASE instructions");
	return 0;
}

/* The guest sees the host's processor, but for AMX. */
static int describe_processor(struct kvm_host *self, struct error *error)
{
	self->cpuid.header.nent = KVM_HOST_CPUID_MAX;
	if (ioctl(self->kvm, KVM_GET_SUPPORTED_CPUID, &self->cpuid))
		return error_set_errno(error, errno, "KVM_GET_SUPPORTED_CPUID failed");
	for (uint32_t i = 0; i < self->cpuid.header.nent; i++) {
		struct kvm_cpuid_entry2 *entry = &self->cpuid.entries[i];
		if (entry->function == 0xd && entry->index == 0) {
			entry->eax &= XCR0_ALLOWED;
			entry->edx = 0;
			self->xcr0 = entry->eax;
		} else if (entry->function == 7 && entry->index == 0) {
			entry->edx &= ~(1U << 22 | 1U << 24 | 1U << 25); /* AMX */
		} else if (entry->function == 0x80000001) {
			/* PVM hides LZCNT though it works; without it numpy and others take no AVX2
			 * or AVX-512 paths. */
			unsigned eax, ebx, ecx = 0, edx;
			if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
				entry->ecx |= ecx & 1U << 5;
		}
	}
	return 0;
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
	int result = describe_processor(self, error);
	return result ? result : written_pages_open(&self->written, error);
}

int kvm_host_open(struct isolation_host **host, struct error *error)
{
	struct kvm_host *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for virtual machines");
	self->kvm = self->written.pagemap = -1;
	int result = open_all(self, error);
	if (result) {
		kvm_host_close((struct isolation_host *)self);
		return result;
	}
	*host = (struct isolation_host *)self;
	return 0;
}

/* The account of written pages is of the process that opened it. */
int kvm_host_adopt(struct isolation_host *host, struct error *error)
{
	struct kvm_host *self = (struct kvm_host *)host;
	written_pages_close(&self->written);
	return written_pages_open(&self->written, error);
}

void kvm_host_close(struct isolation_host *host)
{
	struct kvm_host *self = (struct kvm_host *)host;
	if (!self)
		return;
	written_pages_close(&self->written);
	if (self->kvm >= 0)
		close(self->kvm);
	free(self);
}
