/* The torture kernel: exceptions, and exceptions in their handlers. */
#include "kernel.h"
#include "torture.h"

static void each_software_interrupt(void)
{
	static uint8_t code[16] __attribute__((aligned(16)));
	unsigned seen = 0, others = 0;
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		const uint8_t instructions[] = {0xcd, (uint8_t)vector, 0xc3};
		/* Handlers of these expect a code, which INT does not push. Of what is reserved, no kernel uses INT. */
		if (vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
		    vector == 1 || (vector > 20 && vector <= VECTOR_TIMER))
			continue;
		__builtin_memcpy(code, instructions, sizeof(instructions));
		__asm__ volatile("call *%0" : : "r"(code) : "memory");
		if (caught.count == 1 && caught.frame.vector == vector &&
		    caught.frame.rip == (uint64_t)code + 2)
			seen++;
		else if (caught.count == 1 && vector >= VECTORS_STACK && caught.frame.vector == 64)
			others++;
		caught.count = 0;
	}
	show("vectors by INT", seen);
	show("vectors from 64 on", others);
}

void torture_exceptions(void)
{
	TRY("division", "xor %%ecx, %%ecx; div %%ecx", NOTHING);
	TRY("breakpoint", "int3", NOTHING);
	TRY("invalid instruction", "ud2", NOTHING);
	TRY("no address", "mov $0x8000000000000000, %%rax; mov (%%rax), %%rax", NOTHING);
	TRY("far return to data",
	    "pushq $0x10; lea 2f(%%rip), %%rax; push %%rax; "
	    "mov %%rsp, resume_stack(%%rip); addq $16, resume_stack(%%rip); lretq",
	    NOTHING);
	interrupts_on();
	TRY("with interrupts", "ud2", NOTHING);
	interrupts_off();
	each_software_interrupt();
	set_gate(0x31, handler_of(0x31), 15, 0, true);
	interrupts_on();
	TRY("interrupt gate", "int $0x30", NOTHING);
	TRY("trap gate", "int $0x31", NOTHING);
	interrupts_off();
	TRY("halt in the way of a breakpoint", "nop; int3; hlt", NOTHING);
}

/* Without the code: emulators of the processor have their own for exceptions on the way to a handler. */
static void tell_way(const char *name)
{
	print(name);
	show(": vector", caught.frame.vector);
	show("  times", caught.count);
	caught.count = 0;
}

static void at_once(void)
{
	uint64_t base;
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; ud2\n1:"
			 : "=&r"(base), "=m"(resume)
			 :
			 : "memory");
}

static void touch_nothing(void)
{
	uint64_t base;
	__asm__ volatile(
	    "lea 1f(%%rip), %0; mov %0, %1; mov $0x8000000000, %%rax; mov (%%rax), %%rax\n1:"
	    : "=&r"(base), "=m"(resume)
	    :
	    : "rax", "memory");
}

static void interrupt(void)
{
	uint64_t base;
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; int $0x30\n1:"
			 : "=&r"(base), "=m"(resume)
			 :
			 : "memory");
}

static void divide(void)
{
	uint64_t base;
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; xor %%ecx, %%ecx; div %%ecx\n1:"
			 : "=&r"(base), "=m"(resume)
			 :
			 : "rax", "rcx", "rdx", "cc", "memory");
}

void torture_nested(void)
{
	static const struct {
		const char *name;
		unsigned absent;
		void (*act)(void);
	} ways[] = {
	    {"invalid instruction without a handler", 6, at_once},
	    {"page fault without a handler", 14, touch_nothing},
	    {"division without a handler", 0, divide},
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const unsigned absent = ways[i].absent;
		set_gate(absent, handler_of(absent), 14, 0, false);
		ways[i].act();
		tell_way(ways[i].name);
		set_gate(absent, handler_of(absent), 14, absent == 14, true);
	}
	set_gate(11, handler_of(11), 14, 0, false);
	set_gate(6, handler_of(6), 14, 0, false);
	at_once();
	tell_way("nor one for that");
	set_gate(11, handler_of(11), 14, 0, true);
	set_gate(6, handler_of(6), 14, 0, true);
	set_gate(0x30, handler_of(0x30), 14, 0, false);
	interrupt();
	tell_way("INT without a handler");
	set_gate(0x30, handler_of(0x30), 14, 0, true);
	load_idt((uint64_t)kernel_idt, 0x30 * 16 - 1);
	interrupt();
	tell_way("INT beyond the table");
	load_idt((uint64_t)kernel_idt, sizeof(kernel_idt) - 1);
	nesting = 5;
	__asm__ volatile("int3");
	show("handlers in handlers", caught.count);
	caught.count = 0;
	show("nesting left", nesting);
}
