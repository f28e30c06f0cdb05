/* Console, descriptor tables and exceptions of the tests' kernels; see kernel.h. */
#include "kernel.h"

#define PIC_COMMAND	 0x20
#define END_OF_INTERRUPT 0x20
#define UD2		 0x0b0f
#define STI		 0xfb
#define HLT		 0xf4
#define STACK_SIZE	 8192

extern uint8_t kernel_stubs[], kernel_stub_other[];
void handle_exception(struct frame *frame);

uint64_t kernel_gdt[8] __attribute__((aligned(16)));
uint64_t kernel_idt[2 * VECTORS] __attribute__((aligned(16)));
uint8_t kernel_tss[104] __attribute__((aligned(16)));
static uint8_t fault_stack[STACK_SIZE] __attribute__((aligned(16)));

volatile struct caught caught;
volatile uint64_t resume, resume_stack, ticks, shadow_ticks, steps;
volatile unsigned nesting;
volatile bool counting_steps, loses_shadows;

/* What the compiler calls by itself. */
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

void *memcpy(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

void *memset(void *to, int value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)value;
	return to;
}

void print(const char *text)
{
	while (*text)
		out8(PORT_CONSOLE, (uint8_t)*text++);
}

void print_hex(uint64_t value)
{
	char digits[17] = {0};
	int first = 16;
	do {
		digits[--first] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	print(digits + first);
}

void show(const char *name, uint64_t value)
{
	print(name);
	print(" = ");
	print_hex(value);
	print("\n");
}

void end(uint8_t status)
{
	out8(PORT_END, status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

uint64_t handler_of(unsigned vector)
{
	return vector < VECTORS_STACK ? (uint64_t)kernel_stubs + 16UL * vector
				      : (uint64_t)kernel_stub_other;
}

void set_gate(unsigned vector, uint64_t handler, unsigned type, unsigned stack, bool present)
{
	kernel_idt[2 * vector] = (handler & 0xffff) | SELECTOR_CODE << 16 | (uint64_t)stack << 32 |
				 (uint64_t)type << 40 | (uint64_t)present << 47 |
				 (handler >> 16 & 0xffff) << 48;
	kernel_idt[2 * vector + 1] = handler >> 32;
}

void load_idt(uint64_t base, uint16_t limit)
{
	const struct table_pointer pointer = {limit, base};
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void fill_tables(void)
{
	const uint64_t task = (uint64_t)kernel_tss, stack = (uint64_t)fault_stack + STACK_SIZE;
	kernel_gdt[1] = 0x00af9b000000ffff;
	kernel_gdt[2] = 0x00cf93000000ffff;
	kernel_gdt[3] = (sizeof(kernel_tss) - 1) | (task & 0xffffff) << 16 | 0x89UL << 40 |
			(task >> 24 & 0xff) << 56;
	kernel_gdt[4] = task >> 32;
	kernel_gdt[7] = 0x00cf13000000ffff;
	__builtin_memcpy(kernel_tss + 0x24, &stack, sizeof(stack));
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		const bool own_stack = vector == 8 || vector == 12 || vector == 14;
		set_gate(vector, handler_of(vector), 14, own_stack, true);
	}
}

void load_tables(void)
{
	const struct table_pointer gdt = {sizeof(kernel_gdt) - 1, (uint64_t)kernel_gdt};
	fill_tables();
	__asm__ volatile("lgdt %0\n\t"
			 "pushq $8\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:\tmov $0x10, %%eax\n\t"
			 "mov %%eax, %%ds\n\t"
			 "mov %%eax, %%es\n\t"
			 "mov %%eax, %%ss\n\t"
			 "mov $0x18, %%eax\n\t"
			 "ltr %%ax"
			 :
			 : "m"(gdt)
			 : "rax", "memory");
	load_idt((uint64_t)kernel_idt, sizeof(kernel_idt) - 1);
}

/* An interrupt that should have come one instruction later. HLT would wait for another one. */
static void leave_shadow(struct frame *frame)
{
	const uint8_t *next = (const uint8_t *)frame->rip;
	if (next[-1] != STI)
		return;
	shadow_ticks++;
	if (*next == HLT)
		frame->rip++;
}

void handle_exception(struct frame *frame)
{
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	if (frame->vector == VECTOR_TIMER) {
		ticks++;
		if (loses_shadows)
			leave_shadow(frame);
		out8(PIC_COMMAND, END_OF_INTERRUPT);
		return;
	}
	if (frame->vector == 1 && counting_steps) {
		steps++;
		return;
	}
	if (nesting) {
		nesting--;
		__asm__ volatile("ud2");
	}
	caught.count++;
	__builtin_memcpy((void *)&caught.frame, frame, sizeof(*frame));
	caught.address = READ_CONTROL(2);
	caught.handler_flags = flags;
	caught.handler_stack = (uint64_t)frame;
	if (frame->vector == 1)
		frame->flags &= ~0x100UL;
	if (frame->vector == 6 && !resume && *(const uint16_t *)frame->rip == UD2)
		frame->rip += 2;
	if (resume_stack)
		frame->rsp = resume_stack;
	if (resume)
		frame->rip = resume;
	resume = resume_stack = 0;
}

static void tell(const char *name, uint64_t value)
{
	print(name);
	print_hex(value);
}

void tell_caught(const char *name, uint64_t base)
{
	const volatile struct frame *frame = &caught.frame;
	const uint64_t stack = caught.handler_stack - (uint64_t)fault_stack;
	print(name);
	if (!caught.count) {
		print(": nothing\n");
		return;
	}
	tell(": vector ", frame->vector);
	tell(", code ", frame->code);
	tell(", rip+", frame->rip - base);
	tell(", cs ", frame->cs);
	tell(", ss ", frame->ss);
	tell(", if ", frame->flags >> 9 & 1);
	tell(", handler's if ", caught.handler_flags >> 9 & 1);
	tell(", own stack ", stack < STACK_SIZE);
	if (frame->vector == 14)
		tell(", address ", caught.address);
	if (caught.count > 1)
		tell(", times ", caught.count);
	print("\n");
	caught.count = 0;
}
