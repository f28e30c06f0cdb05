/* What the kernel tells a signal handler of the processor: for guest.c, which is freestanding. */
#ifndef MAYFLY_MONITOR_PROCESS_CONTEXT_H
#define MAYFLY_MONITOR_PROCESS_CONTEXT_H

#include <signal.h>
#include <stdint.h>
#include <sys/ucontext.h>

#include "mayfly/guest_abi.h"

#define CONTEXT_VECTOR_INVALID	  6
#define CONTEXT_VECTOR_PROTECTION 13

static inline uint64_t context_register(const void *context, int which)
{
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[which];
}

/* Where it was interrupted, and what it accessed there. */
static inline uint64_t context_instruction(const void *context)
{
	return context_register(context, REG_RIP);
}

static inline uint64_t context_address(const void *context)
{
	return context_register(context, REG_CR2);
}

/* The exception behind a signal, and its error code. INT 0x80, which comes as SIGSYS, has no gate of
 * a guest under KVM either: general protection, IDT index 0x80. For the first use of a state component
 * that the process may not use (AMX tiles) the kernel sends SIGILL and leaves in the context what an
 * earlier exception left there. */
static inline uint64_t context_exception(int signal, const void *context, uint64_t *error_code)
{
	switch (signal) {
	case SIGSYS:
		*error_code = 0x80 * 8 + 2;
		return CONTEXT_VECTOR_PROTECTION;
	case SIGILL:
		*error_code = 0;
		return CONTEXT_VECTOR_INVALID;
	default:
		*error_code = context_register(context, REG_ERR);
		return context_register(context, REG_TRAPNO);
	}
}

/* All registers, into the control page. */
static inline void context_describe(volatile struct guest_fault *fault, uint64_t vector,
				    uint64_t error_code, const void *context)
{
	fault->vector = vector;
	fault->error_code = error_code;
	fault->address = context_address(context);
	fault->rip = context_instruction(context);
	fault->rsp = context_register(context, REG_RSP);
	fault->rflags = context_register(context, REG_EFL);
	fault->rax = context_register(context, REG_RAX);
	fault->rbx = context_register(context, REG_RBX);
	fault->rcx = context_register(context, REG_RCX);
	fault->rdx = context_register(context, REG_RDX);
	fault->rsi = context_register(context, REG_RSI);
	fault->rdi = context_register(context, REG_RDI);
	fault->rbp = context_register(context, REG_RBP);
	fault->r8 = context_register(context, REG_R8);
	fault->r9 = context_register(context, REG_R9);
	fault->r10 = context_register(context, REG_R10);
	fault->r11 = context_register(context, REG_R11);
	fault->r12 = context_register(context, REG_R12);
	fault->r13 = context_register(context, REG_R13);
	fault->r14 = context_register(context, REG_R14);
	fault->r15 = context_register(context, REG_R15);
}

#endif
