/* The machine that a guest sees: page tables say what the regions say, walked here as the processor
 * walks them (SDM 3A, 4.5). */
#include <errno.h>

#include "check.h"
#include "monitor/kvm/x86_64/vcpu.h"
#include "monitor/memory/page_area.h"
#include "monitor/memory/page_tables.h"
#include "monitor/x86_64/page_entries.h"
#include "monitor/x86_64/system_pages.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define PAGE	   GUEST_PAGE_SIZE
#define PRESENT	   (1UL << 0)
#define WRITABLE   (1UL << 1)
#define USER	   (1UL << 2)
#define ACCESSED   (1UL << 5)
#define DIRTY	   (1UL << 6)
#define LARGE	   (1UL << 7)
#define MAPPED	   (1UL << 9)
#define NO_EXECUTE (1UL << 63)
#define ADDRESS	   0x000ffffffffff000UL

static uint64_t walk(const struct image *image, uint64_t cr3, uint64_t address)
{
	uint64_t entry = cr3 | PRESENT;
	for (int shift = 39; shift >= 12; shift -= 9) {
		if (!(entry & PRESENT))
			return 0;
		if (shift == 12 && entry & LARGE)
			return entry;
		const uint64_t *table = (const uint64_t *)(image->memory + (entry & ADDRESS));
		entry = table[address >> shift & 511];
	}
	return entry;
}

/* The entry for the 2 MiB at `address`; its neighbours follow. */
static uint64_t *find_directory(const struct image *image, uint64_t address)
{
	uint64_t *table = (uint64_t *)(image->memory + image->page_tables);
	for (int shift = 39; shift > 21; shift -= 9)
		table = (uint64_t *)(image->memory + (table[address >> shift & 511] & ADDRESS));
	return &table[address >> 21 & 511];
}

static int open_image(struct image *image)
{
	struct error error = {0};
	int result = image_create(image, 1024 * PAGE, &error);
	if (!result)
		result = image_map(image, 0x400000, 2 * PAGE, GUEST_READ | GUEST_EXECUTE, &error);
	if (!result)
		result = image_map(image, 0x402000, PAGE, GUEST_READ, &error);
	/* Across the end of what one table covers (2 MiB) and one directory (1 GiB). */
	if (!result)
		result = image_map(image, 0x3ffff000, 600 * PAGE, GUEST_READ | GUEST_WRITE, &error);
	if (!result)
		result = page_tables_build(image, NULL, &error);
	if (result)
		fprintf(stderr, "%s\n", error.text);
	return result;
}

static void test_page_tables(void)
{
	cleanup(image_release) struct image image;
	if (!CHECK_NUMBER(open_image(&image), 0))
		return;
	struct kvm_sregs registers;
	memset(&registers, 0, sizeof(registers));
	vcpu_system_registers(&registers);
	const uint64_t cr3 = registers.cr3;
	for (size_t r = 0; r < image.region_count; r++) {
		const struct image_region *region = &image.regions[r];
		for (uint64_t at = 0; at < region->length; at += PAGE) {
			uint64_t entry = walk(&image, cr3, region->address + at);
			bool writable = region->protection & GUEST_WRITE;
			bool executable = region->protection & GUEST_EXECUTE;
			CHECK((entry & (PRESENT | USER | ACCESSED)) == (PRESENT | USER | ACCESSED));
			CHECK_NUMBER(entry & ADDRESS, region->offset + at);
			CHECK(!(entry & WRITABLE) == !writable && !(entry & DIRTY) == !writable);
			CHECK(!(entry & NO_EXECUTE) == executable);
		}
	}
	/* Nothing at null, around regions, or behind the window. */
	const uint64_t absent[] = {0,
				   PAGE,
				   0x3ff000,
				   0x403000,
				   0x3fffe000,
				   0x3ffff000 + 600 * PAGE,
				   GUEST_WINDOW_BASE - PAGE,
				   GUEST_WINDOW_BASE + WINDOW_SIZE};
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		CHECK(!(walk(&image, cr3, absent[i]) & PRESENT));
	/* The window lies in a memory slot of its own, whole and never executable. */
	for (uint64_t at = 0; at < WINDOW_SIZE; at += PAGE) {
		uint64_t entry = walk(&image, cr3, GUEST_WINDOW_BASE + at);
		CHECK((entry & ADDRESS) == PAGE_WINDOW_PHYSICAL + at);
		CHECK((entry & (WRITABLE | USER)) == (WRITABLE | USER) && (entry & NO_EXECUTE));
	}
	uint64_t hypercall = walk(&image, cr3, GUEST_HYPERCALL);
	CHECK((hypercall & USER) && !(hypercall & WRITABLE) && !(hypercall & NO_EXECUTE));
	CHECK(walk(&image, cr3, GUEST_SYSTEM_BASE) & PRESENT);
	CHECK(!(walk(&image, cr3, GUEST_SYSTEM_BASE) & USER));
}

struct forgotten {
	size_t calls;
	uint64_t start, length; /* of the last one */
};

static void note_forgotten(void *context, uint64_t physical, uint64_t length)
{
	struct forgotten *forgotten = context;
	forgotten->calls++;
	forgotten->start = physical;
	forgotten->length = length;
}

static void test_protect(void)
{
	cleanup(image_release) struct image image;
	struct forgotten forgotten = {0};
	struct page_shrunk shrunk = {.forget = note_forgotten, .context = &forgotten};
	uint32_t protection;
	if (!CHECK_NUMBER(open_image(&image), 0))
		return;
	const uint64_t start = 0x3ffff000, end = start + 600 * PAGE, middle = start + 300 * PAGE;
	CHECK_NUMBER(page_tables_protection_run(image.memory, start, end, &protection), end);
	CHECK_NUMBER(protection, GUEST_READ | GUEST_WRITE);

	/* Fewer rights are reported, neighbours together; more and equal ones not. */
	CHECK_NUMBER(page_tables_protect(image.memory, middle, 2 * PAGE, GUEST_READ, &shrunk), 0);
	CHECK_NUMBER(forgotten.calls, 1);
	CHECK_NUMBER(forgotten.start, image.regions[2].offset + 300 * PAGE);
	CHECK_NUMBER(forgotten.length, 2 * PAGE);
	CHECK_NUMBER(page_tables_protect(image.memory, middle, 2 * PAGE, GUEST_READ, &shrunk), 0);
	CHECK_NUMBER(
	    page_tables_protect(image.memory, middle, PAGE, GUEST_READ | GUEST_EXECUTE, &shrunk),
	    0);
	CHECK_NUMBER(forgotten.calls, 1);
	CHECK_NUMBER(page_tables_protect(image.memory, middle, PAGE, 0, NULL), 0);

	CHECK_NUMBER(page_tables_protection_run(image.memory, start, end, &protection), middle);
	CHECK_NUMBER(protection, GUEST_READ | GUEST_WRITE);
	CHECK_NUMBER(page_tables_protection_run(image.memory, middle, end, &protection),
		     middle + PAGE);
	CHECK_NUMBER(protection, 0);
	CHECK_NUMBER(page_tables_protection_run(image.memory, middle + PAGE, end, &protection),
		     middle + 2 * PAGE);
	CHECK_NUMBER(protection, GUEST_READ);
	CHECK_NUMBER(page_tables_protection_run(image.memory, middle + 2 * PAGE, end, &protection),
		     end);

	/* A page that lost all rights is still the guest's, and gets them back. */
	CHECK_NUMBER(
	    page_tables_protect(image.memory, middle, 2 * PAGE, GUEST_READ | GUEST_WRITE, &shrunk),
	    0);
	CHECK_NUMBER(forgotten.calls, 1);
	CHECK_NUMBER(page_tables_protection_run(image.memory, start, end, &protection), end);

	CHECK_NUMBER(page_tables_protect(image.memory, 0x403000, PAGE, GUEST_READ, &shrunk),
		     -ENOMEM);
	CHECK_NUMBER(page_tables_protect(image.memory, 0x7000000000, PAGE, GUEST_READ, &shrunk),
		     -ENOMEM);
}

/* Runs that meet are forgotten together, in whatever order they come; many runs with all between. */
static void test_neighbours(void)
{
	struct forgotten forgotten = {0};
	struct page_shrunk shrunk = {.forget = note_forgotten, .context = &forgotten};
	for (uint64_t run = 100; run-- > 0;)
		for (uint64_t i = 0; i < 3; i++)
			page_shrunk_note(&shrunk, (5 + run * 3 + i) * PAGE);
	page_shrunk_note(&shrunk, PAGE_ROOT_PHYSICAL);
	page_shrunk_flush(&shrunk);
	CHECK_NUMBER(forgotten.calls, 2);
	CHECK(forgotten.start == PAGE_ROOT_PHYSICAL && forgotten.length == PAGE);

	for (uint64_t i = 0; i < 1000; i++)
		page_shrunk_note(&shrunk, (5 + i * 389 % 1000 * 2) * PAGE);
	page_shrunk_flush(&shrunk);
	CHECK(forgotten.calls <= 2 + PAGE_HULLS_MAX);
	page_shrunk_flush(&shrunk);
	CHECK(forgotten.calls <= 2 + PAGE_HULLS_MAX);
}

/* Does going from entry `before` to `after` take rights away? */
static bool shrinks(uint64_t before, uint64_t after)
{
	uint64_t table[PAGE / sizeof(uint64_t)] = {[7] = before};
	const uint64_t original[PAGE / sizeof(uint64_t)] = {[7] = after};
	struct forgotten forgotten = {0};
	struct page_shrunk shrunk = {.forget = note_forgotten, .context = &forgotten};
	page_tables_restore((uint8_t *)table, (const uint8_t *)original, 0, &shrunk);
	CHECK_NUMBER(forgotten.calls, 0); /* they wait for neighbours */
	page_shrunk_flush(&shrunk);
	CHECK_NUMBER(table[7], after);
	if (forgotten.calls)
		CHECK(forgotten.start == 0x5000 && forgotten.length == PAGE);
	return forgotten.calls;
}

static void test_shrinks(void)
{
	const uint64_t page = 0x5000 | PRESENT | USER | WRITABLE | MAPPED;
	CHECK(!shrinks(0, page));
	CHECK(!shrinks(page, page));
	CHECK(shrinks(page, 0));
	CHECK(shrinks(page, page & ~WRITABLE));
	CHECK(!shrinks(page & ~WRITABLE, page));
	CHECK(shrinks(page, page | NO_EXECUTE));
	CHECK(!shrinks(page | NO_EXECUTE, page));
	CHECK(shrinks(page, page + 0x1000));
	CHECK(shrinks(page | NO_EXECUTE, 0));
}

/* A table that was added stays. Where one was exchanged, no page can say what must be forgotten. */
static void test_restored_tables(void)
{
	uint64_t table[PAGE / sizeof(uint64_t)] = {0x5000 | PRESENT | USER | WRITABLE,
						   0x6000 | PRESENT | USER | WRITABLE};
	const uint64_t original[PAGE / sizeof(uint64_t)] = {[1] = table[1]};
	const uint64_t other[PAGE / sizeof(uint64_t)] = {[1] = table[1] + 0x1000};
	struct page_shrunk shrunk = {0};
	page_tables_restore((uint8_t *)table, (const uint8_t *)original, 0, &shrunk);
	CHECK(!shrunk.tables);
	CHECK_NUMBER(table[0], 0x5000 | PRESENT | USER | WRITABLE);
	page_tables_restore((uint8_t *)table, (const uint8_t *)other, 0, &shrunk);
	CHECK(shrunk.tables);
	CHECK_NUMBER(table[1], other[1]);
}

/* A frame is believed only where the exception stubs' stack is. */
static void test_exception_frame(void)
{
	cleanup(image_release) struct image image;
	if (!CHECK_NUMBER(open_image(&image), 0))
		return;
	const uint64_t top = 0x5000;
	uint64_t frame[6] = {7, 0x401234, 0x33, 0x3202, 0x6b0000000000, 0x2b};
	memcpy(image.memory + top - sizeof(frame), frame, sizeof(frame));
	struct guest_fault fault = {.vector = 14};
	system_pages_read_frame(image.memory, image.size, GUEST_SYSTEM_BASE + top - sizeof(frame),
				&fault);
	CHECK_NUMBER(fault.error_code, 7);
	CHECK_NUMBER(fault.rip, 0x401234);
	CHECK_NUMBER(fault.rflags, 0x3202);
	CHECK_NUMBER(fault.rsp, 0x6b0000000000);

	fault = (struct guest_fault){.vector = 6};
	system_pages_read_frame(image.memory, image.size, GUEST_SYSTEM_BASE + top - 5 * 8UL,
				&fault);
	CHECK_NUMBER(fault.error_code, 0);
	CHECK_NUMBER(fault.rip, 0x401234);

	const uint64_t wrong[] = {0, GUEST_SYSTEM_BASE, GUEST_SYSTEM_BASE + top,
				  GUEST_SYSTEM_BASE + top - 8, UINT64_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		fault = (struct guest_fault){.rip = 1};
		system_pages_read_frame(image.memory, image.size, wrong[i], &fault);
		CHECK_NUMBER(fault.rip, 1);
	}
}

/* An image whose regions need more tables than there is room for is refused, not overrun. */
static void test_tables_full(void)
{
	struct error error = {0};
	cleanup(image_release) struct image image;
	CHECK_NUMBER(image_create(&image, PAGE, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x400000, PAGE, GUEST_READ, &error), 0);
	image.page_tables_size = 3 * PAGE;
	CHECK_NUMBER(page_tables_build(&image, NULL, &error), -ENOMEM);
}

/* The root image is there in large pages, and what is left of it in small ones. */
static void test_large_pages(void)
{
	struct error error = {0};
	cleanup(image_release) struct image image;
	const uint64_t size = 3 * IMAGE_LARGE_PAGE + 2 * PAGE;
	CHECK_NUMBER(image_create_with_root(&image, PAGE, -1, size, &error), 0);
	CHECK_NUMBER(image_map(&image, GUEST_POOL_BASE, PAGE, GUEST_READ | GUEST_WRITE, &error), 0);
	if (!CHECK_NUMBER(page_tables_build(&image, NULL, &error), 0))
		return;
	const uint64_t cr3 = image.page_tables;
	for (uint64_t at = 0; at < size; at += PAGE) {
		uint64_t entry = walk(&image, cr3, GUEST_ROOT_BASE + at);
		CHECK((entry & (PRESENT | USER | NO_EXECUTE)) == (PRESENT | USER | NO_EXECUTE));
		CHECK(!(entry & WRITABLE));
		CHECK(!(entry & LARGE) == (at >= 3 * IMAGE_LARGE_PAGE));
		CHECK_NUMBER((entry & ADDRESS) + (entry & LARGE ? at % IMAGE_LARGE_PAGE : 0),
			     PAGE_ROOT_PHYSICAL + at);
	}
	CHECK(!walk(&image, cr3, GUEST_ROOT_BASE + size));
	CHECK(!page_find_leaf(image.memory, GUEST_ROOT_BASE));
	CHECK(page_find_leaf(image.memory, GUEST_ROOT_BASE + 3 * IMAGE_LARGE_PAGE));

	/* Tables for the mapping area lie behind those, and take none of them. */
	struct page_area area = {.image = &image, .memory = image.memory};
	struct page_run run = {.address = GUEST_AREA_BASE,
			       .length = size,
			       .source = GUEST_ROOT_BASE,
			       .protection = GUEST_READ};
	CHECK_NUMBER(page_area_map(&area, &run, NULL), 0);
	CHECK(page_area_find(&area, GUEST_AREA_BASE, GUEST_AREA_END, &run));
	CHECK_NUMBER(run.length, size);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	CHECK_NUMBER(page_tables_protect(image.memory, GUEST_ROOT_BASE, PAGE, GUEST_READ, NULL),
		     -ENOMEM);
}

/* Large pages from outside: the root image's own, or refused. */
static void test_check_of_large_pages(void)
{
	struct error error = {0};
	cleanup(image_release) struct image image;
	const uint64_t size = 2 * IMAGE_LARGE_PAGE + PAGE;
	CHECK_NUMBER(image_create_with_root(&image, PAGE, -1, size, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x400000, PAGE, GUEST_READ, &error), 0);
	if (!CHECK_NUMBER(page_tables_build(&image, NULL, &error), 0))
		return;
	uint64_t *root = find_directory(&image, GUEST_ROOT_BASE);
	uint64_t *program = find_directory(&image, 0x400000);
	const uint64_t large = root[0], table = root[2];
	const struct {
		uint64_t *entry, value;
		int verdict;
	} changes[] = {
	    {&root[0], large, 0},
	    {&root[0], large & ~ACCESSED, 0},
	    {&root[0], 0, 0},
	    {&root[0], large | WRITABLE, -EBADMSG},
	    {&root[0], large | DIRTY, -EBADMSG},
	    {&root[0], large & ~NO_EXECUTE, -EBADMSG},
	    {&root[0], large & ~USER, -EBADMSG},
	    {&root[0], large & ~MAPPED, -EBADMSG},
	    {&root[0], large | PAGE, -EBADMSG}, /* a bit of the page's caching */
	    {&root[0], large | 1UL << 8, -EBADMSG},
	    {&root[0], root[1], -EBADMSG},		      /* another page of it */
	    {&root[0], large - PAGE_ROOT_PHYSICAL, -EBADMSG}, /* the tables themselves */
	    {&root[2], root[1] + IMAGE_LARGE_PAGE, -EBADMSG}, /* reaches behind its end */
	    {&root[2], table | LARGE, -EBADMSG},
	    {&root[3], root[1] + 2 * IMAGE_LARGE_PAGE, -EBADMSG},
	    {&program[2], large, -EBADMSG}, /* where the program is */
	    {&program[2], (large | WRITABLE) - PAGE_ROOT_PHYSICAL, -EBADMSG},
	};
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		uint64_t before = *changes[i].entry;
		*changes[i].entry = changes[i].value;
		if (!CHECK_NUMBER(page_tables_check(&image, NULL, &error), changes[i].verdict))
			fprintf(stderr, "  change %zu\n", i);
		*changes[i].entry = before;
	}
	/* No other level has large pages. */
	uint64_t *upper = (uint64_t *)(image.memory + image.page_tables);
	upper[GUEST_ROOT_BASE >> 39 & 511] |= LARGE;
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
}

/* Tables from outside may show the root image where it belongs, to be read. */
static void test_check_of_root(void)
{
	struct error error = {0};
	cleanup(image_release) struct image image;
	CHECK_NUMBER(image_create_with_root(&image, PAGE, -1, 2 * PAGE, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x400000, PAGE, GUEST_READ, &error), 0);
	CHECK_NUMBER(page_tables_build(&image, NULL, &error), 0);
	uint64_t *table = NULL, entry = image.page_tables | PRESENT;
	for (int shift = 39; shift >= 12; shift -= 9) {
		table = (uint64_t *)(image.memory + (entry & ADDRESS));
		entry = table[GUEST_ROOT_BASE >> shift & 511];
	}
	if (!CHECK_NUMBER(table[0] & ADDRESS, PAGE_ROOT_PHYSICAL))
		return;
	const struct {
		uint64_t place, entry;
		int verdict;
	} changes[] = {
	    {0, table[0], 0},
	    {0, 0, 0},
	    {0, table[0] | WRITABLE, -EBADMSG},
	    {0, table[0] & ~NO_EXECUTE, -EBADMSG},
	    {0, table[0] & ~USER, -EBADMSG},
	    {0, table[0] + PAGE, -EBADMSG},		  /* another page of it */
	    {0, table[0] - PAGE_ROOT_PHYSICAL, -EBADMSG}, /* a descriptor table */
	    {2, table[1] + PAGE, -EBADMSG},		  /* behind its end */
	};
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		uint64_t before = table[changes[i].place];
		table[changes[i].place] = changes[i].entry;
		CHECK_NUMBER(page_tables_check(&image, NULL, &error), changes[i].verdict);
		table[changes[i].place] = before;
	}
	/* The same page in the mapping area, where it may be executed as well. */
	struct page_area area = {.image = &image, .memory = image.memory};
	const struct page_run run = {.address = GUEST_AREA_BASE,
				     .length = PAGE,
				     .source = GUEST_ROOT_BASE,
				     .protection = GUEST_READ | GUEST_EXECUTE};
	CHECK_NUMBER(page_area_map(&area, &run, NULL), 0);
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), 0);
	uint64_t *shown = page_find_leaf(image.memory, GUEST_AREA_BASE);
	*shown += 2 * PAGE;
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
	*shown = (*shown - 2 * PAGE) | WRITABLE | NO_EXECUTE;
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
	*shown = 0;
	image.root_size = 0;
	CHECK_NUMBER(page_tables_check(&image, NULL, &error), -EBADMSG);
}

int main(void)
{
	test_page_tables();
	test_protect();
	test_neighbours();
	test_shrinks();
	test_restored_tables();
	test_exception_frame();
	test_tables_full();
	test_large_pages();
	test_check_of_large_pages();
	test_check_of_root();
	return check_status();
}
