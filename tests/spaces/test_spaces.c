/* A guest with several address spaces: what it sees in each, after a switch, after a reset, and in
 * clones of a set-up that had some. Usage: test_spaces ISOLATION [measure] */
#include <errno.h>
#include <stdlib.h>

#include "monitor/machine_rig.h"
#include "monitor/memory/page_area.h"
#include "monitor/memory/working_set.h"
#include "util/cleanup.h"

#define PAGE	   GUEST_PAGE_SIZE
#define POOL	   GUEST_POOL_BASE
#define POOL_SIZE  (8 * GUEST_SPACE_OWN_SIZE)
#define PART(n)	   (POOL + (n)*GUEST_SPACE_OWN_SIZE)
#define FAR	   0xc000000000UL
#define HIGH	   (GUEST_STACK_TOP - 16 * PAGE)
#define READ_WRITE (GUEST_READ | GUEST_WRITE)
#define RETURN	   0xc3 /* what the guest writes */

enum use { USE_READ, USE_WRITE, USE_CALL };

/* Has the guest use an address. What it says, or -1 where it faults there. */
static int use(struct rig *rig, uint64_t address, enum use how)
{
	struct stop stop = rig_run(rig, MACHINE_CONTINUE, (int64_t)(address | how));
	if (stop.why == MACHINE_HYPERCALL)
		return (int)stop.argument;
	CHECK(stop.why == MACHINE_FAULT);
	CHECK_NUMBER(stop.fault.vector, 14);
	CHECK_NUMBER(stop.fault.address, address);
	return -1;
}

/* The same, after which the guest is where it was: it has its registers of before the fault. */
static bool faults(struct rig *rig, uint64_t address, enum use how)
{
	return use(rig, address, how) == -1 &&
	       CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
}

static int switch_to(struct rig *rig, uint64_t number)
{
	return rig->isolation->switch_space(rig->machine, number);
}

static int drop(struct rig *rig, uint64_t number)
{
	return rig->isolation->drop_space(rig->machine, number);
}

static void start_anew(struct rig *rig)
{
	rig_reset(rig);
	CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
}

/* A space with one own part, a page of the pool at FAR that is also at home, and one moved to where
 * the first space may have its stack, and one to the own part. */
static int make(struct rig *rig, uint64_t number, uint64_t own, uint64_t frames)
{
	const struct page_run runs[] = {
	    {.address = own, .length = GUEST_SPACE_OWN_SIZE},
	    {FAR, PAGE, frames, READ_WRITE | GUEST_EXECUTE, true},
	    {HIGH, 2 * PAGE, frames + PAGE, READ_WRITE},
	    {own + PAGE, PAGE, frames + 3 * PAGE, READ_WRITE},
	};
	return rig->isolation->make_space(rig->machine, number, runs, 1, 3);
}

/* Each space has its own pages at the same addresses. */
static void test_own_pages(struct rig *rig)
{
	CHECK_NUMBER(use(rig, PART(6), USE_WRITE), 1);
	CHECK_NUMBER(use(rig, PART(1) + PAGE, USE_WRITE), 1);
	CHECK_NUMBER(make(rig, 1, PART(1), PART(6)), 0);
	CHECK_NUMBER(make(rig, 2, PART(1), PART(7)), 0);
	CHECK(faults(rig, FAR, USE_READ));
	CHECK_NUMBER(switch_to(rig, 1), 0);
	CHECK_NUMBER(use(rig, FAR, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, FAR, USE_CALL), 2);
	CHECK_NUMBER(use(rig, PART(1) + PAGE, USE_READ), 0);
	CHECK_NUMBER(use(rig, HIGH + PAGE, USE_WRITE), 1);
	CHECK(faults(rig, PART(1), USE_READ));
	CHECK(faults(rig, HIGH + 2 * PAGE, USE_READ));
	CHECK(faults(rig, GUESTS_PROGRAM, USE_READ)); /* the first space's */
	CHECK_NUMBER(use(rig, PART(2), USE_WRITE), 1);
	CHECK_NUMBER(switch_to(rig, 2), 0);
	CHECK_NUMBER(use(rig, FAR, USE_READ), 0);
	CHECK_NUMBER(use(rig, HIGH + PAGE, USE_READ), 0);
	CHECK_NUMBER(use(rig, PART(1) + PAGE, USE_WRITE), 1);
	CHECK_NUMBER(use(rig, PART(2), USE_READ), RETURN); /* the pool is that of all */
	CHECK_NUMBER(switch_to(rig, 1), 0);
	CHECK_NUMBER(use(rig, PART(1) + PAGE, USE_READ), 0);
	CHECK_NUMBER(use(rig, HIGH + PAGE, USE_READ), RETURN);
	/* Home of a shared page is in all spaces, of a moved one in none. */
	CHECK_NUMBER(use(rig, PART(6), USE_READ), RETURN);
	CHECK_NUMBER(switch_to(rig, 0), 0);
	CHECK_NUMBER(use(rig, PART(1) + PAGE, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, GUESTS_PROGRAM, USE_READ), 0);
	CHECK_NUMBER(drop(rig, 1), 0);
	CHECK_NUMBER(use(rig, PART(6) + 2 * PAGE, USE_READ), RETURN);
	CHECK(faults(rig, PART(7) + 3 * PAGE, USE_READ));
	CHECK_NUMBER(drop(rig, 2), 0);
	CHECK_NUMBER(use(rig, PART(7) + 3 * PAGE, USE_READ), RETURN);
}

/* Mapping, rights and unmapping in a space, and what the processor remembers of it. */
static void test_changes(struct rig *rig)
{
	const struct isolation *isolation = rig->isolation;
	const struct page_run more = {FAR + PAGE, PAGE, PART(5), READ_WRITE};
	CHECK_NUMBER(make(rig, 3, PART(1), PART(6)), 0);
	CHECK_NUMBER(switch_to(rig, 3), 0);
	CHECK(faults(rig, FAR + PAGE, USE_READ));
	CHECK_NUMBER(isolation->map(rig->machine, &more), 0);
	CHECK_NUMBER(use(rig, FAR + PAGE, USE_WRITE), 1);
	CHECK_NUMBER(isolation->protect(rig->machine, FAR + PAGE, PAGE, GUEST_READ), 0);
	CHECK(faults(rig, FAR + PAGE, USE_WRITE));
	CHECK_NUMBER(use(rig, HIGH, USE_WRITE), 1);
	CHECK_NUMBER(isolation->protect(rig->machine, HIGH, PAGE, 0), 0);
	CHECK(faults(rig, HIGH, USE_READ));
	CHECK_NUMBER(isolation->unmap(rig->machine, FAR, 2 * PAGE), 0);
	CHECK(faults(rig, FAR, USE_READ));
	CHECK(faults(rig, FAR + PAGE, USE_READ));
	CHECK_NUMBER(use(rig, PART(5), USE_READ), RETURN);
	CHECK_NUMBER(use(rig, PART(1) + PAGE, USE_WRITE), 1);
	CHECK_NUMBER(isolation->unmap(rig->machine, POOL, POOL_SIZE), 0);
	CHECK(faults(rig, PART(1) + PAGE, USE_READ));
	CHECK_NUMBER(use(rig, PART(6) + 3 * PAGE, USE_READ), RETURN);
	CHECK_NUMBER(switch_to(rig, 0), 0);
	CHECK_NUMBER(drop(rig, 3), 0);
}

/* A number that is made again, with other own parts and other pages each time, shows nothing of
 * before. */
static void test_again(struct rig *rig)
{
	for (uint64_t round = 0; round < 24; round++) {
		const uint64_t own = PART(1 + round % 3), frames = PART(5 + round / 2 % 3);
		const uint64_t not_own = PART(1 + (round + 1) % 3);
		if (round % 8 == 7)
			start_anew(rig);
		CHECK_NUMBER(use(rig, frames, USE_WRITE), 1);
		CHECK_NUMBER(use(rig, own + PAGE, USE_WRITE), 1);
		CHECK_NUMBER(use(rig, not_own + PAGE, USE_WRITE), 1);
		CHECK_NUMBER(make(rig, 4, own, frames), 0);
		CHECK_NUMBER(switch_to(rig, 4), 0);
		CHECK_NUMBER(use(rig, FAR, USE_READ), RETURN);
		CHECK_NUMBER(use(rig, not_own + PAGE, USE_READ), RETURN);
		CHECK_NUMBER(use(rig, own + PAGE, USE_WRITE), 1);
		CHECK_NUMBER(use(rig, HIGH + PAGE, USE_WRITE), 1);
		CHECK(faults(rig, own, USE_READ));
		CHECK_NUMBER(switch_to(rig, 0), 0);
		if (round % 8 < 6)
			CHECK_NUMBER(drop(rig, 4), 0);
		else
			start_anew(rig);
	}
	start_anew(rig);
}

/* A reset ends spaces, also the one that it happens in. */
static void test_reset(struct rig *rig)
{
	for (int round = 0; round < 4; round++) {
		CHECK_NUMBER(make(rig, 1, PART(1), PART(6)), 0);
		CHECK_NUMBER(make(rig, 2, PART(1 + (uint64_t)round % 2), PART(7)), 0);
		CHECK_NUMBER(switch_to(rig, 1 + (uint64_t)round % 2), 0);
		CHECK_NUMBER(use(rig, FAR, USE_WRITE), 1);
		CHECK_NUMBER(use(rig, HIGH, USE_WRITE), 1);
		start_anew(rig);
		CHECK(faults(rig, FAR, USE_READ));
		CHECK(faults(rig, HIGH, USE_READ));
		CHECK_NUMBER(use(rig, PART(6), USE_READ), 0);
		CHECK_NUMBER(use(rig, PART(7) + PAGE, USE_READ), 0);
		CHECK_NUMBER(switch_to(rig, 1), -ENOENT);
	}
}

static void test_in_clone(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open_with(&rig, isolation, guest_use, -1, 0, POOL_SIZE) && rig_create(&rig, true)) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		test_own_pages(&rig);
		test_changes(&rig);
		start_anew(&rig);
		test_again(&rig);
		test_reset(&rig);
	}
	rig_close(&rig);
}

/* What the set-up has, clones have: the current space, too, and each its own pages. */
static void test_in_setup(const struct isolation *isolation)
{
	struct rig rig;
	struct error error = {0};
	if (!rig_open_with(&rig, isolation, guest_use, -1, 0, POOL_SIZE) ||
	    !rig_create(&rig, false)) {
		rig_close(&rig);
		return;
	}
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
	CHECK_NUMBER(make(&rig, 1, PART(1), PART(6)), 0);
	CHECK_NUMBER(make(&rig, 2, PART(2), PART(7)), 0);
	CHECK_NUMBER(switch_to(&rig, 1), 0);
	CHECK_NUMBER(use(&rig, FAR, USE_WRITE), 1);
	CHECK_NUMBER(use(&rig, PART(1) + PAGE, USE_WRITE), 1);
	rig_destroy(&rig);
	CHECK_NUMBER(page_tables_check(&rig.image, NULL, &error), 0);
	for (int round = 0; round < 3 && rig_create(&rig, true); round++) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		for (int request = 0; request < 4; request++) {
			CHECK_NUMBER(use(&rig, FAR, USE_CALL), 2);
			CHECK_NUMBER(use(&rig, PART(1) + PAGE, USE_READ), RETURN);
			CHECK_NUMBER(use(&rig, HIGH, USE_READ), 0);
			CHECK_NUMBER(use(&rig, HIGH, USE_WRITE), 1);
			CHECK(faults(&rig, PART(1), USE_READ));
			CHECK_NUMBER(switch_to(&rig, 2), 0);
			CHECK_NUMBER(use(&rig, FAR, USE_READ), 0);
			CHECK_NUMBER(use(&rig, PART(1) + PAGE, USE_READ), 0);
			CHECK_NUMBER(use(&rig, HIGH, USE_READ), 0);
			CHECK_NUMBER(drop(&rig, 1), 0);
			/* The page is back from where the set-up had it. */
			CHECK_NUMBER(use(&rig, PART(6) + 3 * PAGE, USE_READ), RETURN);
			if (request % 2)
				CHECK_NUMBER(make(&rig, 1, PART(3), PART(5)), 0);
			if (request == 3)
				CHECK_NUMBER(switch_to(&rig, 1), 0);
			start_anew(&rig);
		}
		rig_destroy(&rig);
	}
	rig_close(&rig);
}

static bool is_touched(const struct working_set *working_set, uint64_t address)
{
	size_t count;
	const uint64_t *touched = working_set_touched(working_set, &count);
	for (size_t i = 0; i < count; i++)
		if (touched[i] == address)
			return true;
	return false;
}

/* Later clones touch in advance what the first request used in the space that they begin in. */
static void test_touching(const struct isolation *isolation)
{
	struct rig rig;
	static struct working_set working_set;
	if (!rig_open_with(&rig, isolation, guest_use, -1, 0, POOL_SIZE) ||
	    !rig_create(&rig, false)) {
		rig_close(&rig);
		return;
	}
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
	CHECK_NUMBER(make(&rig, 1, PART(1), PART(6)), 0);
	CHECK_NUMBER(make(&rig, 2, PART(2), PART(7)), 0);
	CHECK_NUMBER(switch_to(&rig, 1), 0);
	rig_destroy(&rig);
	rig.image.working_set = &working_set;
	for (int round = 0; round < 3 && rig_create(&rig, true); round++) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_RESUME, 0).argument, 1000);
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		CHECK_NUMBER(use(&rig, FAR, USE_WRITE), 1);
		CHECK_NUMBER(use(&rig, PART(1) + PAGE, USE_READ), 0);
		CHECK_NUMBER(switch_to(&rig, 2), 0);
		CHECK_NUMBER(use(&rig, HIGH, USE_WRITE), 1);
		CHECK_NUMBER(use(&rig, PART(4), USE_READ), 0);
		start_anew(&rig);
		CHECK(is_touched(&working_set, FAR) && is_touched(&working_set, PART(1) + PAGE));
		CHECK(is_touched(&working_set, PART(4))); /* which is that of all */
		CHECK(!is_touched(&working_set, HIGH) && !is_touched(&working_set, HIGH + PAGE));
		CHECK_NUMBER(use(&rig, HIGH, USE_READ), 0);
		rig_destroy(&rig);
	}
	rig_close(&rig);
}

/* ── how long it takes ───────────────────────────────────────────────────────────────────────── */

#define ROUNDS 400

static int compare(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static void report(const char *what, uint64_t *times, size_t count)
{
	qsort(times, count, sizeof(*times), compare);
	const uint64_t half = times[count / 2], most = times[count * 9 / 10];
	printf("%-40s %6lu ns (p90 %lu)\n", what, half, most);
}

static void measure_switch(struct rig *rig)
{
	uint64_t stay[ROUNDS], change[ROUNDS];
	CHECK_NUMBER(make(rig, 1, PART(1), PART(6)), 0);
	for (size_t i = 0; i < ROUNDS; i++) {
		uint64_t begin = clock_now_ns();
		use(rig, PART(2), USE_READ);
		stay[i] = clock_now_ns() - begin;
		begin = clock_now_ns();
		switch_to(rig, 1 - i % 2);
		use(rig, PART(2), USE_READ);
		change[i] = clock_now_ns() - begin;
	}
	switch_to(rig, 0);
	drop(rig, 1);
	report("an exit", stay, ROUNDS);
	report("an exit that switches", change, ROUNDS);
}

/* A space of `count` pages in three runs, of frames side by side or each apart; half of them are
 * touched. */
static void measure_make(struct rig *rig, uint64_t count, bool apart, bool other_own)
{
	uint64_t making[ROUNDS / 4], touching[ROUNDS / 4], dropping[ROUNDS / 4];
	const uint64_t parts = apart ? count : 3;
	cleanup_free struct page_run *runs = calloc(parts + 1, sizeof(*runs));
	char name[80];
	if (!CHECK(runs != NULL))
		return;
	for (size_t round = 0; round < ROUNDS / 4; round++) {
		runs[0] = (struct page_run){.address = PART(1 + (other_own ? round % 2 : 0)),
					    .length = GUEST_SPACE_OWN_SIZE};
		uint64_t at = 0;
		for (uint64_t i = 0; i < parts; i++) {
			const uint64_t pages = (count - at) / (parts - i);
			static const uint64_t places[] = {0x400000, FAR, HIGH - (8UL << 20)};
			runs[1 + i] =
			    (struct page_run){places[i % 3] + at * PAGE, pages * PAGE,
					      PART(4) + at * (apart ? 2 : 1) * PAGE, READ_WRITE};
			at += pages;
		}
		uint64_t begin = clock_now_ns();
		CHECK_NUMBER(rig->isolation->make_space(rig->machine, 1, runs, 1, parts), 0);
		making[round] = clock_now_ns() - begin;
		switch_to(rig, 1);
		begin = clock_now_ns();
		use(rig, FAR + (apart ? 1 : count / 3) * PAGE, USE_WRITE);
		touching[round] = clock_now_ns() - begin;
		switch_to(rig, 0);
		use(rig, PART(3), USE_READ);
		begin = clock_now_ns();
		drop(rig, 1);
		dropping[round] = clock_now_ns() - begin;
	}
	printf("%lu pages, frames %s, own parts %s\n", count, apart ? "apart" : "side by side",
	       other_own ? "others each time" : "as before");
	snprintf(name, sizeof(name), "  make");
	report(name, making, ROUNDS / 4);
	report("  switch and first touch", touching, ROUNDS / 4);
	report("  drop", dropping, ROUNDS / 4);
}

static void measure(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open_with(&rig, isolation, guest_use, -1, 0, POOL_SIZE) && rig_create(&rig, true)) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		measure_switch(&rig);
		measure_make(&rig, 50, false, false);
		measure_make(&rig, 500, false, false);
		measure_make(&rig, 50, true, false);
		measure_make(&rig, 500, true, false);
		measure_make(&rig, 50, false, true);
	}
	rig_close(&rig);
}

static void test_all(const struct isolation *isolation)
{
	test_in_clone(isolation);
	test_in_setup(isolation);
	test_touching(isolation);
}

int main(int argc, char **argv)
{
	return rig_main(argc, argv, argc > 2 ? measure : test_all);
}
