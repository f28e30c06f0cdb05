/* Exceptions by their numbers; see exceptions.h (SDM 3A, 6.15). */
#include "exceptions.h"

#include <signal.h>
#include <stdio.h>

#include "sizes/sizes.h"

static const struct {
	const char *name;
	int signal;
} exceptions[] = {
    [0] = {"division error", SIGFPE},
    [1] = {"debug exception", SIGTRAP},
    [3] = {"breakpoint", SIGTRAP},
    [4] = {"overflow", SIGSEGV},
    [5] = {"bound range exceeded", SIGSEGV},
    [6] = {"invalid instruction", SIGILL},
    [7] = {"no floating-point unit", SIGFPE},
    [8] = {"double fault", SIGSEGV},
    [11] = {"segment not present", SIGBUS},
    [12] = {"stack segment fault", SIGBUS},
    [13] = {"general protection fault", SIGSEGV},
    [14] = {"page fault", SIGSEGV},
    [16] = {"floating-point error", SIGFPE},
    [17] = {"misaligned access", SIGBUS},
    [19] = {"vector floating-point error", SIGFPE},
    [EXCEPTION_FORBIDDEN] = {"forbidden system call, past the library OS", SIGSYS},
    [EXCEPTION_ASTRAY] = {"it went past the library OS and ended its process or answers no more",
			  SIGSEGV},
};

#define EXCEPTION_COUNT ARRAY_SIZE(exceptions)

#define PROCESSOR_VECTORS    32
#define PAGE_FAULT_PRESENT   1U
#define PAGE_FAULT_WRITE     2U
#define PAGE_FAULT_EXECUTION 16U

const char *exception_name(uint64_t vector)
{
	const char *name = vector < EXCEPTION_COUNT ? exceptions[vector].name : NULL;
	return name ? name : "unexpected exception";
}

int exception_signal(uint64_t vector)
{
	return vector < EXCEPTION_COUNT && exceptions[vector].signal ? exceptions[vector].signal
								     : SIGSEGV;
}

bool exception_has_registers(uint64_t vector)
{
	return vector < PROCESSOR_VECTORS;
}

const char *exception_access(const struct guest_fault *fault, bool *mapped)
{
	*mapped = fault->error_code & PAGE_FAULT_PRESENT;
	if (fault->vector != GUEST_VECTOR_PAGE_FAULT)
		return NULL;
	if (fault->error_code & PAGE_FAULT_EXECUTION)
		return "executing";
	return fault->error_code & PAGE_FAULT_WRITE ? "writing" : "reading";
}

int exception_describe_registers(char *out, size_t size, const struct guest_fault *fault)
{
	return snprintf(out, size,
			"\n  exception %lu, error code %#lx, cr2 %#lx, rflags %#lx"
			"\n  rax %016lx rbx %016lx rcx %016lx rdx %016lx"
			"\n  rsi %016lx rdi %016lx rbp %016lx rsp %016lx"
			"\n  r8  %016lx r9  %016lx r10 %016lx r11 %016lx"
			"\n  r12 %016lx r13 %016lx r14 %016lx r15 %016lx",
			fault->vector, fault->error_code, fault->address, fault->rflags, fault->rax,
			fault->rbx, fault->rcx, fault->rdx, fault->rsi, fault->rdi, fault->rbp,
			fault->rsp, fault->r8, fault->r9, fault->r10, fault->r11, fault->r12,
			fault->r13, fault->r14, fault->r15);
}
