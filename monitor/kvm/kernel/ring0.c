/* Kernels in ring 0; see ring0.h.
 *
 * KVM has no interrupt controller for them, so that an interrupt is handed to the processor when it
 * can take one (KVM_INTERRUPT), and HLT stops the machine.
 */
#include "ring0.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ring0_state.h"
#include "util/log.h"

#define SELECTOR_CODE	    0x08 /* where kernel_start names none */
#define SELECTOR_DATA	    0x10
#define FLAGS_RESERVED	    0x2
#define TSS_LIMIT	    0x67
#define VECTOR_DOUBLE_FAULT 8

/* ── the first registers ─────────────────────────────────────────────────────────────────────── */

static void describe_segments(struct kvm_sregs *sregs, const struct kernel_start *start)
{
	const struct kvm_segment code = {
	    .limit = 0xffffffff,
	    .selector = start->code_selector ? start->code_selector : SELECTOR_CODE,
	    .present = 1,
	    .type = 11, /* execute, read, accessed */
	    .s = 1,
	    .l = start->mode == KERNEL_LONG,
	    .db = start->mode == KERNEL_PROTECTED,
	    .g = 1,
	};
	struct kvm_segment data = code;
	data.type = 3; /* read, write, accessed */
	data.selector = start->data_selector ? start->data_selector : SELECTOR_DATA;
	data.l = 0;
	data.db = 1;
	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	/* The processor wants a task to be there, and a busy one. */
	sregs->tr = (struct kvm_segment){.limit = TSS_LIMIT, .present = 1, .type = 11};
	sregs->ldt = (struct kvm_segment){.type = 2, .unusable = 1};
}

int ring0_start(struct kernel *kernel, struct error *error)
{
	const struct kernel_start *start = kernel->start;
	struct ring0_state state;
	ring0_state_init(&state, kernel->processor->xcr0);
	state.regs = (struct kvm_regs){
	    .rip = start->rip,
	    .rsp = start->rsp,
	    .rbp = start->rbp,
	    .rsi = start->rsi,
	    .rdi = start->rdi,
	    .rax = start->rax,
	    .rbx = start->rbx,
	    .rflags = FLAGS_RESERVED,
	};
	state.sregs = (struct kvm_sregs){
	    .gdt = {.base = start->gdt, .limit = start->gdt_limit},
	    .cr0 = start->cr0,
	    .cr3 = start->cr3,
	    .cr4 = start->cr4,
	    .efer = start->efer,
	    .apic_base = kernel->vcpu->system_registers.apic_base,
	};
	describe_segments(&state.sregs, start);
	return ring0_state_write(kernel->vcpu, &state, error);
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

/* Hands an interrupt to the processor if one is pending and can be taken; if it cannot, KVM stops
 * when it can. */
static int inject(struct kernel *kernel, struct error *error)
{
	struct kvm_run *run = kernel->vcpu->run;
	bool pending = kernel_interrupt_pending(kernel);
	if (pending && run->ready_for_interrupt_injection && run->if_flag) {
		const struct kvm_interrupt interrupt = {.irq = kernel_acknowledge(kernel)};
		if (ioctl(kernel->vcpu->fd, KVM_INTERRUPT, &interrupt))
			return error_set_errno(error, errno, "KVM_INTERRUPT failed");
		kernel->halted = false;
		/* What KVM said before is not true any more. */
		run->ready_for_interrupt_injection = 0;
		pending = kernel_interrupt_pending(kernel);
	}
	run->request_interrupt_window = pending;
	return 0;
}

/* HLT: with interrupts off nothing ends it, as there are none that cannot be masked. */
static bool describe_halt(struct kernel *kernel, struct machine_exit *exit)
{
	kernel->halted = true;
	exit->stop = MACHINE_HALT;
	exit->is_final = !kernel->vcpu->run->if_flag;
	return exit->is_final || !kernel_interrupt_pending(kernel);
}

/* *stopped: the machine stopped for what *exit tells; else it goes on. */
static int describe_exit(struct kernel *kernel, struct machine_exit *exit, bool *stopped,
			 struct error *error)
{
	const struct kvm_run *run = kernel->vcpu->run;
	*stopped = true;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		kernel_describe_port(kernel, exit);
		return 0;
	case KVM_EXIT_MMIO:
		kernel_describe_memory(kernel, exit);
		return 0;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR: /* CR8 was lowered: there is no APIC that it could matter to */
		*stopped = false;
		return 0;
	case KVM_EXIT_HLT:
		*stopped = describe_halt(kernel, exit);
		return 0;
	case KVM_EXIT_SHUTDOWN:
		kernel_describe_fault(kernel, VECTOR_DOUBLE_FAULT, 0, NULL, exit);
		return 0;
	case KVM_EXIT_INTERNAL_ERROR:
		log_debug("KVM gave up a kernel: suberror %u", run->internal.suberror);
		kernel_describe_fault(kernel, VECTOR_DOUBLE_FAULT, 0,
				      "KVM cannot go on with it here", exit);
		return 0;
	case KVM_EXIT_FAIL_ENTRY:
		/* As of tables where there is no memory. */
		kernel->unfinished = true;
		kernel_describe_fault(kernel, VECTOR_DOUBLE_FAULT, 0,
				      "it gave its processor registers that no processor can have",
				      exit);
		return 0;
	default:
		return error_set(error, EIO, "KVM stopped for an unknown reason %u",
				 run->exit_reason);
	}
}

int ring0_run(struct kernel *kernel, uint64_t deadline_ns, struct machine_exit *exit,
	      struct error *error)
{
	int result = kernel_arm(kernel, deadline_ns, error);
	bool stopped = false;
	while (!result && !stopped) {
		result = inject(kernel, error);
		if (result)
			return result;
		if (!ioctl(kernel->vcpu->fd, KVM_RUN, 0))
			result = describe_exit(kernel, exit, &stopped, error);
		else if (errno == EINTR || errno == EAGAIN)
			result = kernel_interrupted(kernel, deadline_ns, exit, &stopped, error);
		else
			result = error_set_errno(error, errno, "KVM_RUN failed");
	}
	return result;
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

int ring0_save(struct kernel *kernel, struct machine_state *state, struct error *error)
{
	struct ring0_state now;
	int result = ring0_state_read(kernel->vcpu, kernel->processor->xcr0, &now, error);
	if (result)
		return result;
	memcpy(state->bytes, &now, sizeof(now));
	state->length = sizeof(now);
	return 0;
}

bool ring0_state_is_sound(const struct machine_state *state, uint64_t xcr0)
{
	struct ring0_state saved;
	if (state->length != sizeof(saved))
		return false;
	memcpy(&saved, state->bytes, sizeof(saved));
	return ring0_state_fits(&saved, xcr0);
}

int ring0_restore(struct kernel *kernel, const struct machine_state *state, struct error *error)
{
	struct ring0_state saved;
	memcpy(&saved, state->bytes, sizeof(saved));
	return ring0_state_write(kernel->vcpu, &saved, error);
}
