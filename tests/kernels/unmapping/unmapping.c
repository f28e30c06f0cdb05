/* A kernel that gives memory back page by page, as Unikraft does with INVLPG, and in orders that are meant
 * to find what is still there. It prints how many of its accesses did as they must; test_unmapping.c has
 * the lines. */
#include "kernel.h"

void kernel_main(uint64_t number);

#define PRESENT	 1UL
#define WRITABLE 2UL
#define LARGE	 0x80UL
#define CR0_WP	 0x10000UL

#define WINDOW 0x8000000000UL /* the pages that come and go */
#define ALIAS  0x8040000000UL /* the same tables once more */
#define FRAMES 0x800000UL     /* the memory behind them */
#define TABLES 4
#define PAGES  (TABLES * 512UL) /* as many as there are frames */
#define SOME   300UL

typedef volatile uint64_t table[512] __attribute__((aligned(PAGE_SIZE)));
static table top, second, large, window_second, window_third, pages[TABLES];
static uint64_t order[PAGES];

/* ── tables ──────────────────────────────────────────────────────────────────────────────────── */

static void forget(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static void forget_all(void)
{
	WRITE_CONTROL(3, READ_CONTROL(3));
}

static uint64_t address_of(uint64_t page)
{
	return WINDOW + page * PAGE_SIZE;
}

static volatile uint64_t *entry_of(uint64_t page)
{
	return &pages[page / 512][page % 512];
}

static uint64_t frame(uint64_t number)
{
	return FRAMES + number % PAGES * PAGE_SIZE;
}

static void map(uint64_t page, uint64_t number)
{
	*entry_of(page) = frame(number) | PRESENT | WRITABLE;
}

static void unmap(uint64_t page)
{
	*entry_of(page) = 0;
	forget(address_of(page));
}

static void link_tables(void)
{
	for (uint64_t i = 0; i < TABLES; i++)
		window_third[i] = (uint64_t)pages[i] | PRESENT | WRITABLE;
}

static void make_tables(void)
{
	for (uint64_t i = 0; i < 512; i++)
		large[i] = i << 21 | PRESENT | WRITABLE | LARGE;
	top[0] = (uint64_t)second | PRESENT | WRITABLE;
	second[0] = (uint64_t)large | PRESENT | WRITABLE;
	top[1] = (uint64_t)window_second | PRESENT | WRITABLE;
	window_second[0] = window_second[1] = (uint64_t)window_third | PRESENT | WRITABLE;
	link_tables();
	WRITE_CONTROL(3, (uint64_t)top);
	/* Each frame has its number in it. */
	for (uint64_t i = 0; i < PAGES; i++)
		*(volatile uint64_t *)frame(i) = i;
}

/* ── accesses ────────────────────────────────────────────────────────────────────────────────── */

static bool faulted(uint64_t address, uint64_t code)
{
	return caught.count == 1 && caught.frame.vector == 14 && caught.address == address &&
	       caught.frame.code == code;
}

/* What stands at an address; *fault: nothing is mapped there. */
static uint64_t read_at(uint64_t address, bool *fault)
{
	uint64_t value = 0, place;
	caught.count = 0;
	__asm__ volatile("lea 1f(%%rip), %1; mov %1, %2; movq (%3), %0; 1:"
			 : "+&r"(value), "=&r"(place), "=m"(resume)
			 : "r"(address)
			 : "memory");
	resume = 0;
	*fault = faulted(address, 0);
	return value;
}

static bool write_faults(uint64_t address)
{
	uint64_t place;
	caught.count = 0;
	__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; movb $0, 4(%2); 1:"
			 : "=&r"(place), "=m"(resume)
			 : "r"(address)
			 : "memory");
	resume = 0;
	return faulted(address + 4, 3);
}

static bool is_gone(uint64_t address)
{
	bool fault;
	read_at(address, &fault);
	return fault;
}

static bool shows(uint64_t address, uint64_t number)
{
	bool fault;
	return read_at(address, &fault) == number % PAGES && !fault && !caught.count;
}

static uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void shuffle(void)
{
	for (uint64_t i = 0; i < PAGES; i++)
		order[i] = i;
	for (uint64_t i = PAGES - 1; i > 0; i--) {
		const uint64_t other = next_random() % (i + 1), kept = order[i];
		order[i] = order[other];
		order[other] = kept;
	}
}

static void map_and_touch(uint64_t count, uint64_t shift)
{
	uint64_t good = 0;
	for (uint64_t i = 0; i < count; i++)
		map(i, i + shift);
	for (uint64_t i = 0; i < count; i++)
		good += shows(address_of(i), i + shift);
	show("  shown", good);
}

static void count_gone(uint64_t count)
{
	uint64_t gone = 0;
	for (uint64_t i = 0; i < count; i++)
		gone += is_gone(address_of(i));
	show("  gone", gone);
}

/* ── what is tried ───────────────────────────────────────────────────────────────────────────── */

static void unmap_in_order(void)
{
	map_and_touch(PAGES, 0);
	for (uint64_t i = 0; i < PAGES; i++)
		unmap(i);
	count_gone(PAGES);
}

static void unmap_at_random(void)
{
	map_and_touch(PAGES, 7);
	shuffle();
	for (uint64_t i = 0; i < PAGES; i++)
		unmap(order[i]);
	count_gone(PAGES);
}

/* Each page is asked for right behind its INVLPG, and its neighbour, which must still be there. */
static void look_at_once(void)
{
	uint64_t gone = 0, kept = 0;
	map_and_touch(SOME, 1);
	for (uint64_t i = 0; i + 1 < SOME; i++) {
		unmap(i);
		gone += is_gone(address_of(i));
		kept += shows(address_of(i + 1), i + 2);
	}
	unmap(SOME - 1);
	show("  gone at once", gone);
	show("  neighbours kept", kept);
}

/* Nothing has to be forgotten where nothing was mapped. */
static void map_again(void)
{
	uint64_t good = 0;
	map_and_touch(SOME, 2);
	for (uint64_t i = 0; i < SOME; i++) {
		unmap(i);
		map(i, i + 99);
		good += shows(address_of(i), i + 99);
	}
	show("  other frames", good);
}

static void change_frames(void)
{
	uint64_t good = 0;
	for (uint64_t i = 0; i < SOME; i++) {
		map(i, i + 1000);
		forget(address_of(i));
		good += shows(address_of(i), i + 1000);
	}
	show("  changed", good);
	for (uint64_t i = 0; i < SOME; i++)
		map(i, i + 500);
	for (uint64_t i = SOME; i-- > 0;)
		forget(address_of(i));
	good = 0;
	for (uint64_t i = 0; i < SOME; i++)
		good += shows(address_of(i), i + 500);
	show("  changed together", good);
}

/* INVLPG for addresses that have nothing to do with it, before and after. */
static void forget_others(void)
{
	static const uint64_t others[] = {
	    0,	       0x100000,	   ALIAS, 1UL << 46, 1UL << 63,
	    1UL << 47, 0xffff800000000000, ~0UL,  WINDOW - 1};
	for (uint64_t i = 0; i < SOME; i++) {
		forget(others[i % (sizeof(others) / sizeof(*others))]);
		*entry_of(i) = 0;
		forget(others[(i + 1) % (sizeof(others) / sizeof(*others))]);
	}
	for (uint64_t i = 0; i < SOME; i++)
		forget(address_of(i));
	count_gone(SOME);
}

/* The same tables at two addresses: what is unmapped is gone at both. */
static void unmap_aliases(void)
{
	uint64_t good = 0, gone = 0;
	map_and_touch(SOME, 3);
	for (uint64_t i = 0; i < SOME; i++)
		good += shows(ALIAS + i * PAGE_SIZE, i + 3);
	for (uint64_t i = 0; i < SOME; i++) {
		unmap(i);
		forget(ALIAS + i * PAGE_SIZE);
	}
	for (uint64_t i = 0; i < SOME; i++)
		gone += is_gone(ALIAS + i * PAGE_SIZE);
	show("  shown by both", good);
	show("  gone in the other", gone);
	count_gone(SOME);
}

/* A table is taken away with all that is in it, and becomes memory; then it is a table again. */
static void take_tables(void)
{
	uint64_t good = 0;
	map_and_touch(PAGES, 4);
	for (uint64_t i = 0; i < TABLES; i++)
		window_third[i] = 0;
	for (uint64_t i = 0; i < PAGES; i++)
		forget(address_of(i));
	count_gone(PAGES);
	for (uint64_t i = 0; i < TABLES; i++)
		for (uint64_t j = 0; j < 512; j++)
			pages[i][j] = next_random() & ~PRESENT;
	link_tables();
	count_gone(SOME);
	for (uint64_t i = 0; i < PAGES; i++)
		map(i, i + 5);
	for (uint64_t i = 0; i < PAGES; i++)
		good += shows(address_of(i), i + 5);
	show("  shown again", good);
}

static void protect(void)
{
	uint64_t faults = 0, good = 0;
	WRITE_CONTROL(0, READ_CONTROL(0) | CR0_WP);
	for (uint64_t i = 0; i < SOME; i++) {
		*entry_of(i) &= ~WRITABLE;
		forget(address_of(i));
		faults += write_faults(address_of(i));
	}
	for (uint64_t i = 0; i < SOME; i++) {
		*entry_of(i) |= WRITABLE;
		forget(address_of(i));
		good += !write_faults(address_of(i)) && !caught.count;
	}
	show("  protected", faults);
	show("  writable", good);
}

/* CR3 loaded instead, with the same root and with another one in between. */
static void reload(void)
{
	static table other;
	uint64_t good = 0;
	for (uint64_t i = 0; i < PAGES; i++)
		*entry_of(i) = 0;
	forget_all();
	count_gone(PAGES);
	map_and_touch(PAGES, 6);
	for (uint64_t round = 0; round < 20; round++) {
		for (uint64_t i = 0; i < TABLES; i++)
			map(i * 512 + round, round);
		other[0] = top[0];
		other[1] = round & 1 ? 0 : top[1];
		WRITE_CONTROL(3, (uint64_t)other);
		for (uint64_t i = 0; i < TABLES; i++)
			good += round & 1 ? is_gone(address_of(i * 512 + round))
					  : shows(address_of(i * 512 + round), round);
		WRITE_CONTROL(3, (uint64_t)top);
		for (uint64_t i = 0; i < TABLES; i++)
			good += shows(address_of(i * 512 + round), round);
	}
	show("  as loaded", good);
}

/* Roots that come and go, more than anybody remembers, in pages that were others' before. */
static void change_roots(void)
{
	static table roots[16];
	uint64_t good = 0;
	for (uint64_t round = 0; round < 64; round++) {
		volatile uint64_t *root = roots[next_random() % 16];
		root[0] = top[0];
		root[2 + round] = top[1];
		WRITE_CONTROL(3, (uint64_t)root);
		good += shows(WINDOW * (2 + round) + PAGE_SIZE, 1);
		root[2 + round] = 0;
		forget_all();
		good += is_gone(WINDOW * (2 + round) + PAGE_SIZE);
	}
	WRITE_CONTROL(3, (uint64_t)top);
	show("  in roots", good);
}

void kernel_main(uint64_t number)
{
	static const struct {
		const char *name;
		void (*part)(void);
	} parts[] = {
	    {"in order", unmap_in_order}, {"at random", unmap_at_random}, {"at once", look_at_once},
	    {"mapped again", map_again},  {"changed", change_frames},	  {"others", forget_others},
	    {"aliases", unmap_aliases},	  {"tables", take_tables},	  {"protected", protect},
	    {"reloaded", reload},	  {"roots", change_roots},
	};
	(void)number;
	load_tables();
	make_tables();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		print(parts[i].name);
		print("\n");
		parts[i].part();
	}
	end(0);
}
