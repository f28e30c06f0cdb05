/* Machines of kernels; see kernels.h. */
#include "kernels.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/flags.h"
#include "kernel_touch.h"
#include "monitor/memory/working_set.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

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

/* ── pages that requests touch ───────────────────────────────────────────────────────────────── */

/* NULL where requests cannot be told apart from the set-up, or touching is of no use: ring 0 has faults of
 * 1 µs. */
static struct working_set *learns(const struct machine_kvm *self)
{
	return self->private && self->state && self->kernel->way == KERNEL_WAY_DEPRIVILEGED
		   ? self->image->working_set
		   : NULL;
}

static void mark_present(uint8_t *bits, uint64_t first, uint64_t last)
{
	for (uint64_t page = first; page < last; page++)
		bits[page / 8] |= (uint8_t)(1U << page % 8);
}

/* False where the host does not tell. */
static bool find_present(const struct machine_kvm *self, uint8_t *bits)
{
	const uint64_t base = (uintptr_t)self->memory, end = base + self->image->size;
	struct written_range ranges[64];
	for (uint64_t next = base; next < end;) {
		const int count = written_pages_find_present(&self->host->written, next, end,
							     ranges, 64, &next, NULL);
		if (count < 0)
			return false;
		for (int i = 0; i < count; i++)
			mark_present(bits, (ranges[i].start - base) / GUEST_PAGE_SIZE,
				     (ranges[i].end - base) / GUEST_PAGE_SIZE);
	}
	return true;
}

static void note_touched(void *context, uint64_t address)
{
	working_set_add_touched(context, address);
}

/* The first request of a snapshot is over, and nothing is copied back yet: what the machine has in its
 * memory it has because of that request, or beside such a page. */
static void learn(const struct machine_kvm *self)
{
	struct working_set *working_set = learns(self);
	if (!working_set || !working_set_begin_touched(working_set))
		return;
	const uint64_t pages = self->image->size / GUEST_PAGE_SIZE;
	cleanup_free uint8_t *bits = calloc(1, divide_up(pages, 8));
	if (!bits || !find_present(self, bits)) {
		working_set_give_up_touched(working_set);
		return;
	}
	const struct touch_present present = {bits, pages};
	touch_find(self->kernel, &present, note_touched, working_set);
	working_set_finish_touched(working_set);
}

int kvm_kernels_touch(struct machine_kvm *self, struct error *error)
{
	const struct working_set *working_set = learns(self);
	size_t count = 0;
	const uint64_t *touched = working_set ? working_set_touched(working_set, &count) : NULL;
	bool good;
	if (!count)
		return 0;
	int result = touch_pages(self->kernel, touched, count, clock_now_ns() + TOUCH_LIMIT_NS,
				 &good, error);
	if (result || good)
		return result;
	/* The host is busy: a machine that was not prepared is better than none. */
	kvm_machine_dismantle(self);
	return kvm_machine_build(self, error);
}

/* ── resetting ───────────────────────────────────────────────────────────────────────────────── */

static int build_anew(struct machine_kvm *self, struct error *error)
{
	kvm_machine_dismantle(self);
	int result = kvm_machine_build(self, error);
	if (!result)
		result = kvm_kernels_touch(self, error);
	return result ? error_wrap(error, "cannot reset the virtual machine") : 0;
}

int kvm_kernels_reset(struct machine_kvm *self, uint64_t *pages, struct error *error)
{
	struct kernel *kernel = self->kernel;
	*pages = 0;
	kernel_settle(kernel);
	if (kernel->unfinished || kernel->stale || kernel->had_ring0)
		return build_anew(self, error);
	learn(self);
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
