/* How long a guest can keep its monitor busy with one call for address spaces: not much longer than its
 * request may take. Usage: test_space_bounds ISOLATION */
#include <errno.h>

#include "monitor/machine_rig.h"
#include "monitor/memory/accessed_pages.h"
#include "monitor/memory/page_space.h"
#include "used_time.h"

#define PAGE	   GUEST_PAGE_SIZE
#define POOL	   GUEST_POOL_BASE
#define PART	   GUEST_SPACE_OWN_SIZE
#define GIB	   (1UL << 30)
#define FAR	   0x10000000000UL
#define READ_WRITE (GUEST_READ | GUEST_WRITE)
#define LIMIT	   (NANOSECONDS_PER_SECOND / 20)
#define LONG	   (2 * NANOSECONDS_PER_SECOND) /* of processor time, also with sanitizers */

static struct page_run runs[GUEST_SPACE_RUNS_MAX];

static bool open(struct rig *rig, const struct isolation *isolation, uint64_t pool)
{
	return rig_open_with(rig, isolation, guest_use, -1, 0, pool) && rig_create(rig, true) &&
	       CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
}

static int make(struct rig *rig, uint64_t number, size_t own, size_t count)
{
	const uint64_t begin = used_ns();
	const int result = rig->isolation->make_space(rig->machine, number, runs, own, count);
	CHECK(used_ns() - begin < LONG);
	return result;
}

static int enter(struct rig *rig, uint64_t number)
{
	const uint64_t begin = used_ns();
	const int result = rig->isolation->switch_space(rig->machine, number);
	CHECK(used_ns() - begin < LONG);
	return result;
}

/* As many pages as there are tables for, at as many places. */
static void test_many_pages(const struct isolation *isolation)
{
	struct rig rig;
	if (open(&rig, isolation, 4 * GIB)) {
		for (size_t i = 0; i < 64; i++)
			runs[i] = (struct page_run){FAR + i * GIB, GIB, POOL, READ_WRITE, true};
		rig_run_for(&rig, MACHINE_CONTINUE, POOL, LIMIT);
		CHECK_NUMBER(make(&rig, 1, 0, 64), -ETIMEDOUT);
		CHECK_NUMBER(enter(&rig, 1), -ENOENT);
	}
	rig_close(&rig);
}

/* Each second part of a large pool is a space's own. */
static void test_many_parts(const struct isolation *isolation)
{
	const size_t parts = 16384;
	struct rig rig;
	if (open(&rig, isolation, 2 * parts * PART)) {
		for (size_t i = 0; i < parts; i++)
			runs[i] = (struct page_run){.address = POOL + 2 * i * PART, .length = PART};
		CHECK_NUMBER(make(&rig, 1, parts, 0), 0);
		CHECK_NUMBER(enter(&rig, 1), 0);
	}
	rig_close(&rig);
}

/* The same in the space that a machine begins in. */
static void test_begin_in_parts(const struct isolation *isolation)
{
	const size_t parts = 1900;
	struct rig rig;
	if (rig_open_with(&rig, isolation, guest_use, -1, 0, 2 * parts * PART)) {
		struct page_area area = {.image = &rig.image, .memory = rig.image.memory};
		for (size_t i = 0; i < parts; i++)
			runs[i] = (struct page_run){.address = POOL + 2 * i * PART, .length = PART};
		CHECK_NUMBER(page_space_make(&area, 1, runs, parts, 0, NULL), 0);
		CHECK_NUMBER(page_space_switch(&area, 1), 0);
		const uint64_t begin = used_ns();
		rig_create(&rig, true);
		CHECK(used_ns() - begin < LONG);
	}
	rig_close(&rig);
}

/* All spaces there may be, with a large pool: it is looked through once. */
static void test_many_spaces(const struct isolation *isolation)
{
	struct rig rig;
	if (rig_open_with(&rig, isolation, guest_use, -1, 0, 16 * GIB)) {
		struct page_area area = {.image = &rig.image, .memory = rig.image.memory};
		for (uint64_t number = 1; number < GUEST_SPACES_MAX; number++)
			CHECK_NUMBER(page_space_make(&area, number, NULL, 0, 0, NULL), 0);
		const uint64_t begin = used_ns();
		accessed_pages_forget(rig.image.memory);
		accessed_pages_find(rig.image.memory, &rig.image, NULL, NULL);
		CHECK(used_ns() - begin < LONG);
	}
	rig_close(&rig);
}

/* Where pages are in the file of shared ones, the end of them is far. */
static void test_many_shared(const struct isolation *isolation)
{
	const uint64_t pool = 256UL << 20;
	const struct page_run all = {FAR, pool, POOL, READ_WRITE, true};
	struct rig rig;
	if (open(&rig, isolation, pool)) {
		CHECK_NUMBER(isolation->map(rig.machine, &all), 0);
		for (size_t i = 0; i < GUEST_SPACE_RUNS_MAX; i++)
			runs[i] = (struct page_run){FAR + i * PAGE, PAGE, POOL, READ_WRITE, true};
		rig_run_for(&rig, MACHINE_CONTINUE, POOL, LIMIT);
		make(&rig, 1, 0, GUEST_SPACE_RUNS_MAX);
		rig_run_for(&rig, MACHINE_CONTINUE, POOL, 0);
	}
	rig_close(&rig);
}

static void test(const struct isolation *isolation)
{
	test_many_pages(isolation);
	test_many_parts(isolation);
	test_begin_in_parts(isolation);
	test_many_spaces(isolation);
	test_many_shared(isolation);
}

int main(int argc, char **argv)
{
	return rig_main(argc, argv, test);
}
