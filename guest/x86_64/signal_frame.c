/* Handlers of signals: the frame on the program's stack that they return through. The frame's
 * layout is the Linux kernel's (asm/sigcontext.h, asm/ucontext.h): a handler may read and change
 * any of it. */
#include <errno.h>
#include <sys/ucontext.h>

#include "arch/registers.h"
#include "arch/signals.h"
#include "code_place.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/machine.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"
#include "vectors.h"

#define RED_ZONE 128 /* bytes below rsp that are the program's (System V ABI) */

/* Of rflags what a handler may change: CF PF AF ZF SF TF DF OF AC ID. */
#define HANDLER_FLAGS 0x240dd5UL

/* Restorers are how handlers return; a handler without one cannot. */
#define ACTION_HAS_RESTORER 0x04000000UL

/* In the unused bytes of the vector state's first part (asm/sigcontext.h). */
#define SOFTWARE_BYTES_OFFSET 464
#define VECTOR_HEADER_OFFSET  512
#define VECTOR_MAGIC_START    0x46505853U
#define VECTOR_MAGIC_END      0x46505845U

struct software_bytes {
	uint32_t magic;
	uint32_t extended_size; /* with the magic number behind the state */
	uint64_t components;
	uint32_t size;
	uint32_t padding[7];
};

struct signal_frame {
	uint64_t restorer; /* where the handler returns to */
	struct {
		uint64_t flags;
		uint64_t link;
		stack_t stack;
		struct {
			uint64_t registers[23]; /* REG_R8 … REG_CR2 */
			uint64_t vector_state;	/* address */
			uint64_t reserved[8];
		} machine;
		uint64_t mask;
	} context;
	siginfo_t information;
};

#define CONTEXT_HAS_EXTENDED_STATE 1UL /* UC_FP_XSTATE */
#define CONTEXT_SAVES_SS	   6UL /* UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */

static void save_registers(const struct system_call_frame *frame, uint64_t *registers)
{
	const struct thread *thread = thread_current();
	const uint64_t *arguments = frame->arguments;
	struct code_place place = {
	    .rip = frame->rip, .rcx = frame->rcx, .r11 = frame->r11, .rflags = frame->rflags};
	code_show_place(&place);
	registers[REG_R8] = arguments[4];
	registers[REG_R9] = arguments[5];
	registers[REG_R10] = arguments[3];
	registers[REG_R11] = place.r11;
	registers[REG_R12] = frame->r12;
	registers[REG_R13] = frame->r13;
	registers[REG_R14] = frame->r14;
	registers[REG_R15] = frame->r15;
	registers[REG_RDI] = arguments[0];
	registers[REG_RSI] = arguments[1];
	registers[REG_RBP] = frame->rbp;
	registers[REG_RBX] = frame->rbx;
	registers[REG_RDX] = arguments[2];
	registers[REG_RAX] = frame->number;
	registers[REG_RCX] = place.rcx;
	registers[REG_RSP] = frame->rsp;
	registers[REG_RIP] = place.rip;
	registers[REG_EFL] = frame->rflags;
	registers[REG_CSGSFS] = frame->cs | frame->ss << 48;
	registers[REG_ERR] = thread->processor.fault_error;
	registers[REG_TRAPNO] = thread->processor.fault_vector;
	registers[REG_OLDMASK] = thread->blocked;
	registers[REG_CR2] = thread->processor.fault_address;
}

static void restore_registers(struct system_call_frame *frame, const uint64_t *registers)
{
	uint64_t *arguments = frame->arguments;
	arguments[4] = registers[REG_R8];
	arguments[5] = registers[REG_R9];
	arguments[3] = registers[REG_R10];
	frame->r11 = registers[REG_R11];
	frame->r12 = registers[REG_R12];
	frame->r13 = registers[REG_R13];
	frame->r14 = registers[REG_R14];
	frame->r15 = registers[REG_R15];
	arguments[0] = registers[REG_RDI];
	arguments[1] = registers[REG_RSI];
	frame->rbp = registers[REG_RBP];
	frame->rbx = registers[REG_RBX];
	arguments[2] = registers[REG_RDX];
	frame->number = registers[REG_RAX];
	frame->rcx = registers[REG_RCX];
	frame->rsp = registers[REG_RSP];
	frame->rip = code_resume_place(registers[REG_RIP]);
	frame->rflags = (frame->rflags & ~HANDLER_FLAGS) | (registers[REG_EFL] & HANDLER_FLAGS);
}

/* ── the way to a handler ────────────────────────────────────────────────────────────────────── */

/* The vector state, as it is, at `address`, which may be written. */
static void save_vectors(uint64_t address)
{
	const uint32_t size = vector_state_size(), end = VECTOR_MAGIC_END;
	memset((void *)(address + VECTOR_HEADER_OFFSET), 0, 64);
	vector_state_save((void *)address);
	const struct software_bytes bytes = {
	    .magic = VECTOR_MAGIC_START,
	    .extended_size = size + sizeof(end),
	    .components = vector_state_components(),
	    .size = size,
	};
	memcpy((void *)(address + SOFTWARE_BYTES_OFFSET), &bytes, sizeof(bytes));
	memcpy((void *)(address + size), &end, sizeof(end));
}

/* Where a handler's frame goes: the vector state at *vectors, the rest below it. False where it has
 * no room there: it must lie within the alternate stack, if it lies on that, and in memory of the
 * program. */
static bool find_place(const struct system_call_frame *frame, const struct signal_action *action,
		       uint64_t *vectors, uint64_t *address)
{
	const struct thread *thread = thread_current();
	const stack_t *alternate = &thread->alternate_stack;
	uint64_t stack = frame->rsp - RED_ZONE;
	bool on_alternate = signal_on_alternate_stack(thread, frame->rsp);
	if (action->flags & SA_ONSTACK && alternate->ss_size &&
	    !signal_on_alternate_stack(thread, stack)) {
		stack = (uint64_t)alternate->ss_sp + alternate->ss_size;
		on_alternate = true;
	}
	*vectors = (stack - vector_state_size() - sizeof(uint32_t)) & ~63UL;
	*address = ((*vectors - sizeof(struct signal_frame)) & ~15UL) - 8;
	if (on_alternate && !signal_stack_contains(alternate, *address))
		return false;
	return *address < stack && user_writable(*address, stack - *address);
}

/* False where the frame has no room, or the handler could not return from it. */
static bool enter_handler(struct system_call_frame *frame, const siginfo_t *information)
{
	int signal = information->si_signo;
	struct thread *thread = thread_current();
	const struct signal_action action = *signal_action(signal);
	uint64_t vectors, address;
	if (action.flags & SA_RESETHAND)
		signal_reset_action(signal);
	if (!(action.flags & ACTION_HAS_RESTORER) ||
	    !find_place(frame, &action, &vectors, &address))
		return false;
	save_vectors(vectors);
	struct signal_frame *out = (struct signal_frame *)address;
	memset(out, 0, sizeof(*out));
	out->restorer = action.restorer;
	out->context.flags = CONTEXT_HAS_EXTENDED_STATE | CONTEXT_SAVES_SS;
	out->context.stack = thread->alternate_stack;
	save_registers(frame, out->context.machine.registers);
	out->context.machine.vector_state = vectors;
	out->context.mask = thread->restore_mask ? thread->saved_mask : thread->blocked;
	thread->restore_mask = false;
	out->information = *information;

	frame->rip = action.handler;
	frame->rsp = address;
	frame->number = 0;
	frame->arguments[0] = (uint64_t)signal;
	frame->arguments[1] = (uint64_t)&out->information;
	frame->arguments[2] = (uint64_t)&out->context;
	frame->rflags &= ~HANDLER_FLAGS;
	uint64_t mask = thread->blocked | action.mask;
	if (!(action.flags & SA_NODEFER))
		mask |= SIGNAL_BIT(signal);
	signal_set_mask(mask);
	if (thread->alternate_stack.ss_flags & (int)SS_AUTODISARM)
		thread->alternate_stack = (stack_t){.ss_flags = SS_DISABLE};
	return true;
}

/* As on Linux, a frame that has no room is a SIGSEGV, for which another stack may be there. */
static void refuse_frame(int signal)
{
	if (signal == SIGSEGV || !signal_has_handler(SIGSEGV) ||
	    thread_current()->blocked & SIGNAL_BIT(SIGSEGV)) {
		machine_tell("signal %d: there is no room on the stack for its handler: SIGSEGV",
			     signal);
		process_begin_end(process_current(), SIGSEGV);
		return;
	}
	signal_force_fault();
}

/* The call is made again: its registers are all there. C libraries look at where a handler comes
 * from to find out whether the call that it interrupted was over. */
static void restart_call(struct system_call_frame *frame, uint64_t call_number)
{
	frame->number = call_number;
	frame->rip = code_call_before(frame->rip);
}

bool signal_deliver(struct system_call_frame *frame, uint64_t call_number)
{
	struct thread *thread = thread_current();
	bool always = frame->number == (uint64_t)-RESTART_CALL_ALWAYS;
	bool interrupted =
	    call_number != SIGNAL_NO_CALL && (always || frame->number == (uint64_t)-RESTART_CALL);
	bool changed = false;
	siginfo_t information;
	int signal;
	/* A signal, or what became of the last one, may end the process. */
	while (thread_heed_process(), (signal = signal_take(~thread->blocked, &information))) {
		if (signal_is_ignored(signal))
			continue;
		if (signal_action(signal)->handler == (uint64_t)SIG_DFL) {
			signal_do_default(thread->process, signal);
			continue;
		}
		if (interrupted && (always || signal_action(signal)->flags & SA_RESTART))
			restart_call(frame, call_number);
		else if (interrupted)
			frame->number = (uint64_t)-EINTR;
		interrupted = false;
		if (!enter_handler(frame, &information))
			refuse_frame(signal);
		changed = true;
	}
	if (interrupted) {
		restart_call(frame, call_number);
		changed = true;
	}
	if (thread->restore_mask) {
		thread->restore_mask = false;
		signal_set_mask(thread->saved_mask);
		thread_heed_process();
	}
	return changed;
}

/* ── the way back ────────────────────────────────────────────────────────────────────────────── */

/* Loads what a handler may have changed. What the processor would refuse is put right: a fault
 * here would be the library OS's. */
static bool restore_vectors(uint64_t address)
{
	const uint32_t size = vector_state_size();
	uint8_t *state = thread_current()->processor.vector_state;
	if (!address)
		return true;
	if (!user_readable(address, size))
		return false;
	memcpy(state, (const void *)address, size);
	uint64_t *header = (uint64_t *)(state + VECTOR_HEADER_OFFSET);
	header[0] &= vector_state_components();
	memset(header + 1, 0, 56);
	uint32_t *control = (uint32_t *)(state + 24); /* MXCSR */
	*control &= 0xffff;
	vector_state_load(state);
	return true;
}

SYSTEM_CALL(rt_sigreturn)
{
	struct thread *thread = thread_current();
	struct system_call_frame *frame = thread_frame();
	uint64_t address = frame->rsp - sizeof(uint64_t); /* the handler's RET took one word */
	struct signal_frame saved;
	if (user_copy_in(&saved, address, sizeof(saved)) ||
	    !restore_vectors(saved.context.machine.vector_state)) {
		signal_force_fault();
		return 0;
	}
	restore_registers(frame, saved.context.machine.registers);
	signal_set_alternate_stack(&saved.context.stack, frame->rsp); /* or it stays as it is */
	signal_set_mask(saved.context.mask);
	thread->returns_from_handler = true;
	return (int64_t)frame->number;
}
