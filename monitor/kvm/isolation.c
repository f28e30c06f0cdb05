/* Isolation by KVM: a virtual machine with one virtual CPU, ring 3 only, no devices, no interrupts.
 *
 * Here is what runs it; machine.h has what it is made of. Each vCPU ioctl costs 3.5 µs under
 * PVM, so registers travel in kvm_run (KVM_CAP_SYNC_REGS).
 * References: Documentation/virt/kvm/api.rst.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kernels.h"
#include "machine.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/accessed_pages.h"
#include "monitor/memory/working_set.h"
#include "rights.h"
#include "util/clock.h"
#include "util/log.h"
#include "x86_64/cpu_state.h"

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

static int kvm_resume(struct machine_kvm *self, struct error *error)
{
	if (self->state)
		return cpu_state_restore(&self->vcpu, self->state, error);
	vcpu_enter(&self->vcpu, self->entries.resume);
	return 0;
}

static int kvm_enter(struct machine_kvm *self, enum machine_entry entry, struct error *error)
{
	switch (entry) {
	case MACHINE_START:
		vcpu_enter(&self->vcpu, self->entries.start);
		return 0;
	case MACHINE_RESUME:
		return kvm_resume(self, error);
	case MACHINE_UPCALL:
		return vcpu_enter_upcall(&self->vcpu, self->entries.upcall, error);
	case MACHINE_CONTINUE:
		break;
	}
	return 0;
}

/* A port that the hypercall page or a stub of ring 0 does not write to may be a device's, or none:
 * then the access is the guest's fault. */
static int kvm_inspect(struct machine *machine, struct guest_fault *fault, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	if (self->kernel) {
		kernel_inspect(self->kernel, fault);
		return 0;
	}
	return vcpu_describe_fault(&self->vcpu, self->memory, self->image->size, fault, error);
}

/* What the guest reads, or moves as a string, it has when it goes on; until then KVM has something
 * to finish. */
static void kvm_describe_port(struct machine_kvm *self, struct machine_exit *exit)
{
	struct kvm_run *run = self->vcpu.run;
	exit->stop = MACHINE_PORT;
	exit->access = (struct machine_access){
	    .address = run->io.port,
	    .size = run->io.size,
	    .count = run->io.count,
	    .is_write = run->io.direction == KVM_EXIT_IO_OUT,
	    .data = (uint8_t *)run + run->io.data_offset,
	};
	self->unfinished = !exit->access.is_write || run->io.count != 1;
	self->accessing = true;
}

static void kvm_describe_memory(struct machine_kvm *self, struct machine_exit *exit)
{
	struct kvm_run *run = self->vcpu.run;
	exit->stop = MACHINE_MEMORY;
	exit->access = (struct machine_access){
	    .address = run->mmio.phys_addr,
	    .size = run->mmio.len,
	    .count = 1,
	    .is_write = run->mmio.is_write,
	    .data = run->mmio.data,
	};
	self->unfinished = self->accessing = true;
}

/* Arms for the deadline, or for the guest's alarm where that is earlier. */
static int kvm_arm(struct machine_kvm *self, uint64_t deadline_ns, struct error *error)
{
	uint64_t when_ns = alarm_next(&self->machine.alarm, window_control(self->window));
	if (when_ns > deadline_ns)
		when_ns = deadline_ns;
	return deadline_arm(&self->deadline, machine_look_ns(&self->machine, when_ns), error);
}

/* The first request of a snapshot tells which pages requests touch: nothing is mapped yet, so that
 * it takes hardly longer for that. */
static void kvm_begin_recording(struct machine_kvm *self)
{
	struct working_set *working_set = self->private ? self->image->working_set : NULL;
	if (self->recording || !working_set || !working_set_begin_touched(working_set))
		return;
	self->recording = true;
	kvm_memory_forget_translations(self);
	accessed_pages_forget(self->memory);
}

/* KVM_RUN was interrupted. *stopped: for a reason that *exit tells; else the guest may go on. */
static int kvm_interrupted(struct machine_kvm *self, uint64_t deadline_ns,
			   struct machine_exit *exit, bool *stopped, struct error *error)
{
	volatile struct guest_control *control = window_control(self->window);
	self->vcpu.run->immediate_exit = 0;
	const uint64_t now = clock_now_ns();
	*stopped = true;
	if (now >= deadline_ns || machine_is_unwanted(&self->machine)) {
		self->unfinished = true;
		exit->stop = MACHINE_DEADLINE;
		return 0;
	}
	const bool signalled = machine_pass_signals(&self->machine, control);
	if (signalled)
		alarm_ring(&self->machine.alarm, control, now);
	if (signalled || alarm_is_due(&self->machine.alarm, control, now)) {
		exit->stop = MACHINE_TICK;
		if (vcpu_is_interruptible(&self->vcpu))
			return vcpu_describe_tick(&self->vcpu, &exit->fault, error);
		control->tick_missed = 1;
		alarm_retry(&self->machine.alarm);
	}
	*stopped = false;
	return kvm_arm(self, deadline_ns, error);
}

static int kvm_describe_exit(struct machine_kvm *self, struct machine_exit *exit,
			     struct error *error)
{
	struct kvm_run *run = self->vcpu.run;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (vcpu_is_hypercall(&self->vcpu)) {
			exit->stop = MACHINE_HYPERCALL;
			return 0;
		}
		if (!vcpu_is_stub(&self->vcpu)) {
			kvm_describe_port(self, exit);
			return 0;
		}
		exit->stop = MACHINE_FAULT;
		return kvm_inspect(&self->machine, &exit->fault, error);
	case KVM_EXIT_MMIO:
		kvm_describe_memory(self, exit);
		return 0;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_HLT:
	case KVM_EXIT_INTERNAL_ERROR:
		log_debug("virtual CPU stopped by exit reason %u", run->exit_reason);
		self->unfinished = true;
		exit->stop = MACHINE_FAULT;
		return kvm_inspect(&self->machine, &exit->fault, error);
	case KVM_EXIT_FAIL_ENTRY:
		return error_set(error, EIO, "the processor refused to run the guest (%#llx)",
				 run->fail_entry.hardware_entry_failure_reason);
	default:
		return error_set(error, EIO, "KVM stopped for an unknown reason %u",
				 run->exit_reason);
	}
}

static int kvm_run(struct machine *machine, enum machine_entry entry, uint64_t deadline_ns,
		   struct machine_exit *exit, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	if (self->kernel)
		return kernel_run(self->kernel, entry, deadline_ns, exit, error);
	if (entry == MACHINE_RESUME)
		kvm_begin_recording(self);
	if (self->stale)
		return error_set_errno(error, self->stale, "cannot take rights from the guest");
	self->area.deadline_ns = deadline_ns;
	int result = kvm_enter(self, entry, error);
	if (!result)
		result = kvm_arm(self, deadline_ns, error);
	if (result)
		return result;
	if (self->accessing && entry == MACHINE_CONTINUE)
		self->unfinished = false;
	self->accessing = false;
	while (ioctl(self->vcpu.fd, KVM_RUN, 0)) {
		bool stopped;
		if (errno != EINTR && errno != EAGAIN)
			return error_set_errno(error, errno, "KVM_RUN failed");
		result = kvm_interrupted(self, deadline_ns, exit, &stopped, error);
		if (result || stopped)
			return result;
	}
	return kvm_describe_exit(self, exit, error);
}

static int kvm_save(struct machine *machine, struct machine_state *state, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	if (self->kernel)
		return kernel_save(self->kernel, state, error);
	self->accessing = false;
	return cpu_state_save(&self->vcpu, self->host->processor.xcr0, state, error);
}

static bool kvm_has_ring_0(const struct isolation_host *host)
{
	return kvm_host_kernel_way(kvm_host(host), NULL) == KERNEL_WAY_RING_0;
}

static bool kvm_state_is_sound(const struct isolation_host *host, const struct machine_state *state)
{
	return cpu_state_is_sound(state, kvm_host(host)->processor.xcr0) ||
	       kvm_kernels_state_is_sound(kvm_host(host), state);
}

/* ── pages that requests touch ───────────────────────────────────────────────────────────────── */

static void kvm_note_touched(void *context, uint64_t address)
{
	working_set_add_touched(context, address);
}

/* True if it is known now which pages requests touch. */
static bool kvm_finish_recording(struct machine_kvm *self)
{
	if (!self->recording)
		return false;
	struct working_set *working_set = self->image->working_set;
	accessed_pages_find(self->memory, self->image, kvm_note_touched, working_set);
	working_set_finish_touched(working_set);
	self->recording = false;
	kvm_memory_drop_tables(self);
	return true;
}

/* Touches the pages that requests use: under PVM each costs a fault of 20 µs, which the first
 * request has no time for. The list stands in the request area, which is in use only while a
 * request runs. */
static int kvm_touch(struct machine_kvm *self, struct error *error)
{
	size_t count = 0;
	const struct working_set *working_set = self->private ? self->image->working_set : NULL;
	const uint64_t *touched = working_set ? working_set_touched(working_set, &count) : NULL;
	if (!count)
		return 0;
	uint8_t *list = self->window->memory + WINDOW_REQUEST_OFFSET;
	memcpy(list, touched, count * sizeof(*touched));
	alarm_init(&self->machine.alarm);
	window_control(self->window)->alarm_ns = 0;
	vcpu_enter_touch(&self->vcpu, GUEST_WINDOW_BASE + WINDOW_REQUEST_OFFSET, count);
	struct machine_exit exit = {.stop = MACHINE_LOST};
	int result = kvm_run(&self->machine, MACHINE_CONTINUE, clock_now_ns() + TOUCH_LIMIT_NS,
			     &exit, error);
	memset(list, 0, count * sizeof(*touched));
	if (!result && exit.stop == MACHINE_DEADLINE) {
		/* The host is busy: a machine that was not prepared is better than none. */
		kvm_machine_dismantle(self);
		return kvm_machine_build(self, error);
	}
	if (!result && exit.stop != MACHINE_HYPERCALL)
		result = error_set(error, EIO, "a new virtual machine stopped unexpectedly");
	if (!result)
		kvm_memory_trim(self);
	return result;
}

/* ── making and resetting ────────────────────────────────────────────────────────────────────── */

static void kvm_destroy(struct machine *machine)
{
	struct machine_kvm *self = machine_kvm(machine);
	kvm_machine_dismantle(self);
	kvm_kernels_release(self);
	free(self);
}

static int kvm_create(struct machine **machine, const struct isolation_host *host,
		      const struct machine_description *description, struct error *error)
{
	struct machine_kvm *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a virtual machine");
	self->machine.isolation = &isolation_kvm;
	self->host = kvm_host(host);
	self->image = description->image;
	self->window = description->window;
	self->entries = description->entries;
	self->state = description->state;
	self->private = description->private;
	alarm_init(&self->machine.alarm);
	self->vm = self->vcpu.fd = -1;
	int result = 0;
	if (!description->kernel && self->state &&
	    !cpu_state_is_sound(self->state, self->host->processor.xcr0))
		result = error_set(error, EBADMSG, "the snapshot's virtual CPU is damaged");
	if (description->kernel)
		result = kvm_kernels_init(self, description->kernel, error);
	if (!result)
		result = kvm_machine_build(self, error);
	if (!result)
		result = self->kernel ? kvm_kernels_touch(self, error) : kvm_touch(self, error);
	if (result) {
		kvm_destroy(&self->machine);
		return result;
	}
	*machine = &self->machine;
	return 0;
}

static bool kvm_is_built_anew(const struct machine_kvm *self)
{
	return self->unfinished || self->stale || page_area_is_used_up(&self->area);
}

/* A virtual machine that is built anew touches its pages with a list in the request area. */
static bool kvm_leaves_window(const struct machine *machine)
{
	const struct machine_kvm *self = machine_kvm((struct machine *)machine);
	return self->kernel || !kvm_is_built_anew(self);
}

static int kvm_reset(struct machine *machine, uint64_t *pages, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	if (self->kernel)
		return kvm_kernels_reset(self, pages, error);
	if (!kvm_is_built_anew(self)) {
		const bool known = kvm_finish_recording(self);
		int result = kvm_memory_restore(self, pages, error);
		if (!result && known)
			kvm_memory_trim(self);
		return result;
	}
	*pages = 0;
	kvm_machine_dismantle(self);
	int result = kvm_machine_build(self, error);
	if (!result)
		result = kvm_touch(self, error);
	return result ? error_wrap(error, "cannot reset the virtual machine") : 0;
}

/* What the set-up left in the virtual CPU does not matter, as what a request leaves there does not. */
static int kvm_become_clone(struct machine *machine, const struct image *image, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	if (self->kernel || self->state || kvm_is_built_anew(self))
		return error_set(error, ENOTSUP, "this virtual machine is of one use only");
	/* Another thread may go on with the machine: this one's timer must not touch it any more. */
	deadline_release(&self->deadline);
	int result = kvm_machine_clone(self, image, error);
	return result ? result : kvm_touch(self, error);
}

static uint64_t kvm_counter_hz(struct machine *machine)
{
	const int khz = ioctl(machine_kvm(machine)->vcpu.fd, KVM_GET_TSC_KHZ, 0);
	return khz > 0 ? (uint64_t)khz * 1000 : 0;
}

const struct isolation isolation_kvm = {
    .name = "kvm",
    .makes_upcalls = true,
    .has_ports = true,
    .has_kernels = true,
    .rights = &kvm_rights,
    .state_rights = &kvm_state_rights,
    .kernel_rights = &kvm_kernel_rights,
    .probe = kvm_host_probe,
    .kernel_way = kvm_host_describe_kernels,
    .has_ring_0 = kvm_has_ring_0,
    .open = kvm_host_open,
    .adopt = kvm_host_adopt,
    .keep = kvm_host_keep,
    .close = kvm_host_close,
    .adapt_kernel = kvm_kernels_adapt,
    .create = kvm_create,
    .run = kvm_run,
    .inspect = kvm_inspect,
    .save = kvm_save,
    .state_is_sound = kvm_state_is_sound,
    .protect = kvm_memory_protect,
    .map = kvm_memory_map,
    .unmap = kvm_memory_unmap,
    .make_space = kvm_memory_make_space,
    .switch_space = kvm_memory_switch_space,
    .drop_space = kvm_memory_drop_space,
    .memory = kvm_kernels_memory,
    .counter_hz = kvm_counter_hz,
    .leaves_window = kvm_leaves_window,
    .reset = kvm_reset,
    .private_bytes = kvm_memory_private_bytes,
    .become_clone = kvm_become_clone,
    .destroy = kvm_destroy,
};
