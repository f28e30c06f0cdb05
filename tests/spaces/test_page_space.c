/* Address spaces in page tables: made, dropped, made again, reset, and checked where they come from
 * outside. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "monitor/memory/accessed_pages.h"
#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "monitor/x86_64/page_entries.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define PAGE	   GUEST_PAGE_SIZE
#define POOL	   GUEST_POOL_BASE
#define POOL_SIZE  (4 * GUEST_SPACE_OWN_SIZE)
#define PART(n)	   (POOL + (n)*GUEST_SPACE_OWN_SIZE)
#define FAR	   0xc000000000UL
#define PROGRAM	   0x400000UL
#define READ_WRITE (GUEST_READ | GUEST_WRITE)

static bool open_image(struct image *image, struct page_area *area)
{
	struct error error = {0};
	int result = image_create_with_root(image, POOL_SIZE + 16 * PAGE, -1, 8 * PAGE, &error);
	if (!result)
		result = image_map(image, PROGRAM, PAGE, GUEST_READ | GUEST_EXECUTE, &error);
	if (!result)
		result = image_map(image, GUEST_STACK_TOP - PAGE, PAGE, READ_WRITE, &error);
	if (!result)
		result = image_map(image, POOL, POOL_SIZE, READ_WRITE, &error);
	if (!result)
		result = page_tables_build(image, NULL, &error);
	*area = (struct page_area){.image = image, .memory = image->memory};
	return CHECK_NUMBER(result, 0);
}

static bool is_sound(const struct image *image)
{
	struct error error = {0};
	return !page_tables_check(image, NULL, &error);
}

/* What stands at an address of that space: where the page lies, in the pool; UINT64_MAX: nothing. */
static uint64_t look(const struct page_area *area, uint64_t number, uint64_t address)
{
	struct page_run run;
	if (!page_space_find(area, number, address, address + PAGE, &run))
		return UINT64_MAX;
	return run.source;
}

static bool is_at_home(const struct page_area *area, uint64_t page)
{
	const struct page_run run = {.source = page, .length = PAGE};
	return page_area_is_at_home(area, &run);
}

/* Two parts of the pool, and pages at four places. */
static const struct page_run begin[] = {
    {.address = PART(1), .length = GUEST_SPACE_OWN_SIZE},
    {.address = PART(3), .length = GUEST_SPACE_OWN_SIZE},
    {PROGRAM, 2 * PAGE, POOL + 8 * PAGE, GUEST_READ | GUEST_EXECUTE, true},
    {GUEST_STACK_TOP - 2 * PAGE, 2 * PAGE, PART(1) + 2 * PAGE, READ_WRITE},
    {PART(1) + PAGE, 4 * PAGE, PART(2), READ_WRITE},
    {FAR, PAGE, GUEST_ROOT_BASE + PAGE, GUEST_READ},
};

static int make(struct page_area *area, uint64_t number)
{
	return page_space_make(area, number, begin, 2, 4, NULL);
}

static void test_making(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	CHECK(is_sound(&image));
	CHECK_NUMBER(make(&area, 1), 0);
	CHECK(is_sound(&image));
	CHECK(page_space_is_there(image.memory, 1) && !page_space_is_there(image.memory, 2));
	CHECK_NUMBER(page_space_current(image.memory), 0);
	CHECK_NUMBER(look(&area, 1, PROGRAM + PAGE), POOL + 9 * PAGE);
	CHECK_NUMBER(look(&area, 1, GUEST_STACK_TOP - PAGE), PART(1) + 3 * PAGE);
	CHECK_NUMBER(look(&area, 1, PART(1) + 4 * PAGE), PART(2) + 3 * PAGE);
	CHECK_NUMBER(look(&area, 1, FAR), GUEST_ROOT_BASE + PAGE);
	CHECK_NUMBER(look(&area, 0, FAR), UINT64_MAX);
	CHECK_NUMBER(look(&area, 1, PART(3)), UINT64_MAX);
	CHECK(is_at_home(&area, POOL + 8 * PAGE));
	CHECK(!is_at_home(&area, PART(1) + 2 * PAGE) && !is_at_home(&area, PART(2)));

	/* What is current decides where pages go and what is protected. */
	const uint64_t first = page_space_root(image.memory);
	CHECK_NUMBER(page_space_switch(&area, 1), 0);
	CHECK_NUMBER(page_space_current(image.memory), 1);
	CHECK(page_space_root(image.memory) != first);
	CHECK(is_sound(&image));
	CHECK_NUMBER(page_tables_find(image.memory, GUEST_SYSTEM_BASE), 0);
	CHECK_NUMBER(page_tables_find(image.memory, PART(1) + PAGE),
		     image.regions[2].offset + 2 * GUEST_SPACE_OWN_SIZE);
	CHECK_NUMBER(page_tables_protect(image.memory, PART(1), PAGE, GUEST_READ, NULL), -ENOMEM);
	CHECK_NUMBER(page_tables_protect(image.memory, PART(1) + PAGE, PAGE, GUEST_READ, NULL), 0);
	const struct page_run more = {PART(3) + PAGE, PAGE, PART(3) + PAGE, READ_WRITE};
	CHECK_NUMBER(page_area_map(&area, &more, NULL), 0);
	CHECK_NUMBER(look(&area, 1, PART(3) + PAGE), PART(3) + PAGE);
	CHECK(!is_at_home(&area, PART(3) + PAGE));
	CHECK(is_sound(&image));
	CHECK_NUMBER(page_space_drop(&area, 1), -EBUSY);
	CHECK_NUMBER(page_space_switch(&area, 0), 0);
	CHECK_NUMBER(page_space_root(image.memory), first);
	CHECK_NUMBER(page_tables_protect(image.memory, FAR, PAGE, GUEST_READ, NULL), -ENOMEM);

	CHECK_NUMBER(page_space_drop(&area, 1), 0);
	CHECK(!page_space_is_there(image.memory, 1) && is_sound(&image));
	for (uint64_t at = POOL; at < POOL + POOL_SIZE; at += PAGE)
		CHECK(is_at_home(&area, at));
}

static void test_refusals(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	const struct page_run own = {.address = PART(1), .length = GUEST_SPACE_OWN_SIZE};
	CHECK_NUMBER(make(&area, 0), -EINVAL);
	CHECK_NUMBER(make(&area, GUEST_SPACES_MAX), -EINVAL);
	CHECK_NUMBER(make(&area, 1UL << 63 | 1), -EINVAL);
	CHECK_NUMBER(page_space_switch(&area, 1), -ENOENT);
	CHECK_NUMBER(page_space_switch(&area, 64), -ENOENT);
	CHECK_NUMBER(page_space_switch(&area, UINT64_MAX), -ENOENT);
	CHECK_NUMBER(page_space_drop(&area, 1), -ENOENT);
	CHECK_NUMBER(page_space_drop(&area, 64), -ENOENT);
	CHECK_NUMBER(page_space_drop(&area, 0), -EBUSY);
	CHECK_NUMBER(make(&area, 1), 0);
	CHECK_NUMBER(make(&area, 1), -EEXIST);
	CHECK_NUMBER(make(&area, 2), -EINVAL); /* its pages are not at home */
	CHECK(!page_space_is_there(image.memory, 2));

	static const struct page_run wrong_own[] = {
	    {.address = PART(1)},
	    {.address = PART(1), .length = PAGE},
	    {.address = PART(1) + PAGE, .length = GUEST_SPACE_OWN_SIZE},
	    {.address = PART(3), .length = 2 * GUEST_SPACE_OWN_SIZE},
	    {.address = PART(1), .length = -GUEST_SPACE_OWN_SIZE},
	    {.address = PROGRAM, .length = GUEST_SPACE_OWN_SIZE},
	    {.address = GUEST_WINDOW_BASE, .length = GUEST_SPACE_OWN_SIZE},
	    {.address = GUEST_LIBOS_BASE, .length = GUEST_SPACE_OWN_SIZE},
	    {.address = GUEST_ROOT_BASE, .length = GUEST_SPACE_OWN_SIZE},
	    {.address = PART(0), .length = 2 * GUEST_SPACE_OWN_SIZE}, /* overlaps the one before */
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong_own); i++) {
		const struct page_run runs[] = {own, wrong_own[i]};
		if (!CHECK_NUMBER(page_space_make(&area, 2, runs, 2, 0, NULL), -EINVAL))
			fprintf(stderr, "  own part %zu\n", i);
	}
	const uint64_t end = POOL + POOL_SIZE;
	const struct {
		struct page_run run;
		int result;
	} wrong[] = {
	    {{0, PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{FAR, 0, PART(3), READ_WRITE}, -EINVAL},
	    {{GUEST_STACK_TOP, PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{GUEST_STACK_TOP - PAGE, 2 * PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{PART(0), PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{PART(2) - PAGE, 2 * PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{PART(2), PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{GUEST_WINDOW_BASE, PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{GUEST_LIBOS_BASE, PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{GUEST_HYPERCALL, PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{GUEST_SYSTEM_BASE, PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{GUEST_ROOT_BASE, PAGE, PART(3), GUEST_READ}, -EINVAL},
	    {{UINT64_MAX - PAGE + 1, PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{FAR, PAGE, end, READ_WRITE}, -EINVAL},
	    {{FAR, PAGE, PROGRAM, GUEST_READ}, -EINVAL},
	    {{FAR, PAGE, GUEST_SYSTEM_BASE, READ_WRITE}, -EINVAL},
	    {{FAR, PAGE, GUEST_WINDOW_BASE, READ_WRITE}, -EINVAL},
	    {{FAR, PAGE, PART(2), READ_WRITE}, -EINVAL}, /* is in the other space */
	    {{FAR, PAGE, GUEST_ROOT_BASE, READ_WRITE}, -EACCES},
	    {{FAR, PAGE, GUEST_ROOT_BASE, GUEST_READ, true}, -EINVAL},
	    {{FAR, -PAGE, PART(3), READ_WRITE}, -EINVAL},
	    {{PROGRAM, PAGE, PART(3) + PAGE, READ_WRITE}, -EEXIST}, /* twice there */
	    {{PROGRAM + PAGE, PAGE, PART(3), READ_WRITE}, -EINVAL}, /* twice the same page */
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const struct page_run runs[] = {
		    own, {PROGRAM, PAGE, PART(3), READ_WRITE}, wrong[i].run};
		if (!CHECK_NUMBER(page_space_make(&area, 2, runs, 1, 2, NULL), wrong[i].result))
			fprintf(stderr, "  run %zu\n", i);
		CHECK(!page_space_is_there(image.memory, 2));
		CHECK(is_at_home(&area, PART(3)));
	}
	CHECK(is_sound(&image));
}

/* The tables of a number stay its own. */
static void test_made_again(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	struct page_shrunk shrunk = {0};
	CHECK_NUMBER(page_space_make(&area, 5, begin, 2, 0, &shrunk), 0);
	CHECK_NUMBER(page_space_make(&area, 6, begin, 1, 0, &shrunk), 0);
	const uint64_t root = page_spaces_of(image.memory)->roots[5], next = area.next_table;
	CHECK_NUMBER(page_space_drop(&area, 5), 0);
	CHECK_NUMBER(page_space_make(&area, 5, begin, 2, 0, &shrunk), 0);
	CHECK(!shrunk.tables);
	for (int round = 0; round < 100; round++) {
		CHECK_NUMBER(page_space_drop(&area, 5), 0);
		CHECK(is_sound(&image));
		/* The one part, then the other, then none. */
		CHECK_NUMBER(
		    page_space_make(&area, 5, begin + round % 3, round % 3 < 2, 0, &shrunk), 0);
		CHECK(shrunk.tables && is_sound(&image));
		CHECK_NUMBER(page_space_owns(image.memory, 5, PART(1)), round % 3 == 0);
		CHECK_NUMBER(page_space_owns(image.memory, 5, PART(3) + PAGE), round % 3 == 1);
		CHECK(!page_space_owns(image.memory, 5, PART(0)));
		shrunk.tables = false;
	}
	CHECK_NUMBER(page_spaces_of(image.memory)->roots[5], root);
	CHECK_NUMBER(area.next_table, next);
	/* A machine that begins with that memory takes no table that is in use. */
	area.next_table = 0;
	CHECK_NUMBER(page_space_make(&area, 7, begin, 2, 0, NULL), 0);
	CHECK(is_sound(&image));
	CHECK(page_spaces_of(image.memory)->roots[7] >= next);
}

static void forget(void *context, uint64_t physical, uint64_t length)
{
	*(uint64_t *)context += length;
}

/* What was in a space is forgotten when the number is made again, and only where other pages are
 * then, or the same with fewer rights. */
static void test_forgetting(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	struct page_run runs[ARRAY_SIZE(begin)];
	memcpy(runs, begin, sizeof(runs));
	static const struct {
		size_t run;
		uint64_t source;
		uint32_t protection;
		uint64_t forgotten;
	} changes[] = {
	    {3, PART(1) + 2 * PAGE, READ_WRITE, 0},
	    {3, PART(1) + 2 * PAGE, GUEST_READ, 2 + 2}, /* it also is less than at home */
	    {3, PART(1) + 2 * PAGE, READ_WRITE, 0},
	    {3, PART(1) + 4 * PAGE, READ_WRITE, 2},
	    {3, PART(1) + 3 * PAGE, READ_WRITE, 2},
	    {2, POOL + 8 * PAGE, GUEST_READ, 2},
	    {2, POOL + 8 * PAGE, GUEST_READ | GUEST_EXECUTE, 0},
	    {5, GUEST_ROOT_BASE + 2 * PAGE, GUEST_READ, 1},
	    {3, PART(1) + 3 * PAGE, 0, 2 + 2},
	};
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		uint64_t forgotten = 0;
		struct page_shrunk shrunk = {.forget = forget, .context = &forgotten};
		CHECK_NUMBER(page_space_make(&area, 9, runs, 2, 4, NULL), 0);
		CHECK_NUMBER(page_space_drop(&area, 9), 0);
		CHECK(is_sound(&image) && is_at_home(&area, PART(2)));
		runs[changes[i].run].source = changes[i].source;
		runs[changes[i].run].protection = changes[i].protection;
		CHECK_NUMBER(page_space_make(&area, 9, runs, 2, 4, &shrunk), 0);
		page_shrunk_flush(&shrunk);
		if (!CHECK(forgotten >= changes[i].forgotten * PAGE / 2 &&
			   forgotten <= changes[i].forgotten * PAGE))
			fprintf(stderr, "  change %zu: %lu\n", i, forgotten / PAGE);
		CHECK_NUMBER(page_space_drop(&area, 9), 0);
	}
	/* All of it, but what is there again. */
	uint64_t forgotten = 0;
	struct page_shrunk shrunk = {.forget = forget, .context = &forgotten};
	CHECK_NUMBER(make(&area, 9), 0);
	CHECK_NUMBER(page_space_drop(&area, 9), 0);
	CHECK_NUMBER(page_space_make(&area, 9, begin, 2, 1, &shrunk), 0);
	page_shrunk_flush(&shrunk);
	CHECK_NUMBER(forgotten, 7 * PAGE);
	CHECK(!shrunk.tables && is_sound(&image));
}

/* Tables run out in the middle of anything, and then there is no space. */
static void test_tables_run_out(void)
{
	for (uint64_t room = 0; room < 24; room++) {
		cleanup(image_release) struct image image;
		struct page_area area;
		if (!open_image(&image, &area))
			return;
		CHECK_NUMBER(page_space_make(&area, 1, begin, 2, 0, NULL), 0);
		image.page_tables_size = area.next_table + room * PAGE - image.page_tables;
		const int result = make(&area, 2);
		/* Root and upper tables of the pool, two own parts; then three for program and
		 * for the page of the root, and for the stack. */
		if (!CHECK_NUMBER(result, room < 15 ? -ENOMEM : 0))
			fprintf(stderr, "  with %lu tables\n", room);
		CHECK_NUMBER(page_space_is_there(image.memory, 2), !result);
		CHECK_NUMBER(is_at_home(&area, PART(2)), result != 0);
		CHECK(is_sound(&image));
	}
}

/* A reset takes spaces back to what the snapshot has. */
static void test_restoring(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	const struct page_run runs[] = {begin[0], begin[2]};
	CHECK_NUMBER(page_space_make(&area, 1, runs, 1, 1, NULL), 0);
	CHECK_NUMBER(page_space_switch(&area, 1), 0);
	cleanup_free uint8_t *memory = malloc(image.size);
	if (!CHECK(memory != NULL))
		return;
	memcpy(memory, image.memory, image.size);
	area.memory = memory;
	struct image view = image;
	view.memory = memory;
	for (int round = 0; round < 3; round++) {
		uint64_t forgotten = 0;
		struct page_shrunk shrunk = {.forget = forget, .context = &forgotten};
		CHECK_NUMBER(make(&area, 2), 0);
		CHECK_NUMBER(page_space_switch(&area, 2), 0);
		CHECK_NUMBER(page_space_drop(&area, 1), 0);
		CHECK_NUMBER(page_space_make(&area, 1, begin + 1, 1, 0, NULL), 0);
		const uint64_t root = page_space_root(memory), next = area.next_table;
		for (uint64_t at = image.page_tables;
		     at < image.page_tables + image.page_tables_size; at += PAGE)
			page_tables_restore(memory, image.memory, at, &shrunk);
		page_shrunk_flush(&shrunk);
		CHECK(shrunk.tables); /* of the space that was made again */
		CHECK(forgotten >= 6 * PAGE);
		CHECK_NUMBER(page_space_current(memory), 1);
		CHECK(page_space_is_there(memory, 1) && !page_space_is_there(memory, 2));
		CHECK(page_space_owns(memory, 1, PART(1)) && !page_space_owns(memory, 1, PART(3)));
		CHECK_NUMBER(look(&area, 1, PROGRAM), POOL + 8 * PAGE);
		CHECK(is_at_home(&area, PART(2)) && is_sound(&view));
		CHECK_NUMBER(page_spaces_of(memory)->roots[2], root);
		CHECK_NUMBER(area.next_table, next);
	}
}

static void count(void *context, uint64_t physical, uint64_t length)
{
	(*(uint64_t *)context)++;
}

/* However many runs there are, what is forgotten are few. */
static void test_many_runs(void)
{
	static struct page_run runs[500];
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	uint64_t times = 0;
	struct page_shrunk shrunk = {.forget = count, .context = &times};
	for (uint64_t i = 0; i < ARRAY_SIZE(runs); i++)
		runs[i] = (struct page_run){FAR + i * PAGE, PAGE, POOL + 2 * i * PAGE, GUEST_READ};
	CHECK_NUMBER(page_space_make(&area, 1, runs, 0, ARRAY_SIZE(runs), &shrunk), 0);
	page_shrunk_flush(&shrunk);
	CHECK(times && times < 50);
	area.deadline_ns = 1; /* is over */
	CHECK_NUMBER(page_space_make(&area, 2, begin, 2, 1, &shrunk), -ETIMEDOUT);
	CHECK(!page_space_is_there(image.memory, 2) && is_sound(&image));
}

/* Accessed bits are taken from the pages of all spaces, and given back. */
static void test_accessed(void)
{
	static const uint64_t places[] = {PROGRAM, GUEST_STACK_TOP - PAGE, PART(1) + PAGE, FAR};
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	CHECK_NUMBER(make(&area, 1), 0);
	const uint64_t root = page_spaces_of(image.memory)->roots[1];
	for (int round = 0; round < 2; round++) {
		if (!round)
			accessed_pages_forget(image.memory);
		else
			accessed_pages_find(image.memory, &image, NULL, NULL);
		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			CHECK_NUMBER(*page_find_leaf_below(image.memory, root, places[i]) &
					 ENTRY_ACCESSED,
				     round ? ENTRY_ACCESSED : 0);
		CHECK_NUMBER(*page_find_home(image.memory, POOL) & ENTRY_ACCESSED,
			     round ? ENTRY_ACCESSED : 0);
	}
}

/* ── from outside ────────────────────────────────────────────────────────────────────────────── */

struct change {
	uint64_t *entry, value;
};

static void test_check(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_image(&image, &area))
		return;
	CHECK_NUMBER(make(&area, 1), 0);
	CHECK_NUMBER(page_space_make(&area, 2, begin, 1, 0, NULL), 0);
	CHECK_NUMBER(page_space_make(&area, 3, begin, 2, 0, NULL), 0);
	CHECK_NUMBER(page_space_drop(&area, 3), 0);
	CHECK(is_sound(&image));
	struct page_spaces *spaces = page_spaces_of(image.memory);
	const uint8_t *memory = image.memory;
	uint64_t *first = (uint64_t *)(memory + spaces->roots[0]);
	uint64_t *root = (uint64_t *)(memory + spaces->roots[1]);
	uint64_t *other = (uint64_t *)(memory + spaces->roots[2]);
	uint64_t *dead = (uint64_t *)(memory + spaces->roots[3]);
	uint64_t *upper = page_table_below(memory, root[PAGE_POOL_ENTRY]);
	uint64_t *directory = page_table_below(memory, upper[0]), *own = directory + PAGE_ENTRIES;
	uint64_t *other_upper = page_table_below(memory, other[PAGE_POOL_ENTRY]);
	uint64_t *other_directory = page_table_below(memory, other_upper[0]);
	uint64_t *dead_upper = page_table_below(memory, dead[PAGE_POOL_ENTRY]);
	uint64_t *dead_directory = page_table_below(memory, dead_upper[0]);
	uint64_t *dead_leaf = page_table_below(memory, dead_directory[1]);
	uint64_t *first_upper = page_table_below(memory, first[PAGE_POOL_ENTRY]);
	uint64_t *program = page_find_leaf_below(memory, spaces->roots[1], PROGRAM);
	uint64_t *moved = page_find_leaf_below(memory, spaces->roots[1], PART(1) + PAGE);
	uint64_t *shown = page_find_leaf_below(memory, spaces->roots[1], FAR);
	uint64_t *home = page_find_home(memory, PART(2) + 8 * PAGE);
	const uint64_t spare = area.next_table | ENTRY_TABLE, window = GUEST_WINDOW_BASE >> 39;
	const struct change bad[] = {
	    {&spaces->current, 3},
	    {&spaces->current, 63},
	    {&spaces->current, 64},
	    {&spaces->current, UINT64_MAX},
	    {&spaces->living, 6},	      /* without the first */
	    {&spaces->living, 1UL << 63 | 7}, /* one that has no tables */
	    {&spaces->roots[0], spaces->roots[1]},
	    {&spaces->roots[0], 0},
	    {&spaces->roots[1], spaces->roots[0]},
	    {&spaces->roots[1], spaces->roots[2]},
	    {&spaces->roots[1], 0},
	    {&spaces->roots[1], spaces->roots[1] + 8},
	    {&spaces->roots[1], PAGE_SPACES},
	    {&spaces->roots[1], 0x1000},		  /* the system pages */
	    {&spaces->roots[1], image.regions[0].offset}, /* what the program may write */
	    {&spaces->roots[1], PAGE_WINDOW_PHYSICAL},
	    {&spaces->roots[1], UINT64_MAX & ~(PAGE - 1)},
	    {(uint64_t *)(spaces + 1), 1},
	    {(uint64_t *)((uint8_t *)spaces + PAGE) - 1, 1},
	    /* what all spaces have, had otherwise */
	    {&root[window], 0},
	    {&root[window], root[GUEST_LIBOS_BASE >> 39]},
	    {&root[window], root[0]},
	    {&root[window], spare},
	    {&root[window], first[window] & ~ENTRY_USER},
	    {&root[GUEST_SYSTEM_BASE >> 39], root[window]},
	    {&root[GUEST_SYSTEM_BASE >> 39], 0},
	    {&root[GUEST_FILES_BASE >> 39], spare},
	    {&root[PAGE_ENTRIES - 1], spare},
	    {&root[PAGE_PROGRAM_ENTRIES], spare},
	    /* the first one's tables, another's, or none at all */
	    {&root[0], first[0]},
	    {&root[0], other[PAGE_POOL_ENTRY]},
	    {&root[1], root[0]},
	    {&root[1], first[window]},
	    {&root[1], first[GUEST_SYSTEM_BASE >> 39]},
	    {&root[0], root[0] & ~ENTRY_PRESENT},
	    {&root[0], root[0] | ENTRY_LARGE},
	    {&root[1], 2},
	    {&root[1], UINT64_MAX},
	    {&root[PAGE_POOL_ENTRY], first[PAGE_POOL_ENTRY]},
	    {&root[PAGE_POOL_ENTRY], other[PAGE_POOL_ENTRY]},
	    {&root[PAGE_POOL_ENTRY], 0},
	    {&root[PAGE_POOL_ENTRY], root[PAGE_POOL_ENTRY] | ENTRY_LARGE},
	    {&upper[0], first_upper[0]},
	    {&upper[0], other_upper[0]},
	    {&upper[0], 0},
	    {&upper[0], upper[0] | ENTRY_LARGE},
	    {&upper[0], upper[0] & ~ENTRY_PRESENT},
	    {&upper[1], spare},
	    {&directory[0], directory[2]},
	    {&directory[0], 0},
	    {&directory[0], spare},
	    {&directory[2], own[1]},
	    {&directory[1], directory[1] | ENTRY_LARGE},
	    {&directory[1], directory[1] & ~ENTRY_USER},
	    {&directory[1], other_directory[1]},
	    {&directory[1], 0},
	    {&directory[5], spare},
	    {&directory[5], 2},
	    {&own[1], 0},
	    {&own[1], own[3]},
	    {&own[1], own[1] | ENTRY_WANTED},
	    {&own[1], own[1] | ENTRY_LARGE},
	    {&own[1], own[1] & ~ENTRY_PRESENT},
	    {&own[2], directory[2]},
	    {&own[2], spaces->roots[1] | ENTRY_TABLE},
	    {&own[5], 2},
	    /* pages */
	    {program, *program & ~ENTRY_AREA},
	    {program, *program & ~ENTRY_MAPPED},
	    {program, *program & ~ENTRY_USER},
	    {program, *program & ~ENTRY_SHARED},
	    {program, *program | ENTRY_LARGE},
	    {program, ENTRY_MOVED},
	    {program, image.regions[0].offset | page_leaf_bits(GUEST_READ)},
	    {program, page_leaf_bits(READ_WRITE) | ENTRY_AREA}, /* the system pages */
	    {program, PAGE_SPACES | page_leaf_bits(READ_WRITE) | ENTRY_AREA},
	    {program, PAGE_SPACES | page_leaf_bits(READ_WRITE) | ENTRY_AREA | ENTRY_SHARED},
	    {program, PAGE_WINDOW_PHYSICAL | page_leaf_bits(READ_WRITE) | ENTRY_AREA},
	    {program, *moved},			/* at two places */
	    {program, (*moved | ENTRY_SHARED)}, /* moved, and shared */
	    {moved, *moved | ENTRY_SHARED},
	    {moved, *moved + 5 * PAGE}, /* that page is at home */
	    {moved, 0x7000 | page_leaf_bits(READ_WRITE) | ENTRY_AREA},
	    {home, ENTRY_MOVED | 1},
	    {shown, *shown | ENTRY_WRITABLE},
	    {shown, *shown + 8 * PAGE},
	    {page_find_leaf_below(memory, spaces->roots[1], PROGRAM) + 100, 1},
	    {dead_leaf, *shown},
	    {dead_leaf, ENTRY_MOVED},
	    {dead_leaf, ENTRY_LEFT}, /* what is forgotten must be the guest's */
	    {dead_leaf, ENTRY_LEFT | PAGE_SPACES},
	    {dead_leaf, ENTRY_LEFT | PAGE_WINDOW_PHYSICAL},
	    {dead_leaf, ENTRY_LEFT | (PAGE_ROOT_PHYSICAL + 8 * PAGE)},
	    {dead_leaf, ENTRY_LEFT | ENTRY_ADDRESS},
	    {dead_leaf, ENTRY_LEFT | (*moved & ENTRY_ADDRESS) | ENTRY_PRESENT},
	    {dead_leaf, ENTRY_LEFT | (*moved & ENTRY_ADDRESS) | ENTRY_AREA},
	    {program, ENTRY_LEFT | (*moved & ENTRY_ADDRESS)},
	    {home, ENTRY_LEFT | (*home & ENTRY_ADDRESS)},
	    {&dead[0], spare | ENTRY_LARGE},
	    {(uint64_t *)(image.memory + area.next_table + PAGE), 1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const uint64_t before = *bad[i].entry;
		*bad[i].entry = bad[i].value;
		if (!CHECK(!is_sound(&image)))
			fprintf(stderr, "  change %zu\n", i);
		*bad[i].entry = before;
	}
	const struct change good[] = {
	    {&spaces->current, 2},
	    {&spaces->living, 1UL << 3 | 7},
	    {&root[window], first[window] & ~ENTRY_ACCESSED},
	    {&root[0], root[0] & ~ENTRY_ACCESSED},
	    {&directory[1], directory[1] & ~ENTRY_ACCESSED},
	    {&directory[2], directory[2] & ~ENTRY_ACCESSED},
	    {program, *program & ~(ENTRY_ACCESSED | ENTRY_NO_EXECUTE)},
	    {shown, *shown & ~ENTRY_NO_EXECUTE},
	    {shown, 0},
	    {dead_leaf, ENTRY_LEFT | ENTRY_WRITABLE | (*moved & ENTRY_ADDRESS)},
	    {dead_leaf, ENTRY_LEFT | ENTRY_NO_EXECUTE | (*shown & ENTRY_ADDRESS)},
	    {&dead_directory[1], page_table_below(memory, first_upper[0])[1]},
	};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const uint64_t before = *good[i].entry;
		*good[i].entry = good[i].value;
		if (!CHECK(is_sound(&image)))
			fprintf(stderr, "  good change %zu\n", i);
		*good[i].entry = before;
	}
}

/* ── images whose pool is not as ours ────────────────────────────────────────────────────────── */

/* As open_image(), with a pool that begins there. */
static bool open_with_pool(struct image *image, struct page_area *area, uint64_t address,
			   uint64_t length)
{
	struct error error = {0};
	int result = image_create_with_root(image, length + 16 * PAGE, -1, 8 * PAGE, &error);
	if (!result)
		result = image_map(image, PROGRAM, PAGE, GUEST_READ | GUEST_EXECUTE, &error);
	if (!result)
		result = image_map(image, address, length, READ_WRITE, &error);
	if (!result)
		result = page_tables_build(image, NULL, &error);
	*area = (struct page_area){.image = image, .memory = image->memory};
	return CHECK_NUMBER(result, 0);
}

/* A region that reaches into the pool from below: its upper tables are the first space's, and what lies
 * behind them is no list of own tables. MAKE would write there. */
static void test_pool_begins_elsewhere(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	const uint64_t begin_at = POOL - 2 * GUEST_SPACE_OWN_SIZE;
	if (!open_with_pool(&image, &area, begin_at, POOL_SIZE))
		return;
	uint64_t *leaf = page_find_home(image.memory, begin_at + 511 * PAGE);
	*leaf = 0;
	CHECK(!is_sound(&image));
}

/* The first space has not the directories that others are made from. */
static void test_pool_without_tables(void)
{
	cleanup(image_release) struct image image;
	struct page_area area;
	if (!open_with_pool(&image, &area, POOL, POOL_SIZE))
		return;
	uint64_t *root = (uint64_t *)(image.memory + PAGE_TABLES_ROOT);
	uint64_t *upper = page_table_below(image.memory, root[PAGE_POOL_ENTRY]);
	uint64_t *directory = page_table_below(image.memory, upper[0]);
	for (size_t i = 0; i < PAGE_ENTRIES; i++)
		if (directory[i])
			memset(page_table_below(image.memory, directory[i]), 0, PAGE);
	memset(directory, 0, PAGE);
	upper[0] = 0;
	CHECK(!is_sound(&image));
}

int main(void)
{
	test_making();
	test_refusals();
	test_made_again();
	test_forgetting();
	test_tables_run_out();
	test_restoring();
	test_many_runs();
	test_accessed();
	test_check();
	test_pool_begins_elsewhere();
	test_pool_without_tables();
	return check_status();
}
