/* Isolation by KVM: a virtual machine with one virtual CPU, ring 3 only, no devices, no interrupts.
 *
 * Here is what runs it; kvm_machine.h has what it is made of. Each vCPU ioctl costs 3.5 µs under
 * PVM, so registers travel in kvm_run (KVM_CAP_SYNC_REGS).
 * References: Documentation/virt/kvm/api.rst.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "accessed_pages.h"
#include "footprint.h"
#include "isolation.h"
#include "kvm_machine.h"
#include "util/clock.h"
#include "util/log.h"
#include "virtual_cpu.h"

#define VECTOR_PROTECTION 13

/* Touching pages in advance takes no longer than this. */
#define TOUCH_LIMIT_NS NANOSECONDS_PER_SECOND

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

static void kvm_enter_at(struct machine_kvm *self, uint64_t address)
{
	self->run->s.regs.regs = (struct kvm_regs){.rip = address, .rflags = VIRTUAL_CPU_RFLAGS};
	self->run->s.regs.sregs = self->system_registers;
	self->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

/* The program's segment bases stay: they are the only system registers that are its own. */
static int kvm_enter_upcall(struct machine_kvm *self, struct error *error)
{
	struct kvm_sregs now;
	if (ioctl(self->vcpu, KVM_GET_SREGS, &now))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	kvm_enter_at(self, self->image->upcall);
	self->run->s.regs.sregs.fs.base = now.fs.base;
	self->run->s.regs.sregs.gs.base = now.gs.base;
	return 0;
}

static int kvm_describe_fault(struct machine_kvm *self, uint64_t vector, struct guest_fault *fault,
			      struct error *error)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	if (ioctl(self->vcpu, KVM_GET_REGS, &regs) || ioctl(self->vcpu, KVM_GET_SREGS, &sregs))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	*fault = (struct guest_fault){
	    .vector = vector,
	    .address = sregs.cr2,
	    .rip = regs.rip,
	    .rsp = regs.rsp,
	    .rflags = regs.rflags,
	    .rax = regs.rax,
	    .rbx = regs.rbx,
	    .rcx = regs.rcx,
	    .rdx = regs.rdx,
	    .rsi = regs.rsi,
	    .rdi = regs.rdi,
	    .rbp = regs.rbp,
	    .r8 = regs.r8,
	    .r9 = regs.r9,
	    .r10 = regs.r10,
	    .r11 = regs.r11,
	    .r12 = regs.r12,
	    .r13 = regs.r13,
	    .r14 = regs.r14,
	    .r15 = regs.r15,
	};
	if ((sregs.cs.selector & 3) == 0)
		virtual_cpu_exception_frame(self->memory, self->image->size, regs.rsp, fault);
	else if (self->run->exit_reason == KVM_EXIT_IO)
		fault->vector = VECTOR_PROTECTION; /* the guest's own IN or OUT, not a stub's */
	return 0;
}

static bool kvm_is_hypercall(const struct kvm_run *run)
{
	return run->io.port == VIRTUAL_CPU_PORT_HYPERCALL && run->io.direction == KVM_EXIT_IO_OUT &&
	       run->io.size == sizeof(uint32_t) && run->io.count == 1;
}

/* The only ports a guest has are its hypercall page's, and these only as that page uses them. Any
 * other access is the guest's fault, and what it was to read is never delivered. */
static int kvm_describe_port(struct machine_kvm *self, struct guest_fault *fault,
			     struct error *error)
{
	const struct kvm_run *run = self->run;
	uint64_t vector = (uint64_t)run->io.port - VIRTUAL_CPU_PORT_EXCEPTION;
	self->unfinished = run->io.direction == KVM_EXIT_IO_IN || run->io.count != 1;
	return kvm_describe_fault(
	    self, vector < VIRTUAL_CPU_EXCEPTIONS ? vector : VECTOR_PROTECTION, fault, error);
}

/* A stop that no stub reported: the exception KVM was about to inject tells most. */
static int kvm_describe_shutdown(struct machine_kvm *self, struct guest_fault *fault,
				 struct error *error)
{
	struct kvm_vcpu_events events = {0};
	uint64_t vector = 8; /* double fault */
	if (!ioctl(self->vcpu, KVM_GET_VCPU_EVENTS, &events) && events.exception.nr)
		vector = events.exception.nr;
	return kvm_describe_fault(self, vector, fault, error);
}

/* Arms for the deadline, or for the guest's alarm where that is earlier. */
static int kvm_arm(struct machine_kvm *self, uint64_t deadline_ns, struct error *error)
{
	uint64_t when_ns = alarm_next(&self->machine.alarm, window_control(self->window));
	return deadline_arm(&self->deadline, when_ns < deadline_ns ? when_ns : deadline_ns, error);
}

/* The guest stopped between two instructions, and may be sent elsewhere. It may not where an
 * exception is on its way: KVM would deliver that there. */
static bool kvm_is_interruptible(const struct machine_kvm *self)
{
	struct kvm_vcpu_events events = {0};
	return !ioctl(self->vcpu, KVM_GET_VCPU_EVENTS, &events) && !events.exception.injected &&
	       !events.exception.pending;
}

/* The second request of a snapshot tells which pages requests touch, in which clone ever. */
static void kvm_begin_recording(struct machine_kvm *self)
{
	struct footprint *footprint = self->private ? self->image->footprint : NULL;
	if (self->recording || !footprint || !footprint_begin_touched(footprint))
		return;
	self->recording = true;
	kvm_memory_forget_translations(self);
	accessed_pages_forget(self->memory);
}

static int kvm_run(struct machine *machine, enum machine_entry entry, uint64_t deadline_ns,
		   enum machine_stop *stop, struct guest_fault *fault, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct kvm_run *run = self->run;
	if (entry == MACHINE_RESUME)
		kvm_begin_recording(self);
	if (self->stale)
		return error_set_errno(error, self->stale, "cannot take rights from the guest");
	int result = entry == MACHINE_UPCALL ? kvm_enter_upcall(self, error) : 0;
	if (!result)
		result = kvm_arm(self, deadline_ns, error);
	if (result)
		return result;
	if (entry == MACHINE_START || entry == MACHINE_RESUME)
		kvm_enter_at(self,
			     entry == MACHINE_START ? self->image->start : self->image->resume);
	for (;;) {
		if (ioctl(self->vcpu, KVM_RUN, 0)) {
			if (errno != EINTR && errno != EAGAIN)
				return error_set_errno(error, errno, "KVM_RUN failed");
			run->immediate_exit = 0;
			uint64_t now = clock_now_ns();
			if (now >= deadline_ns) {
				self->unfinished = true;
				*stop = MACHINE_DEADLINE;
				return 0;
			}
			if (alarm_is_due(&machine->alarm, window_control(self->window), now)) {
				*stop = MACHINE_TICK;
				if (kvm_is_interruptible(self))
					return kvm_describe_fault(self, GUEST_VECTOR_TICK, fault,
								  error);
				window_control(self->window)->tick_missed = 1;
				alarm_retry(&machine->alarm);
			}
			result = kvm_arm(self, deadline_ns, error);
			if (result)
				return result;
			continue;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (kvm_is_hypercall(run)) {
				*stop = MACHINE_HYPERCALL;
				return 0;
			}
			*stop = MACHINE_FAULT;
			return kvm_describe_port(self, fault, error);
		case KVM_EXIT_SHUTDOWN:
		case KVM_EXIT_MMIO:
		case KVM_EXIT_HLT:
		case KVM_EXIT_INTERNAL_ERROR:
			log_debug("virtual CPU stopped by exit reason %u", run->exit_reason);
			self->unfinished = true;
			*stop = MACHINE_FAULT;
			return kvm_describe_shutdown(self, fault, error);
		case KVM_EXIT_FAIL_ENTRY:
			return error_set(error, EIO,
					 "the processor refused to run the guest (%#llx)",
					 run->fail_entry.hardware_entry_failure_reason);
		default:
			return error_set(error, EIO, "KVM stopped for an unknown reason %u",
					 run->exit_reason);
		}
	}
}

/* ── pages that requests touch ───────────────────────────────────────────────────────────────── */

static void kvm_note_touched(void *context, uint64_t address)
{
	footprint_add_touched(context, address);
}

/* True where it is known now which pages requests touch. */
static bool kvm_finish_recording(struct machine_kvm *self)
{
	if (!self->recording)
		return false;
	struct footprint *footprint = self->image->footprint;
	accessed_pages_find(self->memory, self->image, kvm_note_touched, footprint);
	footprint_finish_touched(footprint);
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
	const struct footprint *footprint = self->private ? self->image->footprint : NULL;
	const uint64_t *touched = footprint ? footprint_touched(footprint, &count) : NULL;
	if (!count)
		return 0;
	uint8_t *list = self->window->memory + WINDOW_REQUEST_OFFSET;
	memcpy(list, touched, count * sizeof(*touched));
	alarm_init(&self->machine.alarm);
	window_control(self->window)->alarm_ns = 0;
	kvm_enter_at(self, VIRTUAL_CPU_TOUCH);
	self->run->s.regs.regs.rsi = GUEST_WINDOW_BASE + WINDOW_REQUEST_OFFSET;
	self->run->s.regs.regs.rcx = count;
	enum machine_stop stop = MACHINE_LOST;
	struct guest_fault fault;
	int result = kvm_run(&self->machine, MACHINE_CONTINUE, clock_now_ns() + TOUCH_LIMIT_NS,
			     &stop, &fault, error);
	memset(list, 0, count * sizeof(*touched));
	if (!result && stop == MACHINE_DEADLINE) {
		/* The host is busy: better a machine that was not prepared than none. */
		kvm_machine_dismantle(self);
		return kvm_machine_build(self, error);
	}
	if (!result && stop != MACHINE_HYPERCALL)
		result = error_set(error, EIO, "a new virtual machine stopped unexpectedly");
	if (!result)
		kvm_memory_trim(self);
	return result;
}

/* ── making and resetting ────────────────────────────────────────────────────────────────────── */

static void kvm_destroy(struct machine *machine)
{
	kvm_machine_dismantle(machine_kvm(machine));
	free(machine);
}

static int kvm_create(struct machine **machine, const struct isolation_host *host,
		      const struct image *image, const struct window *window, bool private,
		      struct error *error)
{
	struct machine_kvm *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a virtual machine");
	self->machine.isolation = &isolation_kvm;
	self->host = kvm_host(host);
	self->image = image;
	self->window = window;
	self->private = private;
	alarm_init(&self->machine.alarm);
	self->vm = self->vcpu = -1;
	int result = kvm_machine_build(self, error);
	if (!result)
		result = kvm_touch(self, error);
	if (result) {
		kvm_destroy(&self->machine);
		return result;
	}
	*machine = &self->machine;
	return 0;
}

static int kvm_reset(struct machine *machine, uint64_t *pages, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	if (!self->unfinished && !self->stale && !page_area_is_used_up(&self->area)) {
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

const struct isolation isolation_kvm = {
    .name = "kvm",
    .makes_upcalls = true,
    .probe = kvm_host_probe,
    .open = kvm_host_open,
    .adopt = kvm_host_adopt,
    .close = kvm_host_close,
    .create = kvm_create,
    .run = kvm_run,
    .protect = kvm_memory_protect,
    .map = kvm_memory_map,
    .unmap = kvm_memory_unmap,
    .reset = kvm_reset,
    .private_bytes = kvm_memory_private_bytes,
    .destroy = kvm_destroy,
};
