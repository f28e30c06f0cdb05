/* Kernels that run deprivileged: entering them, and what their traps mean; see deprivileged.h.
 *
 * The IDT of the real processor is empty, so that a fault ends KVM_RUN with KVM_EXIT_SHUTDOWN. PVM
 * then tells the exception, its error code, RIP and CR2, and goes on from whatever registers it is
 * given. Everything else runs natively.
 */
#include "deprivileged.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "address_space.h"
#include "descriptors.h"
#include "exception.h"
#include "identify.h"
#include "monitor/kvm/kernel/flags.h"
#include "monitor/kvm/x86_64/cpu_state.h"
#include "port_io.h"
#include "port_loop.h"
#include "privileged.h"
#include "protected.h"

/* ── traps ───────────────────────────────────────────────────────────────────────────────────── */

/* True: the guest goes on, in its handler; false: the machine stops, a triple fault. */
static bool deliver(struct kernel *kernel, struct exception exception, struct machine_exit *exit)
{
	if (exception_deliver(kernel, exception))
		return true;
	kernel_describe_fault(kernel, exception.vector, exception.code, NULL, exit);
	return false;
}

static bool page_fault(struct kernel *kernel, struct exception exception, struct machine_exit *exit)
{
	exception.address = kernel_sregs(kernel)->cr2;
	switch (space_mend(kernel, exception.address, exception.code)) {
	case SPACE_MENDED:
		return true;
	case SPACE_FULL:
		kernel_describe_fault(kernel, exception.vector, exception.code,
				      "it has more pages of 1 GiB than can be split for it", exit);
		return false;
	case SPACE_GUEST:
		break;
	}
	/* From ring 0, as the guest sees it. */
	exception.code &= ~FAULT_USER;
	return deliver(kernel, exception, exit);
}

static bool emulate(struct kernel *kernel, struct exception exception, struct machine_exit *exit)
{
	struct emulation emulation = {.exit = exit};
	const bool traps = virtual_cpu_flags(kernel) & FLAG_TRAP;
	switch (privileged_emulate(kernel, &emulation)) {
	case EMULATION_DONE:
		kernel->deprivileged->debug_due = traps;
		return true;
	case EMULATION_STOPS:
		kernel->deprivileged->debug_due = traps;
		return false;
	case EMULATION_FAULTS:
		return deliver(kernel, emulation.exception, exit);
	case EMULATION_REFUSED:
		kernel_describe_fault(kernel, exception.vector, exception.code, emulation.reason,
				      exit);
		return false;
	case EMULATION_TRIPLE:
		kernel_describe_fault(kernel, exception.vector, exception.code, NULL, exit);
		return false;
	case EMULATION_UNKNOWN:
		break;
	}
	return deliver(kernel, exception, exit);
}

/* INT3: the guest's own, or one in the place of an instruction (flags.h). */
static bool breakpoint(struct kernel *kernel, struct exception exception, struct machine_exit *exit)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	const struct kernel_flags_site site =
	    kernel_flags_site(kernel->memory, kernel->start, regs->rip);
	const bool traps = virtual_cpu_flags(kernel) & FLAG_TRAP;
	struct exception fault;
	bool done = true;
	if (site.instruction == KERNEL_FLAGS_NONE)
		return deliver(kernel, exception, exit);
	if (site.instruction == KERNEL_FLAGS_PUSH)
		done = privileged_push_flags(kernel, site.size, &fault);
	else if (site.instruction == KERNEL_FLAGS_POP)
		done = privileged_pop_flags(kernel, site.size, &fault);
	else if (site.instruction == KERNEL_FLAGS_CPUID)
		identify_processor(kernel);
	regs->rip = done ? site.next : regs->rip - 1;
	kernel->deprivileged->debug_due = done && traps && site.instruction != KERNEL_FLAGS_LOOK;
	kernel_regs_changed(kernel);
	return done || deliver(kernel, fault, exit);
}

/* The instruction behind STI is over, or did not begin. True: that is all that the trap was for. */
static bool end_step(struct kernel *kernel, unsigned vector)
{
	struct deprivileged *self = kernel->deprivileged;
	if (!self->stepping)
		return false;
	self->stepping = false;
	kernel_regs(kernel)->rflags &= ~FLAG_TRAP;
	kernel_regs_changed(kernel);
	return vector == VECTOR_DEBUG;
}

/* Where a signal comes between a trap and its exit, KVM need not tell of the exception as pending or
 * injected: never of a breakpoint, and not of others once it has found that nothing can take them. It
 * does tell which exception was the last one. While none has come since, that is one there is not. */
static bool exception_on_its_way(const struct kernel *kernel)
{
	const struct kvm_vcpu_events *events = &kernel->vcpu->run->s.regs.events;
	return events->exception.injected || events->exception.pending ||
	       events->exception.nr != VECTOR_NONE;
}

bool deprivileged_serve_trap(struct kernel *kernel, struct machine_exit *exit)
{
	const struct kvm_vcpu_events *events = &kernel->vcpu->run->s.regs.events;
	const struct exception exception = {
	    .vector = events->exception.nr,
	    .has_code = events->exception.has_error_code,
	    .code = events->exception.has_error_code ? events->exception.error_code : 0,
	};
	if (!kernel_sregs(kernel)->cs.l) {
		kernel_describe_fault(kernel, exception.vector, exception.code,
				      descriptors_short_code, exit);
		return false;
	}
	virtual_cpu_forget_exception(kernel);
	if (end_step(kernel, exception.vector))
		return true;
	kernel->deprivileged->shadow = false;
	switch (exception.vector) {
	case VECTOR_PAGE_FAULT:
		return page_fault(kernel, exception, exit);
	case VECTOR_PROTECTION:
	case VECTOR_INVALID_INSTRUCTION: /* also INT, STAC and CLAC */
		return emulate(kernel, exception, exit);
	case VECTOR_BREAKPOINT:
		return breakpoint(kernel, exception, exit);
	default:
		return deliver(kernel, exception, exit);
	}
}

/* ── the loop ────────────────────────────────────────────────────────────────────────────────── */

/* Interrupts that may come in, before the guest goes on. False: a triple fault. */
static bool take_interrupt(struct kernel *kernel, struct machine_exit *exit)
{
	struct deprivileged *self = kernel->deprivileged;
	/* It would come in the handler. */
	if (exception_on_its_way(kernel))
		return true;
	if (self->stepping || !(self->cpu.flags & FLAG_INTERRUPT) ||
	    !kernel_interrupt_pending(kernel))
		return true;
	if (self->shadow && !(kernel_regs(kernel)->rflags & FLAG_TRAP)) {
		self->shadow = false;
		self->stepping = true;
		kernel_regs(kernel)->rflags |= FLAG_TRAP;
		kernel_regs_changed(kernel);
		return true;
	}
	self->shadow = kernel->halted = false;
	const uint8_t vector = kernel_acknowledge(kernel);
	if (exception_interrupt(kernel, vector))
		return true;
	kernel_describe_fault(kernel, vector, 0, NULL, exit);
	return false;
}

/* What comes next. */
enum next {
	NEXT_ENTER,
	NEXT_LOOK, /* an instruction was done: what comes before the next one is to be looked at */
	NEXT_STOP,
};

/* Behind an access to a device the guest may come to the next instruction that traps without being
 * entered. */
static enum next reach_trap(struct kernel *kernel, struct machine_exit *exit)
{
	struct deprivileged *self = kernel->deprivileged;
	const bool plain = !self->emulated && !self->stepping && !self->shadow &&
			   !(kernel_regs(kernel)->rflags & FLAG_TRAP) &&
			   !(self->cpu.debug[7] & DR7_ENABLED);
	const bool goes_on = self->at_port && plain;
	self->at_port = false;
	/* The timer has come: KVM_RUN says so, or a kernel that does nothing else outlives its deadline. */
	if (kernel->vcpu->run->immediate_exit)
		return NEXT_ENTER;
	if (!goes_on)
		return NEXT_ENTER;
	struct machine_access access;
	switch (port_loop_go_on(kernel, kernel->loop, &access)) {
	case PORT_LOOP_TRAPS:
		return emulate(kernel, exception_of(VECTOR_PROTECTION), exit) ? NEXT_LOOK
									      : NEXT_STOP;
	case PORT_LOOP_STORES:
		*exit = (struct machine_exit){.stop = MACHINE_MEMORY, .access = access};
		return NEXT_STOP;
	case PORT_LOOP_ENTER:
		break;
	}
	return NEXT_ENTER;
}

int deprivileged_finish_read(struct kernel *kernel, struct machine_exit *exit, bool *stopped,
			     struct error *error)
{
	const struct kvm_vcpu_events *events = &kernel->vcpu->run->s.regs.events;
	const int result = kernel_finish_access(kernel, exit, stopped, error);
	kernel->deprivileged->at_port =
	    !result && !*stopped && !events->exception.injected && !events->exception.pending;
	return result;
}

/* What comes before the guest's next instruction. */
static enum next look(struct kernel *kernel, struct machine_exit *exit)
{
	struct deprivileged *self = kernel->deprivileged;
	struct exception exception;
	if (self->emulated)
		return NEXT_ENTER;
	if (!port_finish(kernel, &exception) && !deliver(kernel, exception, exit))
		return NEXT_STOP;
	if (self->debug_due) {
		self->debug_due = false;
		if (!deliver(kernel, exception_of(VECTOR_DEBUG), exit))
			return NEXT_STOP;
	}
	if (!take_interrupt(kernel, exit))
		return NEXT_STOP;
	/* Without tables nothing can be fetched, not even a handler. */
	if (!space_has_root(kernel)) {
		kernel_describe_fault(kernel, VECTOR_DOUBLE_FAULT, 0, NULL, exit);
		return NEXT_STOP;
	}
	if (!kernel->halted)
		return reach_trap(kernel, exit);
	*exit = (struct machine_exit){
	    .stop = MACHINE_HALT,
	    .is_final = !(self->cpu.flags & FLAG_INTERRUPT),
	};
	return NEXT_STOP;
}

/* False: the machine stops before the guest is entered. */
static bool prepare_entry(struct kernel *kernel, struct machine_exit *exit)
{
	enum next next = NEXT_LOOK;
	/* Twice at most: from the second round on no access to a port was made before. */
	while (next == NEXT_LOOK)
		next = look(kernel, exit);
	return next == NEXT_ENTER;
}

/* True: the guest goes on. *result: an error of the host. */
static bool serve_exit(struct kernel *kernel, struct machine_exit *exit, int *result,
		       struct error *error)
{
	const struct kvm_run *run = kernel->vcpu->run;
	if (kernel->deprivileged->emulated)
		return protected_serve_exit(kernel, exit);
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		return deprivileged_serve_trap(kernel, exit);
	case KVM_EXIT_IO:
		kernel_describe_port(kernel, exit);
		return false;
	case KVM_EXIT_MMIO:
		kernel_describe_memory(kernel, exit);
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		kernel->unfinished = true;
		kernel_describe_fault(kernel, VECTOR_PROTECTION, 0, kernel_unknown_access, exit);
		return false;
	default:
		*result =
		    error_set(error, EIO, "KVM stopped for an unknown reason %u", run->exit_reason);
		return false;
	}
}

static int enter(struct kernel *kernel, struct error *error)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	int result = virtual_cpu_set_system_call(kernel, error);
	if (result)
		return result;
	kernel_flags_share(kernel->memory, kernel->start, cpu->flags,
			   kernel_interrupt_pending(kernel));
	const struct machine_aside *aside = &kernel->machine->aside;
	if (aside->begin)
		aside->begin(aside->context);
	result = ioctl(kernel->vcpu->fd, KVM_RUN, 0) ? -errno : 0;
	if (aside->begin)
		aside->end(aside->context);
	cpu->flags = kernel_flags_fetch(kernel->memory, kernel->start, cpu->flags) & FLAGS_VIRTUAL;
	if (result && result != -EINTR && result != -EAGAIN)
		return error_set_errno(error, -result, "KVM_RUN failed");
	return result;
}

int deprivileged_start(struct kernel *kernel, struct error *error)
{
	if (kernel->start->mode == KERNEL_PROTECTED)
		return protected_start(kernel, error);
	virtual_cpu_start(kernel);
	space_load(kernel);
	return cpu_state_clear_extended(kernel->vcpu, error);
}

int deprivileged_run(struct kernel *kernel, uint64_t deadline_ns, struct machine_exit *exit,
		     struct error *error)
{
	int result = kernel_arm(kernel, deadline_ns, error);
	bool goes_on = true, stopped;
	while (!result && goes_on) {
		result = protected_take_over(kernel, error);
		if (result)
			return result;
		if (!prepare_entry(kernel, exit))
			return 0;
		result = kernel->stale ? error_set_errno(error, kernel->stale,
							 "cannot take rights from the guest")
				       : enter(kernel, error);
		if (result == -EINTR || result == -EAGAIN) {
			result = kernel_interrupted(kernel, deadline_ns, exit, &stopped, error);
			goes_on = !stopped;
		} else if (!result) {
			goes_on = serve_exit(kernel, exit, &result, error);
		}
	}
	return result;
}
