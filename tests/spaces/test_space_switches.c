/* Address spaces of a machine: a guest that looks what is in each, after switches to and fro.
 * Usage: test_space_switches ISOLATION [measure] */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/machine_rig.h"
#include "monitor/memory/page_space.h"
#include "sizes/sizes.h"

#define PAGE	   GUEST_PAGE_SIZE
#define POOL	   GUEST_POOL_BASE
#define CHUNK	   GUEST_SPACE_OWN_SIZE
#define POOL_SIZE  (64UL << 20)
#define FAR	   0xc000000000UL
#define READ_WRITE (GUEST_READ | GUEST_WRITE)
#define CODE	   (GUEST_READ | GUEST_EXECUTE)
#define RETURN	   0xc3
#define ROOT_PAGES 16

enum use { USE_READ, USE_RETURN, USE_CALL, USE_STORE };

/* ── a machine ───────────────────────────────────────────────────────────────────────────────── */

/* A root image whose pages begin with their numbers. */
static int make_root(void)
{
	const int root = memfd_create("root", MFD_CLOEXEC);
	CHECK(root >= 0 && !ftruncate(root, ROOT_PAGES * PAGE));
	for (uint8_t i = 0; i < ROOT_PAGES; i++)
		CHECK(pwrite(root, &i, 1, (off_t)(i * PAGE)) == 1);
	return root;
}

/* As rig_open(), with a pool that has parts for spaces of their own. */
static bool open_rig(struct rig *rig, const struct isolation *isolation)
{
	struct error error = {0};
	const uint64_t code = (uint64_t)(guests_end - guests_begin + 4095) & ~4095UL;
	*rig = (struct rig){.isolation = isolation, .image.memfd = -1, .window.memfd = -1};
	const int root = make_root();
	int result = image_create_with_root(&rig->image, code + POOL_SIZE + 3 * PAGE, root,
					    ROOT_PAGES * PAGE, &error);
	if (!result)
		result = image_map(&rig->image, GUESTS_PROGRAM, 3 * PAGE, READ_WRITE, &error);
	if (!result)
		result = image_map(&rig->image, GUEST_LIBOS_BASE, code, CODE, &error);
	if (!result)
		result = image_map(&rig->image, POOL, POOL_SIZE, READ_WRITE, &error);
	if (!result) {
		memcpy(image_pointer(&rig->image, GUEST_LIBOS_BASE, code), guests_begin,
		       (size_t)(guests_end - guests_begin));
		rig->entries.start = rig->entries.resume = rig_address(guest_use);
		rig->entries.system_call = rig_address(guest_system_call_entry);
		result = page_tables_build(&rig->image, NULL, &error);
	}
	if (!result)
		result = window_create(&rig->window, &error);
	if (!result)
		result = isolation->open(&rig->host, &error);
	if (result)
		rig_report("rig", &error);
	return CHECK_NUMBER(result, 0);
}

static void close_rig(struct rig *rig)
{
	const int root = rig->image.root;
	rig_close(rig);
	close(root);
}

static bool start(struct rig *rig, bool private)
{
	return rig_create(rig, private) && CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
}

/* ── what a guest does ───────────────────────────────────────────────────────────────────────── */

/* What it says, or -1 where it faults there. */
static int use(struct rig *rig, uint64_t address, enum use how)
{
	struct stop stop = rig_run(rig, MACHINE_CONTINUE, (int64_t)(address | how));
	if (stop.why == MACHINE_HYPERCALL)
		return (int)stop.argument;
	CHECK(stop.why == MACHINE_FAULT);
	CHECK_NUMBER(stop.fault.vector, GUEST_VECTOR_PAGE_FAULT);
	CHECK_NUMBER(stop.fault.address & ~(PAGE - 1), address & ~(PAGE - 1));
	return -1;
}

static bool has(struct rig *rig, uint64_t address, int value)
{
	const bool good = CHECK_NUMBER(use(rig, address, USE_READ), value);
	if (!good)
		fprintf(stderr, "  at %#lx\n", address);
	return good;
}

static void store(struct rig *rig, uint64_t address, uint8_t value)
{
	CHECK_NUMBER(use(rig, address | (uint64_t)value << 4, USE_STORE), 3);
}

static int map(struct rig *rig, uint64_t address, uint64_t source, uint64_t length,
	       uint32_t protection)
{
	const struct page_run run = {address, length, source, protection & ~GUEST_SHARED,
				     protection & GUEST_SHARED};
	return rig->isolation->map(rig->machine, &run);
}

static int make(struct rig *rig, uint64_t number, const struct page_run *runs, size_t own,
		size_t count)
{
	return rig->isolation->make_space(rig->machine, number, runs, own, count);
}

static int enter(struct rig *rig, uint64_t number)
{
	return rig->isolation->switch_space(rig->machine, number);
}

static int drop(struct rig *rig, uint64_t number)
{
	return rig->isolation->drop_space(rig->machine, number);
}

/* ── two spaces beside the first ─────────────────────────────────────────────────────────────── */

#define OWN    (POOL + CHUNK) /* a part of the pool that the first has for itself */
#define FRAMES (POOL + 8 * CHUNK)
#define SHARED (POOL + 12 * CHUNK)

/* Pages of the pool, each with a number; the program's second page, and code at its third. */
static void fill(struct rig *rig)
{
	for (uint8_t i = 0; i < 10; i++)
		store(rig, FRAMES + i * PAGE, 10 + i);
	store(rig, OWN, 1);
	store(rig, OWN + 2 * PAGE, 2);
	store(rig, SHARED, 3);
	store(rig, GUESTS_PROGRAM + PAGE, 4);
	CHECK_NUMBER(use(rig, GUESTS_PROGRAM + 2 * PAGE, USE_RETURN), 1);
	CHECK_NUMBER(use(rig, FRAMES + 10 * PAGE, USE_RETURN), 1);
	CHECK_NUMBER(rig->isolation->protect(rig->machine, GUESTS_PROGRAM + 2 * PAGE, PAGE, CODE),
		     0);
	CHECK_NUMBER(map(rig, FAR, FRAMES, 2 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(map(rig, FAR + 8 * PAGE, GUEST_ROOT_BASE + PAGE, 4 * PAGE, GUEST_READ), 0);
	CHECK_NUMBER(map(rig, 2 * FAR, SHARED, 2 * PAGE, READ_WRITE | GUEST_SHARED), 0);
}

static void make_both(struct rig *rig)
{
	const struct page_run first[] = {
	    {.address = OWN, .length = CHUNK},
	    {FAR, PAGE, FRAMES + 2 * PAGE, READ_WRITE, false},
	    {FAR + 8 * PAGE, 2 * PAGE, GUEST_ROOT_BASE + PAGE, GUEST_READ, false},
	    {FAR + 10 * PAGE, 3 * PAGE, GUEST_ROOT_BASE + 5 * PAGE, GUEST_READ, false},
	    {2 * FAR, PAGE, SHARED, READ_WRITE, true},
	    {3 * FAR, 3 * PAGE, SHARED + 4 * PAGE, READ_WRITE, true},
	    {GUESTS_PROGRAM + PAGE, PAGE, FRAMES + 3 * PAGE, GUEST_READ, false},
	    {GUESTS_PROGRAM + 2 * PAGE, PAGE, FRAMES + 10 * PAGE, CODE, false},
	    /* Of the part itself, where it is in the first. */
	    {OWN, PAGE, OWN + 2 * PAGE, READ_WRITE, false},
	    {OWN + 5 * PAGE, 2 * PAGE, FRAMES + 4 * PAGE, READ_WRITE, false},
	    {GUEST_STACK_TOP - PAGE, PAGE, FRAMES + 6 * PAGE, READ_WRITE, false},
	};
	const struct page_run second[] = {
	    {.address = OWN + CHUNK, .length = 2 * CHUNK},
	    {FAR, PAGE, FRAMES + 8 * PAGE, READ_WRITE, false},
	    {2 * FAR, 2 * PAGE, SHARED, READ_WRITE, true},
	    {3 * FAR + 8 * PAGE, PAGE, SHARED + 5 * PAGE, GUEST_READ, true},
	    {OWN + CHUNK, PAGE, FRAMES + 9 * PAGE, READ_WRITE, false},
	};
	CHECK_NUMBER(make(rig, 1, first, 1, ARRAY_SIZE(first) - 1), 0);
	CHECK_NUMBER(make(rig, 2, second, 1, ARRAY_SIZE(second) - 1), 0);
	CHECK_NUMBER(make(rig, 2, second, 1, ARRAY_SIZE(second) - 1), -EEXIST);
}

static void look_at_first(struct rig *rig)
{
	has(rig, FAR, 10);
	has(rig, FAR + PAGE, 11);
	for (int i = 0; i < 4; i++)
		has(rig, FAR + (uint64_t)(8 + i) * PAGE, 1 + i);
	has(rig, 2 * FAR, 3);
	has(rig, OWN, 1);
	has(rig, GUESTS_PROGRAM + PAGE, 4);
	CHECK_NUMBER(use(rig, GUESTS_PROGRAM + 2 * PAGE, USE_CALL), 2);
}

static void look_at_second(struct rig *rig)
{
	has(rig, FAR, 12);
	has(rig, FAR + 8 * PAGE, 1);
	has(rig, FAR + 9 * PAGE, 2);
	for (int i = 0; i < 3; i++)
		has(rig, FAR + (uint64_t)(10 + i) * PAGE, 5 + i);
	has(rig, 2 * FAR, 3);
	has(rig, GUESTS_PROGRAM + PAGE, 13);
	CHECK_NUMBER(use(rig, GUESTS_PROGRAM + 2 * PAGE, USE_CALL), 2);
	has(rig, OWN, 2);
	has(rig, OWN + 5 * PAGE, 14);
	has(rig, OWN + 6 * PAGE, 15);
	has(rig, GUEST_STACK_TOP - PAGE, 16);
}

static void look_at_third(struct rig *rig)
{
	has(rig, FAR, 18);
	has(rig, 2 * FAR, 3);
	has(rig, OWN + CHUNK, 19);
	has(rig, OWN, 1); /* the pool's */
}

static void look_at_all(struct rig *rig)
{
	static const uint64_t order[] = {1, 0, 2, 1, 2, 0, 0, 1};
	static void (*const look[])(struct rig *) = {look_at_first, look_at_second, look_at_third};
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		CHECK_NUMBER(enter(rig, order[i]), 0);
		look[order[i]](rig);
	}
}

/* In a clone that stops at a fault: at `address` of space `number` there is nothing that could be
 * used so. */
static void faults(struct rig *rig, uint64_t number, uint64_t address, enum use how)
{
	rig_reset(rig);
	CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
	CHECK_NUMBER(enter(rig, number), 0);
	if (!CHECK_NUMBER(use(rig, address, how), -1))
		fprintf(stderr, "  at %#lx of space %lu\n", address, number);
}

static void look_for_nothing(struct rig *rig)
{
	faults(rig, 0, GUEST_STACK_TOP - PAGE, USE_READ);
	faults(rig, 0, GUESTS_PROGRAM + 2 * PAGE, USE_RETURN);
	faults(rig, 0, 3 * FAR, USE_READ);
	faults(rig, 1, FAR + PAGE, USE_READ);
	faults(rig, 1, GUESTS_PROGRAM, USE_READ);
	faults(rig, 1, GUESTS_PROGRAM + PAGE, USE_RETURN);
	faults(rig, 1, GUESTS_PROGRAM + 2 * PAGE, USE_RETURN);
	faults(rig, 1, 2 * FAR + PAGE, USE_READ);
	faults(rig, 1, OWN + PAGE, USE_READ);
	faults(rig, 1, FAR + 8 * PAGE, USE_RETURN);
	faults(rig, 2, FAR + 8 * PAGE, USE_READ);
	faults(rig, 2, OWN + CHUNK + PAGE, USE_READ);
	faults(rig, 2, 3 * FAR + 8 * PAGE, USE_RETURN);
	faults(rig, 2, GUESTS_PROGRAM + PAGE, USE_READ);
}

/* Whatever is written in one space is there when it is entered again, and nowhere else; but for what
 * is shared. */
static void test_contents(struct rig *rig)
{
	CHECK_NUMBER(enter(rig, 1), 0);
	store(rig, FAR, 50);
	store(rig, OWN + 5 * PAGE, 51);
	store(rig, 3 * FAR + PAGE, 52);
	CHECK_NUMBER(enter(rig, 2), 0);
	has(rig, FAR, 18);
	has(rig, 3 * FAR + 8 * PAGE, 52);
	store(rig, 2 * FAR + PAGE, 53);
	CHECK_NUMBER(enter(rig, 0), 0);
	has(rig, FAR, 10);
	has(rig, 2 * FAR + PAGE, 53);
	store(rig, OWN + 5 * PAGE, 54);
	store(rig, FAR, 55);
	CHECK_NUMBER(enter(rig, 1), 0);
	has(rig, FAR, 50);
	has(rig, OWN + 5 * PAGE, 51);
	CHECK_NUMBER(enter(rig, 0), 0);
	has(rig, OWN + 5 * PAGE, 54);
	has(rig, FAR, 55);
}

/* What is changed in a space. */
static void test_changes(struct rig *rig)
{
	const struct isolation *isolation = rig->isolation;
	CHECK_NUMBER(enter(rig, 1), 0);
	CHECK_NUMBER(map(rig, 4 * FAR, OWN + 9 * PAGE, 2 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(map(rig, OWN + 3 * PAGE, FRAMES + 20 * PAGE, PAGE, READ_WRITE), 0);
	CHECK_NUMBER(map(rig, 5 * FAR, OWN + 20 * PAGE, PAGE, READ_WRITE | GUEST_SHARED), 0);
	CHECK_NUMBER(map(rig, POOL, FRAMES + 30 * PAGE, PAGE, READ_WRITE), -EINVAL);
	store(rig, 4 * FAR + PAGE, 60);
	store(rig, OWN + 3 * PAGE, 61);
	store(rig, 5 * FAR, 62);
	CHECK_NUMBER(isolation->protect(rig->machine, 4 * FAR, 2 * PAGE, GUEST_READ), 0);
	CHECK_NUMBER(enter(rig, 0), 0);
	has(rig, OWN + 20 * PAGE, 62); /* where it is at home */
	CHECK_NUMBER(enter(rig, 1), 0);
	has(rig, 4 * FAR + PAGE, 60);
	has(rig, OWN + 3 * PAGE, 61);
	has(rig, 5 * FAR, 62);
	CHECK_NUMBER(isolation->unmap(rig->machine, 4 * FAR, 2 * PAGE), 0);
	CHECK_NUMBER(isolation->unmap(rig->machine, OWN + 3 * PAGE, PAGE), 0);
	CHECK_NUMBER(isolation->unmap(rig->machine, 5 * FAR, PAGE), 0);
	has(rig, FRAMES + 20 * PAGE, 61);
	CHECK_NUMBER(enter(rig, 0), 0);
	has(rig, OWN + 10 * PAGE, 60);
	store(rig, OWN + 10 * PAGE, 63);
	has(rig, OWN + 20 * PAGE, 62);
	/* And dropped. */
	CHECK_NUMBER(drop(rig, 0), -EBUSY);
	CHECK_NUMBER(drop(rig, 3), -ENOENT);
	CHECK_NUMBER(drop(rig, UINT64_MAX), -ENOENT);
	CHECK_NUMBER(enter(rig, 3), -ENOENT);
	CHECK_NUMBER(enter(rig, UINT64_MAX), -ENOENT);
	CHECK_NUMBER(enter(rig, 2), 0);
	CHECK_NUMBER(drop(rig, 2), -EBUSY);
	CHECK_NUMBER(drop(rig, 1), 0);
	CHECK_NUMBER(enter(rig, 1), -ENOENT);
	look_at_third(rig);
	/* Pages are at home, and may be written. */
	store(rig, FRAMES + 3 * PAGE, 64);
	store(rig, FRAMES + 10 * PAGE, 65);
	store(rig, OWN + 2 * PAGE, 66);
	CHECK_NUMBER(enter(rig, 0), 0);
	CHECK_NUMBER(drop(rig, 2), 0);
	has(rig, FRAMES + 3 * PAGE, 64);
	has(rig, OWN + 2 * PAGE, 66);
	has(rig, FRAMES + 9 * PAGE, 19);
	make_both(rig);
	CHECK_NUMBER(enter(rig, 1), 0);
	has(rig, GUESTS_PROGRAM + PAGE, 64);
}

static void test_clones(const struct isolation *isolation)
{
	/* Where the set-up is when it is frozen. */
	for (uint64_t current = 0; current < 3; current++) {
		struct rig rig;
		if (!open_rig(&rig, isolation) || !start(&rig, false)) {
			close_rig(&rig);
			return;
		}
		fill(&rig);
		make_both(&rig);
		look_at_all(&rig);
		CHECK_NUMBER(enter(&rig, current), 0);
		rig_destroy(&rig);
		if (start(&rig, true)) {
			CHECK_NUMBER(page_space_current(rig.image.memory), current);
			if (current == 0)
				look_at_first(&rig);
			else if (current == 1)
				look_at_second(&rig);
			else
				look_at_third(&rig);
			for (int round = 0; round < 2; round++) {
				look_at_all(&rig);
				test_contents(&rig);
				rig_reset(&rig);
				CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
				look_at_all(&rig);
				CHECK_NUMBER(enter(&rig, 0), 0);
				test_changes(&rig);
				rig_reset(&rig);
				CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
			}
			look_for_nothing(&rig);
		}
		close_rig(&rig);
	}
}

/* ── measuring ───────────────────────────────────────────────────────────────────────────────── */

static int compare_times(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

#define ROUNDS 101

static double median(uint64_t times[ROUNDS])
{
	qsort(times, ROUNDS, sizeof(times[0]), compare_times);
	const size_t middle = ROUNDS / 2;
	return (double)times[middle] / 1000;
}

/* `count` runs of `pages` pages each, FAR from on, of the pool from `source` on. */
static void lay_out(struct page_run *runs, size_t count, uint64_t pages, uint64_t source)
{
	for (size_t i = 0; i < count; i++)
		runs[i] = (struct page_run){.address = FAR + i * (pages + 3) * PAGE,
					    .length = pages * PAGE,
					    .source = source + i * (pages + 1) * PAGE,
					    .protection = READ_WRITE};
}

static uint64_t time_of(struct rig *rig, int (*step)(struct rig *, uint64_t), uint64_t number)
{
	const uint64_t begin = clock_now_ns();
	CHECK_NUMBER(step(rig, number), 0);
	has(rig, POOL, 0); /* the guest goes on */
	return clock_now_ns() - begin;
}

static int nothing(struct rig *rig, uint64_t number)
{
	return 0;
}

static void measure_layout(struct rig *rig, size_t count, uint64_t pages)
{
	static struct page_run runs[200];
	uint64_t here[ROUNDS], switches[ROUNDS], makes[ROUNDS], drops[ROUNDS];
	const uint64_t sources[] = {POOL + CHUNK, POOL + POOL_SIZE / 2};
	for (uint64_t space = 1; space <= 2; space++) {
		lay_out(runs, count, pages, sources[space - 1]);
		for (size_t i = 0; i < count; i++)
			for (uint64_t page = 0; page < pages; page++)
				store(rig, runs[i].source + page * PAGE, 1);
		CHECK_NUMBER(make(rig, space, runs, 0, count), 0);
	}
	CHECK_NUMBER(enter(rig, 1), 0);
	for (int i = 0; i < ROUNDS; i++) {
		here[i] = time_of(rig, nothing, 0);
		switches[i] = time_of(rig, enter, 2);
		CHECK_NUMBER(enter(rig, 1), 0);
		has(rig, POOL, 0);
		drops[i] = time_of(rig, drop, 2);
		const uint64_t begin = clock_now_ns();
		CHECK_NUMBER(make(rig, 2, runs, 0, count), 0);
		has(rig, POOL, 0);
		makes[i] = clock_now_ns() - begin;
	}
	printf(
	    "%5lu pages as %3zu runs: switch %.0f, make %.0f, drop %.0f µs; a hypercall is %.0f\n",
	    count * pages, count, median(switches), median(makes), median(drops), median(here));
	CHECK_NUMBER(enter(rig, 0), 0);
	CHECK_NUMBER(drop(rig, 1), 0);
	CHECK_NUMBER(drop(rig, 2), 0);
}

static void measure(const struct isolation *isolation)
{
	static const struct {
		size_t count;
		uint64_t pages;
	} layouts[] = {{1, 50}, {1, 500}, {1, 5000}, {50, 1}, {100, 5}, {100, 50}};
	struct rig rig;
	if (open_rig(&rig, isolation) && start(&rig, true))
		for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
			measure_layout(&rig, layouts[i].count, layouts[i].pages);
	close_rig(&rig);
}

static bool measures;

static void test(const struct isolation *isolation)
{
	if (measures)
		measure(isolation);
	else
		test_clones(isolation);
}

int main(int argc, char **argv)
{
	measures = argc > 2;
	return rig_main(argc, argv, test);
}
