/* Attacks by instructions: what ring 3 must not do, and state that must not outlive a request. */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "attacker.h"

/* instructions.S: the code between two neighbours, `count` of them. */
extern const uint64_t privileged_instructions[], unprivileged_instructions[];

static uint8_t scratch[4096] __attribute__((aligned(64)));

int attack_privileged_instruction(uint64_t number)
{
	call_anywhere(privileged_instructions[number], (uint64_t)(uintptr_t)scratch,
		      (uint64_t)(uintptr_t)scratch, 0x10);
	return 1;
}

int attack_unprivileged_instruction(uint64_t number)
{
	call_anywhere(unprivileged_instructions[number], (uint64_t)(uintptr_t)scratch,
		      (uint64_t)(uintptr_t)scratch, 0x10);
	return 0;
}

int attack_software_interrupt(uint64_t number)
{
	static const uint8_t vectors[] = {0, 1, 2, 8, 13, 14, 32, 0x80, 0xff};
	static uint8_t code[GUEST_PAGE_SIZE] __attribute__((aligned(GUEST_PAGE_SIZE)));
	memcpy(code, (uint8_t[]){0xcd, vectors[number], 0xc3}, 3);
	if (syscall(SYS_mprotect, code, sizeof(code), 5UL))
		return 0;
	call_anywhere((uint64_t)(uintptr_t)code, 0, 0, 0);
	return 0;
}

/* ── ports ───────────────────────────────────────────────────────────────────────────────────── */

/* Of 65,536 ports one is the guest's, and that one for its own use only. */
static const uint16_t ports[] = {0,    1,    0x0f, 0x10, 0x11, 0x13, 0x20,  0x21,  0x2d,  0x2e,
				 0x3f, 0x40, 0x60, 0x64, 0x70, 0x80, 0x3f8, 0x402, 0xcf8, 0xffff};

int attack_read_port(uint64_t number)
{
	uint8_t byte;
	__asm__ volatile("inb %w1, %0" : "=a"(byte) : "d"(ports[number]));
	return 1;
}

int attack_write_port(uint64_t number)
{
	__asm__ volatile("outb %0, %w1" : : "a"((uint8_t)2), "d"(ports[number]));
	return 1;
}

int attack_stream_from_port(uint64_t number)
{
	void *to = scratch;
	uint64_t count = sizeof(scratch);
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(ports[number]) : "memory");
	return 1;
}

/* Ports by the hundred, each access skipped by a handler of the program's own. */
static volatile sig_atomic_t refused;

static void skip_access(int signal, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 1; /* IN and OUT by dx */
	refused++;
}

int attack_try_all_ports(uint64_t number)
{
	const struct sigaction action = {.sa_sigaction = skip_access, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, NULL);
	for (uint32_t port = 0; port < 65536; port += port < 256 ? 1 : 251) {
		sig_atomic_t before = refused;
		__asm__ volatile("outb %b0, %w1" : : "a"(0), "d"(port) : "memory");
		/* Where the fault is reported behind the OUT, the handler passes over the IN. */
		__asm__ volatile("inb %w1, %b0" : : "a"(0), "d"(port) : "memory");
		if (refused == before)
			return 1;
	}
	return 0;
}

/* The number of a hypercall in the control page, rung as bytes instead of 32 bits. */
int attack_ring_by_bytes(uint64_t number)
{
	control()->hypercall = HYPERCALL_EXIT;
	const void *from = scratch;
	uint64_t count = 3;
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"((uint16_t)0x10) : "memory");
	return 1;
}

/* ── segments and flags ──────────────────────────────────────────────────────────────────────── */

int attack_load_data_segments(uint64_t number)
{
	static const uint16_t selectors[] = {0,	   3,	 0x10, 0x18, 0x23,
					     0x2b, 0x33, 0x40, 0x43, 0xffff};
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(selectors[number]) : "memory");
	return 0;
}

int attack_load_stack_segment(uint64_t number)
{
	static const uint16_t selectors[] = {0, 3, 0x10, 0x18, 0x33, 0x40, 0xffff};
	__asm__ volatile("mov %0, %%ss; push %%rax; pop %%rax"
			 :
			 : "r"(selectors[number])
			 : "memory");
	return 0;
}

int attack_lose_thread_segment(uint64_t number)
{
	static const uint64_t bases[] = {0, GUEST_LIBOS_BASE, GUEST_SYSTEM_BASE, 1UL << 62,
					 UINT64_MAX};
	__asm__ volatile("wrfsbase %0; wrgsbase %0; mov %%fs:0, %%rax"
			 :
			 : "r"(bases[number])
			 : "rax", "memory");
	return 0;
}

/* A trap after each instruction. */
int attack_set_trap_flag(uint64_t number)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" : : : "memory", "cc");
	return 1;
}

/* The same across the door: the trap would strike in the host's part, or in the next request. */
int attack_trap_in_hypercall(uint64_t number)
{
	control()->arguments[0] = 0;
	control()->response_length = 0;
	control()->hypercall = number ? HYPERCALL_CLOCK : HYPERCALL_EXIT;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; call *%0"
			 :
			 : "a"(GUEST_HYPERCALL)
			 : "rcx", "r11", "memory", "cc");
	return 1;
}

/* Direction, alignment check, nested task, resume, identification. */
int attack_set_odd_flags(uint64_t number)
{
	static const uint64_t flags[] = {1UL << 10, 1UL << 14, 1UL << 16, 1UL << 21};
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "r"(flags[number]) : "memory", "cc");
	syscall(SYS_getpid);
	hypercall(HYPERCALL_CLOCK, 0, 0, 0);
	return 0;
}

int attack_access_misaligned(uint64_t number)
{
	__asm__ volatile("pushfq; orq $0x40000, (%%rsp); popfq; mov 1(%0), %%rax"
			 :
			 : "r"(scratch)
			 : "rax", "memory", "cc");
	return 0;
}

int attack_shut_out_interrupts(uint64_t number)
{
	__asm__ volatile("cli");
	for (;;)
		__asm__ volatile("" : : : "memory");
}

/* ── floating point ──────────────────────────────────────────────────────────────────────────── */

int attack_raise_vector_exception(uint64_t number)
{
	uint32_t unmasked = 0;
	__asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; divps %%xmm0, %%xmm0"
			 :
			 : "m"(unmasked)
			 : "xmm0");
	return 1;
}

int attack_raise_x87_exception(uint64_t number)
{
	uint16_t unmasked = 0x340;
	__asm__ volatile("fninit; fldcw %0; fldz; fldz; fdivp; fwait" : : "m"(unmasked));
	return 1;
}

/* An exception that is pending when the request ends must not strike in the next. */
int attack_leave_exception_pending(uint64_t number)
{
	uint16_t unmasked = 0x340;
	control()->response_length = 0;
	control()->arguments[0] = 0;
	control()->hypercall = HYPERCALL_EXIT;
	__asm__ volatile("fninit; fldcw %0; fldz; fldz; fdivp" : : "m"(unmasked));
	call_anywhere(GUEST_HYPERCALL, 0, 0, 0);
	return 1;
}

/* Vector state that the library OS saves and loads for threads. */
int attack_restore_absurd_vector_state(uint64_t number)
{
	static uint8_t state[8192] __attribute__((aligned(64)));
	memset(state, number ? 0xff : 0x5a, sizeof(state));
	__asm__ volatile("xrstor (%0)" : : "r"(state), "a"(0xffffffff), "d"(0xffffffff) : "memory");
	return 0;
}

int attack_unmask_everything_and_call(uint64_t number)
{
	uint32_t mxcsr = 0x1f80 & ~0x1f80u;
	uint16_t word = 0x340;
	__asm__ volatile("ldmxcsr %0; fldcw %1; std" : : "m"(mxcsr), "m"(word) : "cc");
	syscall(SYS_getpid);
	hypercall(HYPERCALL_CLOCK, 0, 0, 0);
	__asm__ volatile("cld");
	return 0;
}
