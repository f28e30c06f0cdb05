/* The torture kernel: the interrupt flag and its neighbours, in code of every shape, and single steps. */
#include "kernel.h"
#include "torture.h"

#define SHOWN 0x47fd5UL /* all but the reserved bits, TF and the like */

/* Code that may be moved elsewhere, and code that may not, because there is a jump. */
static uint64_t get_movable(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; pop %0; nop; nop; nop; nop" : "=r"(flags));
	return flags;
}

static uint64_t get_fixed(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; jmp 1f\n1: pop %0" : "=r"(flags));
	return flags;
}

static uint64_t get_entered(void)
{
	uint64_t flags;
	__asm__ volatile("xor %%eax, %%eax; pushq $0; jmp 2f\n"
			 "1:\tpushfq\n"
			 "2:\ttest %%eax, %%eax; jne 3f; inc %%eax; jmp 1b\n"
			 "3:\tpop %0; pop %%rax"
			 : "=r"(flags)
			 :
			 : "rax", "cc");
	return flags;
}

static uint64_t get_short(void)
{
	uint64_t flags = 0;
	__asm__ volatile("pushfw; pop %w0" : "+r"(flags));
	return flags;
}

/* Each sets flags and gives what both kinds of code say of them. */
static void set(const char *name, uint64_t flags)
{
	uint64_t movable, fixed;
	__asm__ volatile("push %2; popfq; nop; nop; nop; nop; pushfq; pop %0; cld\n\t"
			 "push %2; popfq; jmp 1f\n1: pushfq; jmp 1f\n1: pop %1; cld"
			 : "=&r"(movable), "=&r"(fixed)
			 : "r"(flags)
			 : "cc", "memory");
	print(name);
	print(": ");
	print_hex(movable & SHOWN);
	print(" ");
	print_hex(fixed & SHOWN);
	print("\n");
	__asm__ volatile("pushq $2; popfq; nop; nop; nop" : : : "cc", "memory");
}

static void tell_interrupt_flag(const char *name)
{
	print(name);
	print(":");
	const uint64_t flags[] = {get_movable(), get_fixed(), get_entered(), get_short()};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		print(flags[i] & FLAG_INTERRUPT ? " 1" : " 0");
	print("\n");
}

/* STI and CLI that change nothing else. */
static void keep_registers(void)
{
	uint64_t a = 0x1122334455667788, c = 0x99aabbccddeeff00;
	uint8_t carry, zero;
	__asm__ volatile(
	    "cmp $0x77, %%al; sti; nop; nop; nop; nop; cli; nop; nop; nop; nop; setz %2; stc; "
	    "cli; nop; nop; nop; nop; sti; jmp 1f\n1: cli; jmp 1f\n1: setc %3"
	    : "+a"(a), "+c"(c), "=&q"(zero), "=&q"(carry)
	    :
	    : "cc", "memory");
	show("rax", a);
	show("rcx", c);
	show("zero", zero);
	show("carry", carry);
}

static void single_steps(void)
{
	steps = 0;
	counting_steps = true;
	__asm__ volatile("pushfq; jmp 1f\n1: orl $0x100, (%%rsp); popfq; jmp 1f\n"
			 "1:\tnop; mov %%cr0, %%rax; nop; pushfq; jmp 1f\n"
			 "1:\tandl $~0x100, (%%rsp); popfq; jmp 1f\n1:"
			 :
			 :
			 : "rax", "cc", "memory");
	counting_steps = false;
	show("single steps", steps);
	TRY("single step", "pushfq; jmp 1f\n1: orl $0x100, (%%rsp); popfq; jmp 1f\n1: nop; nop",
	    NOTHING);
}

void torture_flags(void)
{
	tell_interrupt_flag("at first");
	__asm__ volatile("sti; nop; nop; nop; nop");
	tell_interrupt_flag("sti that can be moved");
	__asm__ volatile("cli; nop; nop; nop; nop");
	tell_interrupt_flag("cli that can be moved");
	__asm__ volatile("sti; jmp 1f\n1:");
	tell_interrupt_flag("sti that cannot");
	__asm__ volatile("cli; jmp 1f\n1:");
	tell_interrupt_flag("cli that cannot");
	__asm__ volatile("sti; nop; cli; nop; sti; mov %rax, %rax");
	tell_interrupt_flag("one behind the other");
	__asm__ volatile("cli");
	set("interrupts", 0x202);
	set("privilege", 0x3002);
	set("alignment", 0x40002);
	set("arithmetic", 0x8d7);
	set("direction", 0x402);
	set("all", 0x43ed7);
	set("none", 2);
	keep_registers();
	single_steps();
	__asm__ volatile("sti; nop; nop; nop; nop");
	TRY("a handler finds", "ud2", NOTHING);
	tell_interrupt_flag("after its IRETQ");
	__asm__ volatile("cli; nop; nop; nop; nop");
}
