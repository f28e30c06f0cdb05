/* A kernel that attacks whoever runs it: the attack whose number it is started with. 0 is none. */
#include "hostile.h"

void kernel_main(uint64_t number);

static void (*const attacks[])(void) = {
#define ATTACK(name, end, lesson) attack_##name,
#include "attacks.def"
#undef ATTACK
};

page_table top_table, second_table, large_table, small_table, spare_table;
uint8_t spare_pages[4][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

void load_page_tables(void)
{
	for (uint64_t i = 0; i < 512; i++)
		large_table[i] = i << 21 | PRESENT | WRITABLE | LARGE;
	top_table[0] = (uint64_t)second_table | PRESENT | WRITABLE;
	second_table[0] = (uint64_t)large_table | PRESENT | WRITABLE;
	top_table[1] = (uint64_t)small_table | PRESENT | WRITABLE;
	small_table[0] = (uint64_t)spare_pages[3] | PRESENT | WRITABLE;
	((volatile uint64_t *)spare_pages[3])[0] = (uint64_t)spare_table | PRESENT | WRITABLE;
	WRITE_CONTROL(3, (uint64_t)top_table);
}

void forget(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* The same numbers each time: xorshift. */
uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

void attempt_code(const void *code)
{
	__asm__ volatile("push %%rbp; push %%rbx\n\t"
			 "lea 2f(%%rip), %%rax; mov %%rax, resume(%%rip)\n\t"
			 "mov %%rsp, resume_stack(%%rip)\n\t"
			 "call *%0\n"
			 "2:\tmov %%rsp, %%rsp\n\t"
			 "pop %%rbx; pop %%rbp"
			 :
			 : "r"(code)
			 : "memory", "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			   "r11", "r12", "r13", "r14", "r15");
	resume = resume_stack = 0;
}

void kernel_main(uint64_t number)
{
	load_tables();
	load_page_tables();
	if (number > 0 && number <= sizeof(attacks) / sizeof(attacks[0]))
		attacks[number - 1]();
	print("ended\n");
	end(0);
}
