/* What the kernels of these tests stand on: console, descriptor tables, exceptions. They run in the
 * privileged ring of a 64-bit processor, or believe to, and are linked to 1 MiB.
 *
 * The machine that the tests give them has memory that is mapped at its own addresses, a console at
 * port 0x3f8, a port 0xf4 that ends it, and a PIC and a PIT.
 */
#ifndef MAYFLY_TESTS_KERNELS_KERNEL_H
#define MAYFLY_TESTS_KERNELS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_CONSOLE 0x3f8
#define PORT_END     0xf4

#define PAGE_SIZE 4096

#define SELECTOR_CODE	0x08
#define SELECTOR_DATA	0x10
#define SELECTOR_TASK	0x18
#define SELECTOR_ABSENT 0x38 /* data that are not present */
#define FLAG_INTERRUPT	0x200UL
#define VECTOR_TIMER	32
#define VECTORS		256
#define VECTORS_STACK	64 /* vectors below have stubs of their own */

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint64_t read_counter(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (uint64_t)high << 32;
}

static inline uint64_t read_model(uint32_t number)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return low | (uint64_t)high << 32;
}

static inline void write_model(uint32_t number, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

#define READ_CONTROL(number)                                                                       \
	({                                                                                         \
		uint64_t control_;                                                                 \
		__asm__ volatile("mov %%cr" #number ", %0" : "=r"(control_));                      \
		control_;                                                                          \
	})
#define WRITE_CONTROL(number, value)                                                               \
	__asm__ volatile("mov %0, %%cr" #number : : "r"((uint64_t)(value)) : "memory")

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* ── the console ─────────────────────────────────────────────────────────────────────────────── */

void print(const char *text);
void print_hex(uint64_t value);
void show(const char *name, uint64_t value); /* "name = value" */

_Noreturn void end(uint8_t status);

/* ── descriptor tables ───────────────────────────────────────────────────────────────────────── */

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

extern uint64_t kernel_gdt[8], kernel_idt[2 * VECTORS];
extern uint8_t kernel_tss[104];
extern uint8_t kernel_code_end[], kernel_end[];

/* Loads tables with a handler for each vector; page faults, stack faults and double faults have a
 * stack of their own. */
void load_tables(void);

/* Gate types: 14 closes interrupts, 15 does not. */
void set_gate(unsigned vector, uint64_t handler, unsigned type, unsigned stack, bool present);
void load_idt(uint64_t base, uint16_t limit);
uint64_t handler_of(unsigned vector);

/* ── exceptions ──────────────────────────────────────────────────────────────────────────────── */

struct frame {
	uint64_t registers[15], vector, code, rip, cs, flags, rsp, ss;
};

/* The last exception, as its handler saw it. */
struct caught {
	uint64_t count, address, handler_flags, handler_stack;
	struct frame frame;
};
extern volatile struct caught caught;
extern volatile uint64_t resume; /* where the next exception returns to; 0: where it came from */
extern volatile uint64_t resume_stack; /* its RSP then; 0: as it was */
extern volatile unsigned nesting;      /* so many exceptions have one in their handlers */
extern volatile uint64_t ticks;	       /* timer interrupts */
extern volatile uint64_t shadow_ticks; /* those right behind an STI, where loses_shadows */
extern volatile bool loses_shadows;    /* the processor, at times (emulation.h) */
extern volatile uint64_t steps;	       /* debug exceptions, where single steps are counted */
extern volatile bool counting_steps;

/* Prints what was caught, with RIP counted from `base`. */
void tell_caught(const char *name, uint64_t base);

/* Executes instructions that may have an exception, and tells which. */
#define TRY(name, instructions, ...)                                                               \
	do {                                                                                       \
		uint64_t base_;                                                                    \
		__asm__ volatile(                                                                  \
		    "lea 2f(%%rip), %0\n\tmov %0, %1\n\tlea 1f(%%rip), %0\n1:\t" instructions      \
		    "\n2:"                                                                         \
		    : "=&r"(base_), "=m"(resume)                                                   \
		    : __VA_ARGS__                                                                  \
		    : "memory", "rax", "rcx", "rdx", "cc");                                        \
		resume = 0;                                                                        \
		tell_caught(name, base_);                                                          \
	} while (0)
#define NOTHING "i"(0) /* no operand for TRY */

#endif
