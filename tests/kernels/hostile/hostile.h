/* What the attacks of kernels share; attacks.def lists them. */
#ifndef MAYFLY_TESTS_KERNELS_HOSTILE_H
#define MAYFLY_TESTS_KERNELS_HOSTILE_H

#include "kernel.h"

#define PRESENT	 1UL
#define WRITABLE 2UL
#define LARGE	 0x80UL

#define MEMORY_END 0x1000000UL	/* 16 MiB; pages of the monitor follow */
#define DEVICE	   0x20000000UL /* mapped, and no memory */
#define NO_ADDRESS 0x8000000000000000UL
#define FLAGS_AREA 0xc0000UL /* where the machine keeps the interrupt flag */
#define FLAGS_SIZE 0x10000UL

#define ATTACK(name, end, lesson) void attack_##name(void);
#include "attacks.def"
#undef ATTACK

typedef volatile uint64_t page_table[512] __attribute__((aligned(PAGE_SIZE)));
extern page_table top_table, second_table, large_table, small_table, spare_table;
extern uint8_t spare_pages[4][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

/* Page tables of its own: the first GiB as it is, and spare_table for addresses from WINDOW on. */
#define WINDOW 0x8000000000UL
void load_page_tables(void);
void forget(uint64_t address);

uint64_t next_random(void);

/* Executes instructions that may have an exception. */
#define ATTEMPT(instructions, ...)                                                                 \
	do {                                                                                       \
		uint64_t base_;                                                                    \
		__asm__ volatile(                                                                  \
		    "lea 2f(%%rip), %0\n\tmov %0, %1\n\tmov %%rsp, %2\n\t" instructions "\n2:"     \
		    : "=&r"(base_), "=m"(resume), "=m"(resume_stack)                               \
		    : __VA_ARGS__                                                                  \
		    : "memory", "rax", "rcx", "rdx", "rsi", "rdi", "cc");                          \
		resume = resume_stack = 0;                                                         \
	} while (0)

/* Calls code that may be anything. */
void attempt_code(const void *code);

#endif
