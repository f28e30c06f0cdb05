/* The torture kernel: page tables, changed in every way, and what they allow. */
#include "kernel.h"
#include "torture.h"

#define PRESENT	   1UL
#define WRITABLE   2UL
#define TOUCHED	   0x60UL /* accessed and dirty */
#define LARGE	   0x80UL
#define NO_EXECUTE (1UL << 63)

#define BASE   0x40000000UL /* a table of pages maps this */
#define GIANT  0x140000000UL
#define CR0_WP 0x10000UL

typedef volatile uint64_t table[512] __attribute__((aligned(PAGE_SIZE)));
static table top, second, large, small_holder, pages;
static volatile uint8_t page_a[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static volatile uint8_t page_b[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void forget(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static uint8_t at(uint64_t address)
{
	return *(volatile uint8_t *)address;
}

static void load_page_tables(void)
{
	for (uint64_t i = 0; i < 512; i++)
		large[i] = i << 21 | PRESENT | WRITABLE | LARGE;
	top[0] = (uint64_t)second | PRESENT | WRITABLE;
	second[0] = (uint64_t)large | PRESENT | WRITABLE;
	second[1] = (uint64_t)small_holder | PRESENT | WRITABLE;
	second[5] = PRESENT | WRITABLE | LARGE; /* 1 GiB */
	small_holder[0] = (uint64_t)pages | PRESENT | WRITABLE;
	WRITE_CONTROL(3, (uint64_t)top);
	page_a[0] = 0xaa;
	page_b[0] = 0xbb;
}

static void change_entries(void)
{
	TRY("read where nothing is", "movb (%2), %%al", "r"(BASE));
	TRY("write there", "movb $1, (%2)", "r"(BASE));
	pages[0] = (uint64_t)page_a | PRESENT | WRITABLE;
	show("mapped", at(BASE));
	pages[0] = (uint64_t)page_b | PRESENT | WRITABLE;
	forget(BASE);
	show("another page", at(BASE));
	pages[0] = 0;
	forget(BASE);
	TRY("unmapped", "movb (%2), %%al", "r"(BASE));
	second[2] = (uint64_t)small_holder | PRESENT | WRITABLE;
	pages[2] = (uint64_t)page_b | PRESENT | WRITABLE;
	show("a new entry of the third level", at(BASE + 0x40000000UL + 2 * PAGE_SIZE));
	top[5] = (uint64_t)second | PRESENT | WRITABLE;
	show("of the fourth", at((5UL << 39) + BASE + 2 * PAGE_SIZE));
	small_holder[1] = PRESENT | WRITABLE | LARGE;
	show("a large page", at(BASE + 0x200000 + (uint64_t)page_b) == page_b[0]);
	show("a giant page", at(GIANT + (uint64_t)page_b) == page_b[0]);
	*(volatile uint8_t *)(GIANT + (uint64_t)page_b + 5) = 0x5a;
	show("written through it", page_b[5]);
}

static void reload(void)
{
	show("cr3", READ_CONTROL(3) == (uint64_t)top);
	pages[3] = 0;
	WRITE_CONTROL(3, READ_CONTROL(3));
	pages[3] = (uint64_t)page_a | PRESENT | WRITABLE;
	show("present", at(BASE + 3 * PAGE_SIZE));
	pages[3] = (uint64_t)page_b | PRESENT | WRITABLE;
	WRITE_CONTROL(3, READ_CONTROL(3));
	show("another page by cr3", at(BASE + 3 * PAGE_SIZE));
	pages[3] = 0;
	WRITE_CONTROL(3, READ_CONTROL(3));
	TRY("unmapped by cr3", "movb (%2), %%al", "r"(BASE + 3 * PAGE_SIZE));
}

static void look_at_marks(void)
{
	pages[4] = (uint64_t)page_a | PRESENT | WRITABLE;
	forget(BASE + 4 * PAGE_SIZE);
	show("marks before", pages[4] & TOUCHED);
	at(BASE + 4 * PAGE_SIZE);
	show("accessed", pages[4] & TOUCHED);
	*(volatile uint8_t *)(BASE + 4 * PAGE_SIZE) = 0xaa;
	show("dirty", pages[4] & TOUCHED);
}

void torture_paging(void)
{
	load_page_tables();
	print("loaded\n");
	change_entries();
	reload();
	look_at_marks();
}

static void execute_data(void)
{
	uint64_t place;
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; jmp *%2\n1:"
			 : "=&r"(place), "=m"(resume)
			 : "r"(BASE)
			 : "memory");
	tell_caught("executing what is data", BASE);
}

void torture_rights(void)
{
	const uint64_t cr0 = READ_CONTROL(0);
	WRITE_CONTROL(0, cr0 & ~CR0_WP);
	pages[0] = (uint64_t)page_a | PRESENT;
	forget(BASE);
	TRY("writing what is read-only, without WP", "movb $0xa2, (%2)", "r"(BASE));
	show("is", page_a[0]);
	WRITE_CONTROL(0, cr0 | CR0_WP);
	TRY("with WP", "movb $0xa3, (%2)", "r"(BASE));
	pages[1] = (uint64_t)page_a | PRESENT;
	TRY("another page with WP", "movb $0xa4, (%2)", "r"(BASE + PAGE_SIZE));
	show("is", page_a[0]);
	pages[0] = (uint64_t)page_a | PRESENT | WRITABLE | NO_EXECUTE;
	forget(BASE);
	page_a[0] = 0xc3;
	execute_data();
	pages[0] = (uint64_t)page_a | PRESENT | WRITABLE;
	forget(BASE);
	__asm__ volatile("call *%0" : : "r"(BASE) : "memory");
	print("executed\n");
	TRY("where no table is", "mov $0x8000000000, %%rax; movb $1, (%%rax)", NOTHING);
}
