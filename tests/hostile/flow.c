/* Attacks on the flow of control: jumps into the doors, into other rings and modes. */
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacker.h"
#include "monitor/process/guest.h"

extern const uint8_t code_of_32_bits[];
void system_call_with(const uint64_t registers[7], uint64_t stack);

/* Into the exception stubs, whose code belongs to ring 0. */
int attack_jump_into_stubs(uint64_t number)
{
	call_anywhere(GUEST_SYSTEM_BASE + 0x3000 + number * 16, 0, 0, 0);
	return 1;
}

/* Into the middle of the hypercall page, at every byte that it may have code in. */
int attack_jump_into_hypercall_page(uint64_t number)
{
	control()->hypercall = HYPERCALL_EXIT;
	call_anywhere(GUEST_HYPERCALL + number, 0, 0, 0);
	return 0;
}

/* Into the library OS, past what its entries check: its header, its entries, the middle. */
int attack_jump_into_library_os(uint64_t number)
{
	const struct libos_header *header = (const struct libos_header *)GUEST_LIBOS_BASE;
	const uint64_t places[] = {GUEST_LIBOS_BASE, header->start, header->resume, header->upcall,
				   GUEST_LIBOS_BASE + 0x1001};
	call_anywhere(places[number], 0, 0, 0);
	return 0;
}

/* ── system calls ────────────────────────────────────────────────────────────────────────────── */

int attack_system_call_with_wild_registers(uint64_t number)
{
	static const uint64_t values[] = {0,	      1UL << 31,	1UL << 63,
					  UINT64_MAX, GUEST_LIBOS_BASE, GUEST_SYSTEM_BASE};
	static uint8_t stack[4096] __attribute__((aligned(16)));
	uint64_t registers[7];
	/* Every call that exists, but those that wait or end, with the same value everywhere. */
	for (uint64_t call = 0; call < 470; call++) {
		switch (call) {
		case SYS_pause:
		case SYS_nanosleep:
		case SYS_exit:
		case SYS_exit_group:
		case SYS_clone:
		case SYS_rt_sigreturn:
		case SYS_rt_sigsuspend:
		case SYS_munmap:
		case SYS_mprotect:
		case SYS_mmap:
			continue;
		default:
			break;
		}
		registers[0] = call;
		for (size_t i = 1; i < 7; i++)
			registers[i] = values[number];
		system_call_with(registers, (uint64_t)(uintptr_t)(stack + sizeof(stack) - 256));
	}
	registers[0] = values[number];
	system_call_with(registers, (uint64_t)(uintptr_t)(stack + sizeof(stack) - 256));
	return 0;
}

/* The library OS has a stack of its own; it never uses the program's. */
int attack_system_call_with_bad_stack(uint64_t number)
{
	static const uint64_t stacks[] = {0,
					  8,
					  UINT64_MAX,
					  1UL << 63,
					  GUEST_LIBOS_BASE,
					  GUEST_SYSTEM_BASE + 0x4800,
					  GUEST_WINDOW_BASE + 8};
	const uint64_t registers[7] = {SYS_getpid};
	system_call_with(registers, stacks[number]);
	return 0;
}

/* ── faults without a place to stand ─────────────────────────────────────────────────────────── */

int attack_fault_with_bad_stack(uint64_t number)
{
	static const uint64_t stacks[] = {0, UINT64_MAX, 1UL << 63, GUEST_SYSTEM_BASE + 0x4800,
					  GUEST_LIBOS_BASE};
	__asm__ volatile("mov %0, %%rsp; ud2" : : "r"(stacks[number]));
	return 1;
}

int attack_push_without_a_stack(uint64_t number)
{
	__asm__ volatile("xor %%esp, %%esp; push %%rax" : : : "memory");
	return 1;
}

/* ── other rings, other modes ────────────────────────────────────────────────────────────────── */

/* Far returns to each code segment that may be there: ring 0's, the 32-bit one, none. */
int attack_return_to_other_segment(uint64_t number)
{
	static const uint64_t selectors[] = {0, 0x8, 0x10, 0x13, 0x20, 0x23, 0x30, 0x40, 0xfffb};
	__asm__ volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:"
			 :
			 : "r"(selectors[number])
			 : "rax", "memory");
	return 1;
}

int attack_iret_to_ring_0(uint64_t number)
{
	static const uint64_t frames[][2] = {{0x10, 0x18}, {0x10, 0}, {0x10, 0x2b}, {0x33, 0x18}};
	__asm__ volatile("mov %%rsp, %%rax; push %1; push %%rax; pushfq; push %0;"
			 "lea 1f(%%rip), %%rax; push %%rax; iretq; 1:"
			 :
			 : "r"(frames[number][0]), "r"(frames[number][1])
			 : "rax", "memory");
	return 1;
}

/* With flags that Linux' programs never have: nested task, virtual-8086, virtual interrupts. */
int attack_iret_with_odd_flags(uint64_t number)
{
	static const uint64_t flags[] = {1UL << 14, 1UL << 17, 1UL << 19 | 1UL << 20, 3UL << 12,
					 0xffffffffUL & ~(1UL << 8)};
	__asm__ volatile("mov %%rsp, %%rax; push $0x2b; push %%rax; push %0; push $0x33;"
			 "lea 1f(%%rip), %%rax; push %%rax; iretq; 1:"
			 :
			 : "r"(flags[number])
			 : "rax", "memory", "cc");
	return 0;
}

/* 32-bit code that asks a 32-bit Linux to end it. */
int attack_jump_to_32_bit_code(uint64_t number)
{
	__asm__ volatile("push $0x23; push %0; lretq" : : "r"(code_of_32_bits) : "memory");
	return 1;
}

/* ── past the library OS ─────────────────────────────────────────────────────────────────────── */

/* System calls of the host. Under KVM there is no instruction that makes them. */
static int ask_the_host(long number, long first, long second, long third)
{
	struct host_call call = {number, first, second, third, 0};
	return host_call(&call) && call.result >= 0;
}

int attack_open_file_of_host(uint64_t number)
{
	return ask_the_host(SYS_open, (long)(uintptr_t) "/etc/passwd", 0, 0);
}

int attack_execute_program_of_host(uint64_t number)
{
	return ask_the_host(SYS_execve, (long)(uintptr_t) "/bin/sh", 0, 0);
}

int attack_open_socket_of_host(uint64_t number)
{
	return ask_the_host(SYS_socket, 2, 1, 0);
}

int attack_fork_on_host(uint64_t number)
{
	return ask_the_host(SYS_fork, 0, 0, 0);
}

int attack_kill_on_host(uint64_t number)
{
	return ask_the_host(SYS_kill, -1, 0, 0);
}

int attack_trace_parent_on_host(uint64_t number)
{
	return ask_the_host(SYS_ptrace, 16, 1, 0);
}

int attack_map_memory_of_host(uint64_t number)
{
	return ask_the_host(SYS_mmap, 0, 1UL << 40, 3);
}

int attack_return_from_signal_of_host(uint64_t number)
{
	return ask_the_host(SYS_rt_sigreturn, 0, 0, 0);
}

int attack_receive_from_socket_of_host(uint64_t number)
{
	static char data[64];
	return ask_the_host(SYS_read, 0, (long)(uintptr_t)data, sizeof(data));
}

int attack_leave_by_exit_of_host(uint64_t number)
{
	return ask_the_host(SYS_exit_group, 0, 0, 0);
}

/* Rings the bell and takes no answers, until its pipe is full. */
int attack_ring_and_never_listen(uint64_t number)
{
	control()->hypercall = HYPERCALL_CLOCK;
	while (ask_the_host(SYS_write, PROCESS_EVENTS, (long)(uintptr_t) "", 1))
		;
	/* Under KVM each ring waits for its answer. */
	for (;;)
		hypercall(HYPERCALL_CLOCK, 0, 0, 0);
}
