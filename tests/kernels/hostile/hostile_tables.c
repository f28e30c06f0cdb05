/* Attacks by page tables; see attacks.def. */
#include "hostile.h"

#define CR0_WP 0x10000UL

static void load(uint64_t table)
{
	WRITE_CONTROL(3, table);
}

void attack_cr3_outside(void)
{
	load(0xfffffffff000);
}

void attack_cr3_at_the_end(void)
{
	load(MEMORY_END - PAGE_SIZE);
}

void attack_cr3_in_own_pages(void)
{
	for (uint64_t page = 0; page < 128; page++)
		ATTEMPT("mov %3, %%cr3", "r"(MEMORY_END + page * PAGE_SIZE));
}

void attack_table_in_itself(void)
{
	top_table[2] = (uint64_t)top_table | PRESENT | WRITABLE;
	load((uint64_t)top_table);
	for (uint64_t a = 0; a < 4; a++)
		for (uint64_t b = 0; b < 4; b++)
			ATTEMPT("mov (%3), %%rax; mov %%rax, (%3)",
				"r"(2UL << 39 | a << 30 | b << 21 | a << 12));
}

void attack_all_entries_itself(void)
{
	for (unsigned i = 0; i < 512; i++)
		spare_table[i] = (uint64_t)spare_table | PRESENT | WRITABLE;
	load((uint64_t)spare_table);
}

void attack_tables_in_a_ring(void)
{
	volatile uint64_t *other = (volatile uint64_t *)spare_pages[0];
	for (unsigned i = 0; i < 512; i++) {
		other[i] = (uint64_t)spare_table | PRESENT | WRITABLE;
		spare_table[i] = (uint64_t)other | PRESENT | WRITABLE;
	}
	for (unsigned i = 2; i < 512; i++)
		top_table[i] = (uint64_t)(i % 2 ? spare_table : other) | PRESENT | WRITABLE;
	for (unsigned i = 0; i < 20; i++)
		load((uint64_t)top_table);
	for (uint64_t i = 2; i < 200; i++)
		ATTEMPT("mov (%3), %%rax", "r"(i << 39));
}

static void put_table(uint64_t where)
{
	top_table[2] = where | PRESENT | WRITABLE;
	load((uint64_t)top_table);
	for (uint64_t i = 0; i < 64; i++)
		ATTEMPT("mov (%3), %%rax; mov %%rax, (%3); jmp *%3", "r"(2UL << 39 | i << 30));
}

void attack_table_outside(void)
{
	put_table(0xffffffffff000);
	put_table(MEMORY_END + (1UL << 30));
}

void attack_table_is_a_device(void)
{
	put_table(DEVICE);
	put_table(0xfee00000);
}

void attack_reserved_entries(void)
{
	top_table[2] = ~0UL;
	top_table[3] = ~LARGE;
	spare_table[0] = ~0UL;
	top_table[4] = (uint64_t)spare_table | PRESENT | WRITABLE;
	load((uint64_t)top_table);
	for (uint64_t i = 2; i < 5; i++)
		ATTEMPT("mov (%3), %%rax; mov %%rax, (%3)", "r"(i << 39));
}

void attack_entries_at_random(void)
{
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned page = 0; page < 3; page++)
			for (unsigned i = 0; i < 512; i++)
				((volatile uint64_t *)spare_pages[page])[i] =
				    next_random() >> next_random() % 40 | (next_random() & 3);
		for (unsigned i = 2; i < 512; i++)
			top_table[i] = (uint64_t)spare_pages[i % 3] | PRESENT | WRITABLE;
		load((uint64_t)top_table);
		for (unsigned i = 0; i < 100; i++)
			ATTEMPT("mov (%3), %%rax; mov %%rax, (%3)",
				"r"((next_random() & 0x7fffffffffff) | 1UL << 40));
	}
}

void attack_change_tables_for_ever(void)
{
	for (;;) {
		top_table[2 + next_random() % 500] = next_random();
		load((uint64_t)top_table);
	}
}

void attack_forget_for_ever(void)
{
	for (;;)
		forget(WINDOW);
}

void attack_lend_too_much(void)
{
	WRITE_CONTROL(0, READ_CONTROL(0) & ~CR0_WP);
	for (uint64_t i = 0; i < 512; i++)
		spare_table[i] = (uint64_t)spare_pages[0] | PRESENT;
	load((uint64_t)top_table);
	for (uint64_t i = 0; i < 512; i++)
		ATTEMPT("movb $1, (%3)", "r"(WINDOW + i * PAGE_SIZE));
	WRITE_CONTROL(0, READ_CONTROL(0) | CR0_WP);
	caught.count = 0;
	for (uint64_t i = 0; i < 512; i++)
		ATTEMPT("movb $2, (%3)", "r"(WINDOW + i * PAGE_SIZE));
	if (caught.count != 512 || spare_pages[0][0] == 2)
		print("written\n");
}

void attack_lend_and_take(void)
{
	for (unsigned round = 0; round < 100; round++) {
		spare_table[0] = (uint64_t)spare_pages[round % 3] | PRESENT;
		forget(WINDOW);
		WRITE_CONTROL(0, READ_CONTROL(0) & ~CR0_WP);
		ATTEMPT("movb $1, (%3)", "r"(WINDOW));
		spare_table[0] = (uint64_t)spare_pages[(round + 1) % 3] | PRESENT;
		WRITE_CONTROL(0, READ_CONTROL(0) | CR0_WP);
		forget(WINDOW);
		caught.count = 0;
		ATTEMPT("movb $2, (%3)", "r"(WINDOW));
		if (caught.count != 1)
			print("written\n");
	}
}

void attack_giant_pages_without_end(void)
{
	for (unsigned i = 1; i < 512; i++)
		second_table[i] = PRESENT | WRITABLE | LARGE;
	load((uint64_t)top_table);
	for (uint64_t i = 1; i < 512; i++)
		ATTEMPT("mov (%3), %%rax", "r"(i << 30 | 0x100000));
}

void attack_unmap_itself(void)
{
	large_table[0] = 0;
	load((uint64_t)top_table);
	__asm__ volatile("ud2");
}

void attack_map_the_monitors_pages(void)
{
	for (uint64_t i = 0; i < 512; i++)
		spare_table[i] = (MEMORY_END + i * PAGE_SIZE) | PRESENT | WRITABLE;
	load((uint64_t)top_table);
	for (uint64_t i = 0; i < 128; i++)
		ATTEMPT("mov $-1, %%rax; mov %%rax, (%3); mov %%rax, 8(%3); mov (%3), %%rax",
			"r"(WINDOW + i * PAGE_SIZE));
	attack_lend_and_take();
}

void attack_memory_beyond_the_end(void)
{
	for (uint64_t at = MEMORY_END - 64; at < MEMORY_END + (1UL << 20); at += 4093)
		ATTEMPT("movb (%3), %%al; movb %%al, (%3)", "r"(at));
	ATTEMPT("mov (%3), %%rax", "r"(MEMORY_END - 4));
}
