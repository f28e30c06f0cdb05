/* Upcalls: what interrupts the program without its wish, ticks and faults. */
#include <signal.h>

#include "arch/registers.h"
#include "arch/signals.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/fault.h"
#include "guest/mm/shared.h"
#include "guest/mm/user_memory.h"
#include "guest/mm/vma.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"

#define PAGE_FAULT_WRITE 2UL /* bits of its error code (SDM 3A, 4.7) */
#define PAGE_FAULT_FETCH 16UL

/* Both are called by entry.S. */
void libos_take_own_fault(struct system_call_frame *frame);
void libos_take_upcall(struct system_call_frame *frame);

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
		if (signal == SIGBUS)
			information.si_code = BUS_ADRERR;
		else
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

/* A page of a VMA that was not touched before. */
static bool is_first_touch(uint64_t vector, const volatile struct guest_fault *fault)
{
	uint32_t access = GUEST_READ;
	if (vector != GUEST_VECTOR_PAGE_FAULT || !address_space_has_area(fault->address, 1))
		return false;
	if (!address_space_current()->is_made)
		return !address_space_settle();
	if (fault->error_code & PAGE_FAULT_WRITE)
		access |= GUEST_WRITE;
	if (fault->error_code & PAGE_FAULT_FETCH)
		access |= GUEST_EXECUTE;
	return vma_fault(fault->address, access);
}

/* An exception that nobody takes ends the process. Where that is the machine's end, the instruction
 * faults once more, and the monitor reports that. */
static bool end_by_exception(int signal)
{
	if (process_current() == &process_first) {
		machine_control()->upcalls = 0;
		return false;
	}
	process_begin_end(process_current(), signal);
	return true;
}

/* A fault of the library OS at an address of the program: the page is fetched, or that is the end of
 * what the library OS does for the thread, whose stack it goes back to for that. */
void libos_take_own_fault(struct system_call_frame *frame)
{
	const volatile struct guest_fault *fault = &machine_control()->fault;
	take_registers(frame, fault);
	if (is_first_touch(fault->vector, fault))
		return;
	/* It may look at another process, which goes on. */
	process_look_as(NULL);
	if (end_by_exception(SIGSEGV))
		thread_state_abandon(&thread_current()->processor, thread_end);
}

static void take_fault(uint64_t vector, const volatile struct guest_fault *fault)
{
	struct thread *thread = thread_current();
	if (is_first_touch(vector, fault))
		return;
	int signal = exception_signal(vector);
	if (vector == GUEST_VECTOR_PAGE_FAULT && shared_is_behind_end(fault->address))
		signal = SIGBUS;
	if (signal == SIGBUS && vector == GUEST_VECTOR_PAGE_FAULT &&
	    thread->process == &process_first &&
	    (thread->blocked & SIGNAL_BIT(signal) || !signal_has_handler(signal))) {
		machine_tell("the program touched 0x%lx, which is mapped behind the end of a file: "
			     "it is ended",
			     fault->address);
		machine_abort(SIGBUS);
	}
	if (!signal || thread->blocked & SIGNAL_BIT(signal) || !signal_has_handler(signal)) {
		end_by_exception(signal ? signal : SIGSEGV);
		return;
	}
	thread->processor.fault_vector = vector;
	thread->processor.fault_error = fault->error_code;
	thread->processor.fault_address = fault->address;
	const siginfo_t information = describe_fault(signal, vector, fault->rip, fault->address);
	signal_send_thread(thread, &information);
}

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
