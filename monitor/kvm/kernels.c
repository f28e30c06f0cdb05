/* Machines of kernels; see kernels.h. */
#include "kernels.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/flags.h"

bool kvm_kernels_state_is_sound(const struct kvm_host *host, const struct machine_state *state)
{
	const enum kernel_way way = kvm_host_kernel_way(host, NULL);
	return way != KERNEL_WAY_UNKNOWN && kernel_state_is_sound(way, state, host->processor.xcr0);
}

int kvm_kernels_adapt(const struct isolation_host *host, uint8_t *memory,
		      const struct kernel_start *start, struct error *error)
{
	switch (kvm_host_kernel_way(kvm_host(host), error)) {
	case KERNEL_WAY_DEPRIVILEGED:
		if (start->has_user_mode)
			return error_set(error, ENOTSUP,
					 "it has programs in a user mode of its own, and needs a "
					 "processor that virtualises ring 0 (VMX or SVM): KVM "
					 "emulates that here (PVM)");
		return kernel_flags_patch(memory, start, error);
	case KERNEL_WAY_RING_0:
		return 0;
	case KERNEL_WAY_UNKNOWN:
		break;
	}
	return -error->code;
}

int kvm_kernels_init(struct machine_kvm *self, const struct kernel_start *start,
		     struct error *error)
{
	const enum kernel_way way = kvm_host_kernel_way(self->host, error);
	if (way == KERNEL_WAY_UNKNOWN)
		return -error->code;
	if (self->state && !kernel_state_is_sound(way, self->state, self->host->processor.xcr0))
		return error_set(error, EBADMSG,
				 "the snapshot's processor is damaged, or of a host that runs "
				 "kernels in another way; here they run %s",
				 kernel_way_name(way));
	self->kernel = calloc(1, sizeof(*self->kernel));
	if (!self->kernel)
		return error_set(error, ENOMEM, "no memory for a kernel");
	*self->kernel = (struct kernel){
	    .way = way,
	    .machine = &self->machine,
	    .processor = &self->host->processor,
	    .start = start,
	    .state = self->state,
	    .image = self->image,
	    .vcpu = &self->vcpu,
	    .deadline = &self->deadline,
	};
	return kernel_init(self->kernel, error);
}

void kvm_kernels_release(struct machine_kvm *self)
{
	if (self->kernel)
		kernel_release(self->kernel);
	free(self->kernel);
	self->kernel = NULL;
}

int kvm_kernels_reset(struct machine_kvm *self, uint64_t *pages, struct error *error)
{
	struct kernel *kernel = self->kernel;
	*pages = 0;
	kernel_settle(kernel);
	if (kernel->unfinished || kernel->stale || kernel->had_ring0) {
		kvm_machine_dismantle(self);
		int result = kvm_machine_build(self, error);
		return result ? error_wrap(error, "cannot reset the virtual machine") : 0;
	}
	int result = kvm_memory_restore(self, pages, error);
	if (!result && kernel->forget) {
		kvm_memory_forget_translations(self);
		kernel->forget = false;
	}
	if (!result && self->stale)
		result = error_set_errno(error, self->stale, "cannot reset the guest's rights");
	return result;
}

uint8_t *kvm_kernels_memory(struct machine *machine, uint64_t physical, uint64_t length)
{
	struct kernel *kernel = machine_kvm(machine)->kernel;
	return kernel ? kernel_memory(kernel, physical, length) : NULL;
}
