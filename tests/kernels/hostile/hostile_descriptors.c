/* Attacks by descriptor tables and by stacks; see attacks.def. */
#include "hostile.h"

static void fall(void)
{
	__asm__ volatile("ud2; ud2");
}

static void fall_with_idt(uint64_t base, uint16_t limit)
{
	load_idt(base, limit);
	fall();
}

static void load_gdt(uint64_t base, uint16_t limit)
{
	const struct table_pointer pointer = {limit, base};
	ATTEMPT("lgdt (%3)", "r"(&pointer));
}

void attack_idt_in_a_device(void)
{
	fall_with_idt(DEVICE, 4095);
}

void attack_idt_at_the_end(void)
{
	fall_with_idt(MEMORY_END - 6 * 16 - 8, 4095);
}

void attack_idt_is_no_address(void)
{
	const struct table_pointer pointer = {4095, NO_ADDRESS};
	ATTEMPT("lidt (%3); ud2", "r"(&pointer));
}

void attack_idt_wraps(void)
{
	fall_with_idt(~0UL - 100, 4095);
}

void attack_idt_empty(void)
{
	fall_with_idt((uint64_t)kernel_idt, 0);
}

void attack_idt_in_own_pages(void)
{
	fall_with_idt(MEMORY_END + 0x1000, 4095);
}

void attack_gates_at_random(void)
{
	for (unsigned i = 0; i < 2 * VECTORS; i++)
		kernel_idt[i] = next_random() | (uint64_t)(i % 2 == 0) << 47;
	fall();
}

void attack_handler_is_no_address(void)
{
	for (unsigned vector = 0; vector < 32; vector++)
		set_gate(vector, NO_ADDRESS, 14, 0, true);
	fall();
}

void attack_handler_in_data(void)
{
	for (unsigned vector = 0; vector < 32; vector++)
		kernel_idt[2 * vector] += (SELECTOR_DATA - SELECTOR_CODE) << 16;
	fall();
}

void attack_no_double_fault_handler(void)
{
	set_gate(6, 0, 14, 0, false);
	set_gate(8, 0, 14, 0, false);
	set_gate(11, 0, 14, 0, false);
	fall();
}

__asm__("hostile_faulting_handler:\n\tud2\n\tjmp hostile_faulting_handler\n"
	"hostile_dividing_handler:\n\txor %ecx, %ecx\n\tdiv %ecx");
extern uint8_t hostile_faulting_handler[], hostile_dividing_handler[];

void attack_double_faults_in_double_faults(void)
{
	set_gate(0, 0, 14, 0, false);
	set_gate(8, (uint64_t)hostile_dividing_handler, 14, 0, true);
	set_gate(11, 0, 14, 0, false);
	__asm__ volatile("mov $64, %%rsp; xor %%ecx, %%ecx; div %%ecx" : : : "memory");
}

void attack_handlers_without_end(void)
{
	set_gate(6, (uint64_t)hostile_faulting_handler, 14, 0, true);
	/* Below is a page that is not there. */
	spare_table[1] = (uint64_t)spare_pages[0] | PRESENT | WRITABLE;
	set_gate(8, 0, 14, 0, false);
	set_gate(14, 0, 14, 0, false);
	__asm__ volatile("mov %0, %%rsp; ud2" : : "r"(WINDOW + 2 * PAGE_SIZE) : "memory");
}

void attack_gdt_outside(void)
{
	const uint64_t places[] = {MEMORY_END - 4, MEMORY_END + 0x1000, DEVICE, WINDOW, ~0UL - 20};
	for (unsigned i = 0; i < 5; i++) {
		load_gdt(places[i], 0xffff);
		for (unsigned selector = 0; selector < 64; selector += 8)
			ATTEMPT("mov %3, %%ds; mov %3, %%es; mov %3, %%ss; ltr %w3; lldt %w3",
				"r"(selector));
	}
	load_tables();
}

void attack_gdt_is_no_address(void)
{
	load_gdt(NO_ADDRESS, 0xffff);
	ATTEMPT("mov %3, %%ds; ltr %w3", "r"(0x18));
}

void attack_every_selector(void)
{
	for (unsigned selector = 0; selector < 0x10000; selector += 61) {
		ATTEMPT("mov %3, %%ds", "r"(selector));
		ATTEMPT("mov %3, %%ss", "r"(selector));
		ATTEMPT("mov %3, %%fs; mov %3, %%gs", "r"(selector));
		ATTEMPT("ltr %w3", "r"(selector));
		ATTEMPT("lldt %w3", "r"(selector));
	}
	load_tables();
}

void attack_descriptors_at_random(void)
{
	static uint64_t table[64] __attribute__((aligned(16)));
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 6; i < 64; i++)
			table[i] = next_random();
		for (unsigned i = 0; i < 6; i++)
			table[i] = kernel_gdt[i];
		load_gdt((uint64_t)table, sizeof(table) - 1);
		for (unsigned selector = 48; selector < 512; selector += 8) {
			ATTEMPT("mov %3, %%es", "r"(selector));
			ATTEMPT("ltr %w3", "r"(selector));
			ATTEMPT("lldt %w3", "r"(selector));
			ATTEMPT("push %3; lea 2f(%%rip), %%rax; push %%rax; lretq",
				"r"((uint64_t)selector));
		}
	}
	load_tables();
}

/* A TSS somewhere else, or of another size. */
static void load_task(uint64_t base, uint64_t limit)
{
	kernel_gdt[3] =
	    (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24 & 0xff) << 56;
	kernel_gdt[4] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TASK));
	for (unsigned vector = 0; vector < 32; vector++)
		set_gate(vector, handler_of(vector), 14, 7, true);
	fall();
}

void attack_task_outside(void)
{
	load_task(WINDOW + 0x100000, 103);
}

void attack_task_too_short(void)
{
	load_task((uint64_t)kernel_tss, 20);
}

/* ── stacks ── */

/* An exception with RSP there; its handler has no stack of its own. */
static void fall_on(uint64_t stack)
{
	for (unsigned vector = 0; vector < 32; vector++)
		set_gate(vector, handler_of(vector), 14, 0, true);
	resume_stack = 0;
	__asm__ volatile("mov %0, %%rsp; ud2; ud2" : : "r"(stack) : "memory");
}

void attack_stack_at_zero(void)
{
	fall_on(0);
}

void attack_stack_at_the_hole(void)
{
	fall_on(0x800000000000);
}

void attack_stack_above_the_hole(void)
{
	fall_on(0xffff800000000008);
}

void attack_stack_wraps(void)
{
	fall_on(24);
}

void attack_stack_at_the_end(void)
{
	fall_on(MEMORY_END + 24);
}

void attack_stack_in_a_device(void)
{
	fall_on(DEVICE + 0x1000);
}

void attack_stack_read_only(void)
{
	WRITE_CONTROL(0, READ_CONTROL(0) | 0x10000);
	spare_table[1] = (uint64_t)spare_pages[0] | PRESENT;
	fall_on(WINDOW + 2 * PAGE_SIZE);
}

void attack_stack_half_mapped(void)
{
	spare_table[1] = (uint64_t)spare_pages[0] | PRESENT | WRITABLE;
	fall_on(WINDOW + PAGE_SIZE + 24);
}

void attack_stack_in_flags(void)
{
	fall_on(FLAGS_AREA + 32);
}

void attack_stack_in_page_tables(void)
{
	fall_on((uint64_t)top_table + 24);
}

void attack_return_at_the_border(void)
{
	spare_table[0] = (uint64_t)spare_pages[0] | PRESENT | WRITABLE;
	ATTEMPT("mov %3, %%rsp; popfq; jmp 1f\n1: nop", "r"(WINDOW + PAGE_SIZE - 4));
	ATTEMPT("mov %3, %%rsp; lretq", "r"(WINDOW + PAGE_SIZE - 8));
	ATTEMPT("mov %3, %%rsp; iretq", "r"(WINDOW + PAGE_SIZE - 32));
	ATTEMPT("mov %3, %%rsp; iretq", "r"(NO_ADDRESS));
	print("returned\n");
	for (unsigned vector = 0; vector < 32; vector++)
		set_gate(vector, handler_of(vector), 14, 0, true);
	__asm__ volatile("mov %0, %%rsp; iretq" : : "r"(~7UL) : "memory");
}
