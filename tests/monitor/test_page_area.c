/* The mapping area: page tables alone, then a guest that uses what is put there and taken away.
 * Usage: test_page_area ISOLATION */
#include <errno.h>
#include <stdlib.h>

#include "machine_rig.h"
#include "monitor/memory/page_area.h"
#include "util/cleanup.h"

#define PAGE	   GUEST_PAGE_SIZE
#define POOL	   GUEST_POOL_BASE
#define FAR	   0xc000000000UL /* where Go begins */
#define READ_WRITE (GUEST_READ | GUEST_WRITE)
#define RETURN	   0xc3

enum use { USE_READ, USE_WRITE, USE_CALL };

/* ── page tables ─────────────────────────────────────────────────────────────────────────────── */

static int put(struct page_area *area, uint64_t address, uint64_t source, uint64_t length,
	       uint32_t protection)
{
	const struct page_run run = {address, length, source, protection};
	return page_area_map(area, &run, NULL);
}

static int share(struct page_area *area, uint64_t address, uint64_t source, uint64_t length,
		 uint32_t protection)
{
	const struct page_run run = {address, length, source, protection, true};
	return page_area_map(area, &run, NULL);
}

static bool find(const struct page_area *area, uint64_t address, uint64_t length, uint64_t source,
		 uint32_t protection)
{
	struct page_run run;
	return CHECK(page_area_find(area, address, GUEST_AREA_END, &run)) &&
	       CHECK_NUMBER(run.address, address) && CHECK_NUMBER(run.length, length) &&
	       CHECK_NUMBER(run.source, source) && CHECK_NUMBER(run.protection, protection);
}

static bool open_image(struct image *image, uint64_t root_size)
{
	struct error error = {0};
	int result = image_create(image, 64 * PAGE, &error);
	if (!result)
		result = image_map(image, 0x400000, PAGE, GUEST_READ | GUEST_EXECUTE, &error);
	if (!result)
		result = image_map(image, POOL, 32 * PAGE, READ_WRITE, &error);
	image->root_size = root_size;
	if (!result)
		result = page_tables_build(image, NULL, &error);
	return CHECK_NUMBER(result, 0);
}

static void test_refusals(void)
{
	cleanup(image_release) struct image image;
	if (!open_image(&image, 8 * PAGE))
		return;
	struct page_area area = {.image = &image, .memory = image.memory};
	const uint64_t root = GUEST_ROOT_BASE;
	CHECK_NUMBER(put(&area, FAR, POOL, 0, READ_WRITE), -EINVAL);
	CHECK_NUMBER(put(&area, 0, POOL, PAGE, READ_WRITE), -EINVAL);
	CHECK_NUMBER(put(&area, GUEST_AREA_END, POOL, PAGE, READ_WRITE), -EINVAL);
	CHECK_NUMBER(put(&area, GUEST_AREA_END - PAGE, POOL, 2 * PAGE, READ_WRITE), -EINVAL);
	CHECK_NUMBER(put(&area, UINT64_MAX - PAGE + 1, POOL, PAGE, READ_WRITE), -EINVAL);
	CHECK_NUMBER(put(&area, FAR, POOL, UINT64_MAX - PAGE + 1, READ_WRITE), -EINVAL);
	CHECK_NUMBER(put(&area, FAR, POOL + 31 * PAGE, 2 * PAGE, READ_WRITE), -EINVAL);
	CHECK_NUMBER(put(&area, FAR, 0x400000, PAGE, GUEST_READ), -EINVAL);
	CHECK_NUMBER(put(&area, FAR, GUEST_WINDOW_BASE, PAGE, GUEST_READ), -EINVAL);
	CHECK_NUMBER(put(&area, FAR, root + 8 * PAGE, PAGE, GUEST_READ), -EINVAL);
	CHECK_NUMBER(put(&area, FAR, root, 9 * PAGE, GUEST_READ), -EINVAL);
	CHECK_NUMBER(put(&area, FAR, root, PAGE, READ_WRITE), -EACCES);
	CHECK_NUMBER(put(&area, FAR, root, PAGE, READ_WRITE | GUEST_EXECUTE), -EACCES);
	CHECK_NUMBER(put(&area, 0x400000, POOL, PAGE, READ_WRITE), -EEXIST);
	struct page_run run;
	CHECK(!page_area_find(&area, GUEST_AREA_BASE, GUEST_AREA_END, &run));

	/* A page has one address; and goes only from its place, where it must be writable. */
	CHECK_NUMBER(put(&area, FAR, POOL, 2 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(put(&area, FAR + PAGE, POOL + 4 * PAGE, PAGE, READ_WRITE), -EEXIST);
	CHECK_NUMBER(put(&area, 2 * FAR, POOL + PAGE, PAGE, GUEST_READ | GUEST_EXECUTE), -EINVAL);
	CHECK_NUMBER(page_tables_protect(image.memory, POOL, PAGE, READ_WRITE, NULL), -ENOMEM);
	CHECK_NUMBER(page_tables_protect(image.memory, POOL + 4 * PAGE, PAGE, GUEST_READ, NULL), 0);
	CHECK_NUMBER(put(&area, 2 * FAR, POOL + 4 * PAGE, PAGE, READ_WRITE), -EINVAL);
	find(&area, FAR, 2 * PAGE, POOL, READ_WRITE);
}

static void test_runs(void)
{
	cleanup(image_release) struct image image;
	struct page_run run;
	if (!open_image(&image, 8 * PAGE))
		return;
	struct page_area area = {.image = &image, .memory = image.memory};
	/* Across the end of what one table covers, and of a whole level. */
	const uint64_t edge = (1UL << 39) - 4 * PAGE;
	CHECK_NUMBER(put(&area, edge, POOL + 8 * PAGE, 8 * PAGE, READ_WRITE), 0);
	find(&area, edge, 8 * PAGE, POOL + 8 * PAGE, READ_WRITE);
	CHECK_NUMBER(page_tables_protect(image.memory, edge + PAGE, PAGE, 0, NULL), 0);
	find(&area, edge, PAGE, POOL + 8 * PAGE, READ_WRITE);
	CHECK(page_area_find(&area, edge + PAGE, GUEST_AREA_END, &run));
	CHECK_NUMBER(run.length, PAGE);
	CHECK_NUMBER(run.protection, 0);
	page_area_unmap(&area, &run, NULL);
	CHECK_NUMBER(put(&area, edge + PAGE, POOL + 9 * PAGE, PAGE, READ_WRITE), 0);
	find(&area, edge, 8 * PAGE, POOL + 8 * PAGE, READ_WRITE);

	/* Pages of the root may be at many places, and are never written. */
	CHECK_NUMBER(put(&area, FAR, GUEST_ROOT_BASE + PAGE, 2 * PAGE, GUEST_READ), 0);
	CHECK_NUMBER(put(&area, 2 * FAR, GUEST_ROOT_BASE + PAGE, 2 * PAGE, GUEST_READ), 0);
	find(&area, FAR, 2 * PAGE, GUEST_ROOT_BASE + PAGE, GUEST_READ);
	CHECK_NUMBER(page_tables_protect(image.memory, FAR, PAGE, READ_WRITE, NULL), -EACCES);
	CHECK_NUMBER(
	    page_tables_protect(image.memory, FAR, 2 * PAGE, GUEST_READ | GUEST_EXECUTE, NULL), 0);
	find(&area, FAR, 2 * PAGE, GUEST_ROOT_BASE + PAGE, GUEST_READ | GUEST_EXECUTE);
}

/* Pages that stay at their place and are seen elsewhere, too. */
static void test_sharing(void)
{
	cleanup(image_release) struct image image;
	struct error error = {0};
	struct page_run run;
	if (!open_image(&image, 8 * PAGE))
		return;
	struct page_area area = {.image = &image, .memory = image.memory};
	const uint32_t code = GUEST_READ | GUEST_EXECUTE;
	CHECK_NUMBER(share(&area, FAR, POOL, 4 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(share(&area, 2 * FAR, POOL + PAGE, 2 * PAGE, code), 0);
	CHECK_NUMBER(share(&area, 2 * FAR, POOL + PAGE, 2 * PAGE, code), -EEXIST);
	CHECK_NUMBER(share(&area, 3 * FAR, POOL + 31 * PAGE, 2 * PAGE, READ_WRITE), -EINVAL);
	CHECK_NUMBER(share(&area, 3 * FAR, GUEST_ROOT_BASE, PAGE, GUEST_READ), -EINVAL);
	CHECK_NUMBER(share(&area, 3 * FAR, GUEST_WINDOW_BASE, PAGE, GUEST_READ), -EINVAL);
	CHECK_NUMBER(share(&area, 3 * FAR, GUEST_LIBOS_BASE, PAGE, GUEST_READ), -EINVAL);
	find(&area, FAR, 4 * PAGE, POOL, READ_WRITE);
	CHECK(page_area_find(&area, FAR, GUEST_AREA_END, &run) && run.shared);
	CHECK(page_area_is_at_home(&area, &run));
	find(&area, 2 * FAR, 2 * PAGE, POOL + PAGE, code);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	/* Rights are those of each place. */
	CHECK_NUMBER(page_tables_protect(image.memory, FAR, PAGE, GUEST_READ, NULL), 0);
	CHECK(page_area_find(&area, FAR, GUEST_AREA_END, &run) && run.shared);
	CHECK_NUMBER(run.length, PAGE);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	CHECK(page_area_find(&area, 2 * FAR, GUEST_AREA_END, &run));
	page_area_unmap(&area, &run, NULL);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	CHECK_NUMBER(put(&area, 2 * FAR, POOL + 8 * PAGE, PAGE, READ_WRITE), 0);
	CHECK_NUMBER(share(&area, 3 * FAR, POOL + 8 * PAGE, PAGE, READ_WRITE), -EINVAL);
	/* A guest may move pages that it shares; nobody takes a snapshot of that. */
	CHECK_NUMBER(put(&area, 3 * FAR, POOL + 3 * PAGE, PAGE, READ_WRITE), 0);
	CHECK(page_area_find(&area, FAR + 3 * PAGE, GUEST_AREA_END, &run) && run.shared);
	CHECK(!page_area_is_at_home(&area, &run));
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
	page_area_unmap(&area, &run, NULL);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
}

/* Tables run out, and then nothing of what was asked for is there. */
static void test_tables_run_out(void)
{
	cleanup(image_release) struct image image;
	struct page_run run;
	if (!open_image(&image, 8 * PAGE))
		return;
	struct page_area area = {.image = &image, .memory = image.memory};
	int result = put(&area, FAR, GUEST_ROOT_BASE, PAGE, GUEST_READ), count = 1;
	image.page_tables_size = area.next_table + 10 * PAGE - image.page_tables;
	for (; !result && count < 64; count++)
		result = put(&area, FAR + (uint64_t)count * (1UL << 30), GUEST_ROOT_BASE, PAGE,
			     GUEST_READ);
	CHECK_NUMBER(result, -ENOMEM);
	CHECK_NUMBER(put(&area, FAR + (1UL << 21) - PAGE, GUEST_ROOT_BASE, 2 * PAGE, GUEST_READ),
		     -ENOMEM);
	CHECK(page_area_find(&area, FAR + PAGE, FAR + (1UL << 30), &run) == false);
	find(&area, FAR, PAGE, GUEST_ROOT_BASE, GUEST_READ);
}

/* What a snapshot file may hold of it. */
static void test_check(void)
{
	cleanup(image_release) struct image image;
	struct error error = {0};
	struct page_run run;
	if (!open_image(&image, 0))
		return;
	struct page_area area = {.image = &image, .memory = image.memory};
	CHECK_NUMBER(put(&area, FAR, POOL, 2 * PAGE, GUEST_READ | GUEST_EXECUTE), 0);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	/* A program may write code; what is shared with the monitor is never code. */
	const uint32_t all = READ_WRITE | GUEST_EXECUTE;
	CHECK_NUMBER(page_tables_protect(image.memory, FAR, PAGE, all, NULL), 0);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	CHECK_NUMBER(page_tables_protect(image.memory, GUEST_WINDOW_BASE, PAGE, all, NULL), 0);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
	page_tables_protect(image.memory, GUEST_WINDOW_BASE, PAGE, READ_WRITE, NULL);
	page_tables_protect(image.memory, FAR, PAGE, GUEST_READ | GUEST_EXECUTE, NULL);

	CHECK(page_area_find(&area, FAR, GUEST_AREA_END, &run));
	page_area_unmap(&area, &run, NULL);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	/* What will be a table once must be empty. */
	image.memory[area.next_table + 2 * PAGE + 8] = 1;
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
	image.memory[area.next_table + 2 * PAGE + 8] = 0;
	image.root_size = PAGE;
	CHECK_NUMBER(put(&area, FAR, GUEST_ROOT_BASE, PAGE, GUEST_READ), 0);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	image.root_size = 0; /* a page beyond its end */
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
}

/* ── a guest ─────────────────────────────────────────────────────────────────────────────────── */

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

static int map(struct rig *rig, uint64_t address, uint64_t source, uint64_t length,
	       uint32_t protection)
{
	const struct page_run run = {address, length, source, protection};
	return rig->isolation->map(rig->machine, &run);
}

static int unmap(struct rig *rig, uint64_t address, uint64_t length)
{
	return rig->isolation->unmap(rig->machine, address, length);
}

static void start_anew(struct rig *rig)
{
	rig_reset(rig);
	CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
}

/* Pages move there and back with what is in them. */
static void test_move(struct rig *rig)
{
	CHECK_NUMBER(use(rig, POOL + PAGE, USE_WRITE), 1);
	CHECK_NUMBER(map(rig, FAR, POOL, 7 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(use(rig, FAR + PAGE, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, FAR + 6 * PAGE, USE_WRITE), 1);
	CHECK_NUMBER(unmap(rig, FAR + 2 * PAGE, PAGE), 0);
	CHECK_NUMBER(use(rig, POOL + 2 * PAGE, USE_READ), 0);
	CHECK_NUMBER(map(rig, 2 * FAR, POOL + 2 * PAGE, PAGE, READ_WRITE), 0);
	CHECK_NUMBER(unmap(rig, 0x10000, GUEST_AREA_END - 0x10000), 0);
	CHECK_NUMBER(use(rig, POOL + PAGE, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, POOL + 6 * PAGE, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, POOL + 6 * PAGE, USE_WRITE), 1);
	/* What was broken into parts moves as one. */
	CHECK_NUMBER(map(rig, FAR, POOL, 7 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(use(rig, FAR + 6 * PAGE, USE_READ), RETURN);
	CHECK_NUMBER(unmap(rig, FAR, 7 * PAGE), 0);
	CHECK_NUMBER(use(rig, FAR, USE_READ), -1);
}

static int show_twice(struct rig *rig, uint64_t address, uint64_t source, uint64_t length,
		      uint32_t protection)
{
	const struct page_run run = {address, length, source, protection, true};
	return rig->isolation->map(rig->machine, &run);
}

/* What is written at one address is there at the others, whatever may be done there. */
static void test_two_places(struct rig *rig)
{
	const uint32_t code = GUEST_READ | GUEST_EXECUTE;
	CHECK_NUMBER(use(rig, POOL + PAGE, USE_WRITE), 1);
	CHECK_NUMBER(show_twice(rig, FAR, POOL, 4 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(show_twice(rig, 2 * FAR, POOL + PAGE, 2 * PAGE, code), 0);
	CHECK_NUMBER(use(rig, FAR + PAGE, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, 2 * FAR, USE_CALL), 2);
	CHECK_NUMBER(use(rig, FAR + 2 * PAGE, USE_WRITE), 1);
	CHECK_NUMBER(use(rig, POOL + 2 * PAGE, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, 2 * FAR + PAGE, USE_CALL), 2);
	CHECK_NUMBER(use(rig, POOL + 3 * PAGE, USE_WRITE), 1);
	CHECK_NUMBER(use(rig, FAR + 3 * PAGE, USE_READ), RETURN);
	CHECK_NUMBER(unmap(rig, FAR, 4 * PAGE), 0);
	CHECK_NUMBER(use(rig, POOL + 3 * PAGE, USE_READ), RETURN);
	CHECK_NUMBER(use(rig, 2 * FAR + PAGE, USE_CALL), 2);
	/* And then moves, as any other page does. */
	CHECK_NUMBER(map(rig, FAR, POOL + 3 * PAGE, PAGE, READ_WRITE), 0);
	CHECK_NUMBER(use(rig, FAR, USE_READ), RETURN);
	CHECK_NUMBER(unmap(rig, FAR, PAGE), 0);
	CHECK_NUMBER(use(rig, 2 * FAR, USE_WRITE), -1);
	start_anew(rig);
	CHECK_NUMBER(use(rig, POOL + 2 * PAGE, USE_READ), 0);
	CHECK_NUMBER(use(rig, POOL + 3 * PAGE, USE_READ), 0);
	CHECK_NUMBER(use(rig, FAR, USE_READ), -1);
	start_anew(rig);
}

static void test_rights(struct rig *rig)
{
	CHECK_NUMBER(use(rig, POOL, USE_WRITE), 1);
	CHECK_NUMBER(map(rig, FAR, POOL, 2 * PAGE, GUEST_READ | GUEST_EXECUTE), 0);
	CHECK_NUMBER(use(rig, FAR, USE_CALL), 2);
	CHECK_NUMBER(use(rig, POOL, USE_WRITE), -1);
	start_anew(rig);
	CHECK_NUMBER(use(rig, POOL, USE_WRITE), 1);
	CHECK_NUMBER(map(rig, FAR, POOL, 2 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(use(rig, FAR, USE_WRITE), 1);
	CHECK_NUMBER(rig->isolation->protect(rig->machine, FAR, PAGE, GUEST_READ | GUEST_EXECUTE),
		     0);
	CHECK_NUMBER(use(rig, FAR, USE_CALL), 2);
	CHECK_NUMBER(use(rig, POOL, USE_WRITE), -1);
	start_anew(rig);
	/* Code that is written while it may run; what takes its place is not code. */
	const uint32_t all = READ_WRITE | GUEST_EXECUTE;
	CHECK_NUMBER(map(rig, FAR, POOL, 2 * PAGE, all), 0);
	CHECK_NUMBER(use(rig, FAR, USE_WRITE), 1);
	CHECK_NUMBER(use(rig, FAR, USE_CALL), 2);
	CHECK_NUMBER(rig->isolation->protect(rig->machine, FAR, PAGE, GUEST_READ | GUEST_EXECUTE),
		     0);
	CHECK_NUMBER(use(rig, FAR, USE_CALL), 2);
	CHECK_NUMBER(use(rig, FAR, USE_WRITE), -1);
	start_anew(rig);
	CHECK_NUMBER(map(rig, FAR, POOL, 2 * PAGE, all), 0);
	CHECK_NUMBER(use(rig, FAR, USE_WRITE), 1);
	CHECK_NUMBER(use(rig, FAR, USE_CALL), 2);
	CHECK_NUMBER(unmap(rig, FAR, 2 * PAGE), 0);
	CHECK_NUMBER(use(rig, POOL, USE_CALL), -1);
	start_anew(rig);
	CHECK_NUMBER(use(rig, POOL, USE_CALL), -1);
	start_anew(rig);
	CHECK_NUMBER(map(rig, FAR, POOL, 2 * PAGE, 0), 0);
	CHECK_NUMBER(use(rig, FAR, USE_READ), -1);
	start_anew(rig);
	CHECK_NUMBER(map(rig, FAR, POOL, 2 * PAGE, GUEST_READ), 0);
	CHECK_NUMBER(unmap(rig, FAR, 2 * PAGE), 0);
	CHECK_NUMBER(use(rig, POOL, USE_WRITE), 1);
}

/* Each round puts the pages elsewhere: what the processor knows of an earlier round's tables must
 * not be seen in a later one. */
static void test_reset(struct rig *rig)
{
	for (uint64_t round = 0; round < 12; round++) {
		const uint64_t first = FAR + round % 5 * (1UL << 33);
		const uint64_t second = FAR + (round + 1) % 5 * (1UL << 33);
		start_anew(rig);
		CHECK_NUMBER(map(rig, first, POOL, PAGE, READ_WRITE), 0);
		CHECK_NUMBER(use(rig, first, USE_READ), 0);
		CHECK_NUMBER(use(rig, first, USE_WRITE), 1);
		CHECK_NUMBER(map(rig, second, POOL + PAGE, PAGE, READ_WRITE), 0);
		CHECK_NUMBER(use(rig, second, USE_READ), 0);
		CHECK_NUMBER(use(rig, first, USE_READ), RETURN);
		CHECK_NUMBER(use(rig, FAR + (round + 2) % 5 * (1UL << 33), USE_READ), -1);
	}
	start_anew(rig);
	CHECK_NUMBER(use(rig, POOL, USE_READ), 0);
}

static void test_in_clone(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open(&rig, isolation, guest_use) && rig_create(&rig, true)) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		test_move(&rig);
		start_anew(&rig);
		test_two_places(&rig);
		test_rights(&rig);
		test_reset(&rig);
	}
	rig_close(&rig);
}

/* Pages that the set-up has at several addresses, clones have so, too: each its own. */
static void test_shared_in_setup(const struct isolation *isolation)
{
	struct rig rig;
	struct error error = {0};
	if (!rig_open(&rig, isolation, guest_use) || !rig_create(&rig, false)) {
		rig_close(&rig);
		return;
	}
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
	CHECK_NUMBER(show_twice(&rig, FAR, POOL, 4 * PAGE, READ_WRITE), 0);
	CHECK_NUMBER(show_twice(&rig, 2 * FAR, POOL, 2 * PAGE, GUEST_READ | GUEST_EXECUTE), 0);
	CHECK_NUMBER(use(&rig, FAR, USE_WRITE), 1);
	CHECK_NUMBER(use(&rig, FAR + 3 * PAGE, USE_WRITE), 1);
	CHECK_NUMBER(unmap(&rig, FAR + 3 * PAGE, PAGE), 0);
	rig_destroy(&rig);
	CHECK_NUMBER(page_tables_check(&rig.image, NULL, &error), 0);
	for (int round = 0; round < 3 && rig_create(&rig, true); round++) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		for (int request = 0; request < 3; request++) {
			CHECK_NUMBER(use(&rig, 2 * FAR, USE_CALL), 2);
			CHECK_NUMBER(use(&rig, POOL + 3 * PAGE, USE_READ), RETURN);
			CHECK_NUMBER(use(&rig, FAR + PAGE, USE_READ), 0);
			CHECK_NUMBER(use(&rig, POOL + PAGE, USE_WRITE), 1);
			CHECK_NUMBER(use(&rig, 2 * FAR + PAGE, USE_CALL), 2);
			CHECK_NUMBER(use(&rig, FAR + 2 * PAGE, USE_READ), 0);
			CHECK_NUMBER(use(&rig, FAR + 2 * PAGE, USE_WRITE), 1);
			CHECK_NUMBER(use(&rig, POOL + 2 * PAGE, USE_READ), RETURN);
			start_anew(&rig);
		}
		rig_destroy(&rig);
	}
	rig_close(&rig);
}

/* What the set-up maps, clones have; what they do to it is their own. */
static void test_in_setup(const struct isolation *isolation)
{
	struct rig rig;
	struct error error = {0};
	if (!rig_open(&rig, isolation, guest_use) || !rig_create(&rig, false)) {
		rig_close(&rig);
		return;
	}
	CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
	CHECK_NUMBER(use(&rig, POOL, USE_WRITE), 1);
	CHECK_NUMBER(map(&rig, FAR, POOL, PAGE, GUEST_READ | GUEST_EXECUTE), 0);
	CHECK_NUMBER(map(&rig, FAR + PAGE, POOL + PAGE, PAGE, READ_WRITE), 0);
	CHECK_NUMBER(map(&rig, FAR + 2 * PAGE, POOL + 2 * PAGE, PAGE, 0), 0);
	CHECK_NUMBER(use(&rig, FAR + PAGE, USE_WRITE), 1);
	rig_destroy(&rig);
	CHECK_NUMBER(page_tables_check(&rig.image, NULL, &error), 0);
	if (rig_create(&rig, true)) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		for (int round = 0; round < 3; round++) {
			CHECK_NUMBER(use(&rig, FAR, USE_CALL), 2);
			CHECK_NUMBER(use(&rig, FAR + PAGE, USE_READ), RETURN);
			CHECK_NUMBER(unmap(&rig, FAR + PAGE, PAGE), 0);
			CHECK_NUMBER(use(&rig, POOL + PAGE, USE_READ), RETURN);
			CHECK_NUMBER(unmap(&rig, FAR + 2 * PAGE, PAGE), 0);
			CHECK_NUMBER(use(&rig, POOL + 2 * PAGE, USE_WRITE), 1);
			CHECK_NUMBER(use(&rig, FAR + PAGE, USE_READ), -1);
			start_anew(&rig);
		}
	}
	rig_close(&rig);
}

static void test_all(const struct isolation *isolation)
{
	test_refusals();
	test_runs();
	test_tables_run_out();
	test_check();
	test_sharing();
	test_in_clone(isolation);
	test_in_setup(isolation);
	test_shared_in_setup(isolation);
}

int main(int argc, char **argv)
{
	return rig_main(argc, argv, test_all);
}
