/* Handlers of signals: the frame on the program's stack that they return through, and upcalls:
 * ticks and faults of the program. The frame's layout is the Linux kernel's (asm/sigcontext.h,
 * asm/ucontext.h): a handler may read and change any of it. */
#include <errno.h>
#include <sys/ucontext.h>

#include "area.h"
#include "calls.h"
#include "signals.h"
#include "text.h"

#define RED_ZONE 128 /* bytes below rsp that are the program's (System V ABI) */
#define CARRY_TO_OVERFLOW                                                                          \
	0x240dd5UL /* flags that a handler may change: CF PF AF ZF SF TF DF OF RF AC ID */

#define PAGE_FAULT_WRITE 2UL /* bits of its error code (SDM 3A, 4.7) */
#define PAGE_FAULT_FETCH 16UL

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
	registers[REG_R8] = arguments[4];
	registers[REG_R9] = arguments[5];
	registers[REG_R10] = arguments[3];
	registers[REG_R11] = frame->r11;
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
	registers[REG_RCX] = frame->rcx;
	registers[REG_RSP] = frame->rsp;
	registers[REG_RIP] = frame->rip;
	registers[REG_EFL] = frame->rflags;
	registers[REG_CSGSFS] = frame->cs | frame->ss << 48;
	registers[REG_ERR] = thread->fault_error;
	registers[REG_TRAPNO] = thread->fault_vector;
	registers[REG_OLDMASK] = thread->blocked;
	registers[REG_CR2] = thread->fault_address;
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
	frame->rip = registers[REG_RIP];
	frame->rflags =
	    (frame->rflags & ~CARRY_TO_OVERFLOW) | (registers[REG_EFL] & CARRY_TO_OVERFLOW);
}

/* ── the way to a handler ────────────────────────────────────────────────────────────────────── */

/* The vector state, as it is, at `address`, which may be written. */
static void save_vectors(uint64_t address)
{
	const uint32_t size = machine_vector_state_size(), end = VECTOR_MAGIC_END;
	memset((void *)(address + VECTOR_HEADER_OFFSET), 0, 64);
	machine_save_vectors((void *)address);
	const struct software_bytes bytes = {
	    .magic = VECTOR_MAGIC_START,
	    .extended_size = size + sizeof(end),
	    .components = machine_vector_components(),
	    .size = size,
	};
	memcpy((void *)(address + SOFTWARE_BYTES_OFFSET), &bytes, sizeof(bytes));
	memcpy((void *)(address + size), &end, sizeof(end));
}

static void enter_handler(struct system_call_frame *frame, const siginfo_t *information)
{
	int signal = information->si_signo;
	struct thread *thread = thread_current();
	const struct signal_action *action = signal_action(signal);
	uint64_t stack = frame->rsp - RED_ZONE;
	stack_t alternate = thread->alternate_stack;
	if (signal_on_alternate_stack(thread, frame->rsp))
		alternate.ss_flags |= SS_ONSTACK;
	else if (action->flags & SA_ONSTACK && !(alternate.ss_flags & SS_DISABLE))
		stack = (uint64_t)alternate.ss_sp + alternate.ss_size;

	uint64_t vectors = (stack - machine_vector_state_size() - sizeof(uint32_t)) & ~63UL;
	uint64_t address = ((vectors - sizeof(struct signal_frame)) & ~15UL) - 8;
	if (!(action->flags & ACTION_HAS_RESTORER) || !user_writable(address, stack - address)) {
		machine_debug("signal %d: no room on the stack for its handler", signal);
		machine_abort(SIGSEGV);
	}
	save_vectors(vectors);
	struct signal_frame *out = (struct signal_frame *)address;
	memset(out, 0, sizeof(*out));
	out->restorer = action->restorer;
	out->context.flags = CONTEXT_HAS_EXTENDED_STATE | CONTEXT_SAVES_SS;
	out->context.stack = alternate;
	save_registers(frame, out->context.machine.registers);
	out->context.machine.vector_state = vectors;
	out->context.mask = thread->restore_mask ? thread->saved_mask : thread->blocked;
	thread->restore_mask = false;
	out->information = *information;

	frame->rip = action->handler;
	frame->rsp = address;
	frame->number = 0;
	frame->arguments[0] = (uint64_t)signal;
	frame->arguments[1] = (uint64_t)&out->information;
	frame->arguments[2] = (uint64_t)&out->context;
	frame->rflags &= ~CARRY_TO_OVERFLOW;
	uint64_t mask = thread->blocked | action->mask;
	if (!(action->flags & SA_NODEFER))
		mask |= SIGNAL_BIT(signal);
	if (action->flags & SA_RESETHAND)
		signal_reset_action(signal);
	signal_set_mask(mask);
}

/* The call is made again: its registers are all there, and the entry takes the return address from
 * rcx as SYSCALL leaves it. */
static void restart_call(struct system_call_frame *frame, uint64_t call_number)
{
	extern char libos_syscall_entry[];
	frame->number = call_number;
	frame->rcx = frame->rip;
	frame->rip = (uint64_t)libos_syscall_entry;
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
	while ((signal = signal_take(~thread->blocked, &information))) {
		if (signal_is_ignored(signal))
			continue;
		if (interrupted && (always || signal_action(signal)->flags & SA_RESTART))
			restart_call(frame, call_number);
		else if (interrupted)
			frame->number = (uint64_t)-EINTR;
		interrupted = false;
		enter_handler(frame, &information);
		changed = true;
	}
	if (interrupted) {
		restart_call(frame, call_number);
		changed = true;
	}
	if (thread->restore_mask) {
		thread->restore_mask = false;
		signal_set_mask(thread->saved_mask);
	}
	return changed;
}

/* ── the way back ────────────────────────────────────────────────────────────────────────────── */

/* Loads what a handler may have changed. What the processor would refuse is put right: a fault
 * here would be the library OS's. */
static bool restore_vectors(uint64_t address)
{
	const uint32_t size = machine_vector_state_size();
	uint8_t *state = thread_current()->vector_state;
	if (!address)
		return true;
	if (!user_readable(address, size))
		return false;
	memcpy(state, (const void *)address, size);
	uint64_t *header = (uint64_t *)(state + VECTOR_HEADER_OFFSET);
	header[0] &= machine_vector_components();
	memset(header + 1, 0, 56);
	uint32_t *control = (uint32_t *)(state + 24); /* MXCSR */
	*control &= 0xffff;
	machine_load_vectors(state);
	return true;
}

int64_t call_rt_sigreturn(const uint64_t arguments[6])
{
	struct thread *thread = thread_current();
	struct system_call_frame *frame = thread_frame();
	uint64_t address = frame->rsp - sizeof(uint64_t); /* the handler's RET took one word */
	struct signal_frame saved;
	if (user_copy_in(&saved, address, sizeof(saved)) ||
	    !restore_vectors(saved.context.machine.vector_state))
		machine_abort(SIGSEGV);
	restore_registers(frame, saved.context.machine.registers);
	stack_t stack = saved.context.stack;
	stack.ss_flags &= SS_DISABLE;
	thread->alternate_stack = stack;
	signal_set_mask(saved.context.mask);
	thread->returns_from_handler = true;
	return (int64_t)frame->number;
}

/* ── upcalls ─────────────────────────────────────────────────────────────────────────────────── */

static void take_registers(struct system_call_frame *frame, const volatile struct guest_fault *from)
{
	*frame = (struct system_call_frame){
	    .number = from->rax,
	    .arguments = {from->rdi, from->rsi, from->rdx, from->r10, from->r8, from->r9},
	    .rbx = from->rbx,
	    .rbp = from->rbp,
	    .r12 = from->r12,
	    .r13 = from->r13,
	    .r14 = from->r14,
	    .r15 = from->r15,
	    .rcx = from->rcx,
	    .r11 = from->r11,
	    .rip = from->rip,
	    .cs = 0x33,
	    .rflags = from->rflags,
	    .rsp = from->rsp,
	    .ss = 0x2b,
	};
}

static siginfo_t describe_fault(int signal, uint64_t vector, uint64_t rip, uint64_t address)
{
	siginfo_t information = {.si_signo = signal, .si_code = SI_KERNEL};
	switch (vector) {
	case 0:
		information.si_code = FPE_INTDIV;
		break;
	case 1:
		information.si_code = TRAP_TRACE;
		break;
	case 6:
		information.si_code = ILL_ILLOPN;
		break;
	case GUEST_VECTOR_PAGE_FAULT:
		information.si_code = user_mapped(address, 1) ? SEGV_ACCERR : SEGV_MAPERR;
		rip = address;
		break;
	case 16:
	case 19:
		information.si_code = FPE_FLTINV;
		break;
	default:
		return information;
	}
	information.si_addr = (void *)rip;
	return information;
}

/* A page of the mapping area that was not touched before. */
static bool is_first_touch(uint64_t vector, const volatile struct guest_fault *fault)
{
	uint32_t access = GUEST_READ;
	if (vector != GUEST_VECTOR_PAGE_FAULT || !area_contains(fault->address, 1))
		return false;
	if (fault->error_code & PAGE_FAULT_WRITE)
		access |= GUEST_WRITE;
	if (fault->error_code & PAGE_FAULT_FETCH)
		access |= GUEST_EXECUTE;
	return area_touch(fault->address, access);
}

/* A fault of the library OS at an address of the program: the page comes, or the instruction
 * faults once more and the monitor reports. */
void libos_take_own_fault(struct system_call_frame *frame);

void libos_take_own_fault(struct system_call_frame *frame)
{
	const volatile struct guest_fault *fault = &machine_control()->fault;
	take_registers(frame, fault);
	if (!is_first_touch(fault->vector, fault))
		machine_control()->upcalls = 0;
}

static void take_fault(uint64_t vector, const volatile struct guest_fault *fault)
{
	struct thread *thread = thread_current();
	if (is_first_touch(vector, fault))
		return;
	int signal = signal_of_exception(vector);
	if (!signal || thread->blocked & SIGNAL_BIT(signal) || !signal_has_handler(signal)) {
		/* Nobody takes it: the instruction faults once more, and the monitor reports. */
		machine_control()->upcalls = 0;
		return;
	}
	thread->fault_vector = vector;
	thread->fault_error = fault->error_code;
	thread->fault_address = fault->address;
	const siginfo_t information = describe_fault(signal, vector, fault->rip, fault->address);
	signal_send_thread(thread, &information);
}

void libos_take_upcall(struct system_call_frame *frame);

void libos_take_upcall(struct system_call_frame *frame)
{
	const volatile struct guest_fault *fault = &machine_control()->fault;
	take_registers(frame, fault);
	uint64_t vector = fault->vector;
	if (vector == GUEST_VECTOR_TICK)
		thread_tick();
	else
		take_fault(vector, fault);
	signal_deliver(frame, SIGNAL_NO_CALL);
}
