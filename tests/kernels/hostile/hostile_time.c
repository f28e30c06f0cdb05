/* Attacks by ports, and on time; see attacks.def. */
#include "hostile.h"

void attack_string_over_the_border(void)
{
	spare_table[0] = (uint64_t)spare_pages[0] | PRESENT | WRITABLE;
	for (unsigned i = 0; i < 3; i++) {
		ATTEMPT("mov %3, %%rsi; mov $-1, %%rcx; mov $0x80, %%edx; rep outsb",
			"r"(WINDOW + PAGE_SIZE - 5 - i));
		ATTEMPT("mov %3, %%rdi; mov $-1, %%rcx; mov $0x80, %%edx; rep insl",
			"r"(WINDOW + PAGE_SIZE - 5 - i));
		ATTEMPT("mov %3, %%rsi; mov $-1, %%rcx; mov $0x80, %%edx; std; rep outsw",
			"r"(WINDOW + 9 + i));
		ATTEMPT("mov %3, %%rdi; mov $-1, %%rcx; mov $0x80, %%edx; std; rep insb",
			"r"(WINDOW + 9 + i));
		ATTEMPT("mov %3, %%rdi; mov $2, %%rcx; mov $0x80, %%edx; cld; rep insl",
			"r"(NO_ADDRESS - 4));
		ATTEMPT("mov %3, %%rsi; mov $2, %%rcx; mov $0x80, %%edx; cld; rep outsl",
			"r"(~0UL - 3));
	}
	__asm__ volatile("cld");
}

void attack_string_into_tables(void)
{
	ATTEMPT("mov %3, %%rdi; mov $4096, %%rcx; mov $0x80, %%edx; cld; rep insb", "r"(top_table));
}

void attack_every_port(void)
{
	for (unsigned port = 0; port < 0x10000; port += port < 0x100 ? 1 : 521) {
		/* Not the one that ends it. */
		if (port >= PORT_END - 3 && port <= PORT_END)
			continue;
		ATTEMPT("mov %3, %%edx; in %%dx, %%al; in %%dx, %%ax; in %%dx, %%eax", "r"(port));
		ATTEMPT("mov %3, %%edx; mov $-1, %%eax; out %%al, %%dx; out %%ax, %%dx; out %%eax, "
			"%%dx",
			"r"(port));
	}
	interrupts_off();
}

void attack_string_flood(void)
{
	for (;;)
		ATTEMPT("mov $0x100000, %%rsi; mov $0x100000, %%rcx; mov $0x3f8, %%edx; rep outsb",
			NOTHING);
}

void attack_port_flood(void)
{
	for (;;)
		out8(0x80, 0);
}

void attack_breakpoint_flood(void)
{
	for (;;)
		__asm__ volatile("int3");
}

void attack_fault_flood(void)
{
	resume = 0;
	__asm__ volatile("mov %0, %%rax; mov (%%rax), %%rax" : : "r"(WINDOW + 0x100000) : "rax");
}

void attack_interrupt_flood(void)
{
	for (;;)
		__asm__ volatile("int $0x40");
}

void attack_step_flood(void)
{
	counting_steps = true;
	__asm__ volatile("pushfq; jmp 1f\n1: orl $0x100, (%%rsp); popfq; jmp 1f\n1: jmp 1b"
			 :
			 :
			 : "memory");
}

void attack_halt(void)
{
	__asm__ volatile("cli; hlt");
}

void attack_halt_with_interrupts(void)
{
	__asm__ volatile("sti; hlt");
}

void attack_timer_flood(void)
{
	static const uint8_t controller[][2] = {
	    {0x20, 0x11}, {0x21, 32}, {0x21, 4}, {0x21, 1}, {0x21, 0xfe}};
	for (unsigned i = 0; i < 5; i++)
		out8(controller[i][0], controller[i][1]);
	out8(0x43, 0x34);
	out8(0x40, 1);
	out8(0x40, 0);
	interrupts_on();
	for (;;)
		__asm__ volatile("pause");
}

void attack_controllers_at_random(void)
{
	static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1,  0x40,
					 0x42, 0x43, 0x61, 0x4d0, 0x4d1};
	for (unsigned round = 0; round < 2000; round++) {
		const uint16_t port = ports[next_random() % 10];
		if (next_random() % 3)
			out8(port, (uint8_t)next_random());
		else
			in8(port);
		if (round % 50 == 0)
			ATTEMPT("sti; nop; nop; nop; nop; cli", NOTHING);
	}
}

void attack_spin(void)
{
	for (;;)
		__asm__ volatile("pause");
}
