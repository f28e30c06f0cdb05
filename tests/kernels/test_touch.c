/* Pages of a kernel that are touched before its request comes: those that the first request of a snapshot
 * used, whatever stands in a list of them and in the page tables, and nothing of it is left. */
#include <stdlib.h>

#include "check.h"
#include "kernels/rig.h"
#include "monitor/memory/working_set.h"
#include "monitor/memory/written_pages.h"
#include "monitor/x86_64/page_entries.h"
#include "sizes/sizes.h"

#define CLONES 5
#define ROUNDS 4

static struct working_set working_set;

/* A kernel that counts in memory and registers, frozen behind its second report. */
static bool freeze(struct kernel_rig *rig)
{
	struct error error = {0};
	working_set = (struct working_set){0};
	if (!rig_open(rig, kernel_count) || !rig_create(rig, false))
		return false;
	CHECK_NUMBER(rig_report(rig, MACHINE_START), 0x010101);
	CHECK_REPORT(rig, 0x020202);
	CHECK_NUMBER(isolation_kvm.save(rig->machine, &rig->state, &error), 0);
	rig_destroy(rig);
	rig->image.working_set = &working_set;
	return true;
}

static void serve(struct kernel_rig *rig)
{
	CHECK_NUMBER(rig_report(rig, MACHINE_RESUME), 0x030303);
	CHECK_REPORT(rig, 0x040404);
	rig_reset(rig);
}

static uint8_t *memory_of(const struct kernel_rig *rig)
{
	return isolation_kvm.memory(rig->machine, 0, 1);
}

/* What the machine has in its own mapping of memory, as one bit for each page. */
static void find_present(const struct kernel_rig *rig, bool *present)
{
	struct written_pages pages;
	struct written_range ranges[64];
	const uint64_t start = (uintptr_t)memory_of(rig), end = start + RIG_MEMORY;
	if (!CHECK_NUMBER(written_pages_open(&pages, NULL), 0))
		return;
	for (uint64_t next = start; next < end;) {
		const int count =
		    written_pages_find_present(&pages, next, end, ranges, 64, &next, NULL);
		if (!CHECK(count >= 0))
			break;
		for (int i = 0; i < count; i++)
			for (uint64_t at = ranges[i].start; at < ranges[i].end;
			     at += GUEST_PAGE_SIZE)
				present[(at - start) / GUEST_PAGE_SIZE] = true;
	}
	written_pages_close(&pages);
}

static bool has_address(const uint64_t *addresses, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (addresses[i] == address)
			return true;
	return false;
}

/* The monitor's pages behind the guest's memory are as the image has them. */
static void check_nothing_left(const struct kernel_rig *rig)
{
	CHECK(
	    !memcmp(memory_of(rig) + RIG_MEMORY, rig->image.memory + RIG_MEMORY, KERNEL_OWN_SIZE));
}

static void test_learned(bool is_ring0)
{
	struct kernel_rig rig;
	size_t count;
	if (freeze(&rig) && rig_create(&rig, true)) {
		working_set_touched(&working_set, &count);
		CHECK_NUMBER(count, 0);
		serve(&rig);
		const uint64_t *touched = working_set_touched(&working_set, &count);
		CHECK((count == 0) == is_ring0);
		CHECK(is_ring0 || has_address(touched, count, KERNEL_DATA));
		CHECK(is_ring0 ||
		      has_address(touched, count,
				  round_down(rig_address(kernel_count), GUEST_PAGE_SIZE)));
		CHECK(!has_address(touched, count, KERNEL_READ_ONLY)); /* not used */
		serve(&rig);
		for (int clone = 0; clone < CLONES; clone++) {
			static bool present[RIG_MEMORY / GUEST_PAGE_SIZE];
			memset(present, 0, sizeof(present));
			rig_destroy(&rig);
			if (!rig_create(&rig, true))
				break;
			find_present(&rig, present);
			for (size_t i = 0; i < count; i++)
				CHECK(present[touched[i] / GUEST_PAGE_SIZE]);
			check_nothing_left(&rig);
			for (int round = 0; round < ROUNDS; round++)
				serve(&rig);
		}
	}
	rig_close(&rig);
}

/* A list of `count` addresses, over and over, as if it had been learned. */
static void give(const uint64_t *addresses, size_t count, size_t length)
{
	CHECK(working_set_begin(&working_set));
	working_set_finish(&working_set);
	CHECK(working_set_begin_touched(&working_set));
	for (size_t i = 0; i < length; i++)
		working_set_add_touched(&working_set, addresses[i % count]);
	working_set_finish_touched(&working_set);
}

/* Lists are made by requests, which may be hostile. */
static void test_wild_lists(void)
{
	static const uint64_t wild[] = {
	    KERNEL_NOWHERE,	KERNEL_DEVICE, RIG_MEMORY,  RIG_MEMORY - 1,
	    1UL << 63,		1UL << 47,     255UL << 39, (255UL << 39) + 0x1000,
	    0xffff800000000000, ~0xfffUL,      UINT64_MAX,  KERNEL_CODE + 0xfff,
	    KERNEL_READ_ONLY,	KERNEL_DATA,   KERNEL_CODE,
	};
	const size_t lengths[] = {1, ARRAY_SIZE(wild), WORKING_SET_TOUCHED_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct kernel_rig rig;
		if (freeze(&rig)) {
			give(wild, ARRAY_SIZE(wild), lengths[i]);
			if (rig_create(&rig, true)) {
				check_nothing_left(&rig);
				for (int round = 0; round < ROUNDS; round++)
					serve(&rig);
			}
		}
		rig_close(&rig);
	}
}

static void fill_root(uint64_t *root)
{
	for (uint64_t i = 1; i < PAGE_ENTRIES; i++)
		root[i] = root[0];
}

static void make_circle(uint64_t *root)
{
	for (uint64_t i = 1; i < PAGE_ENTRIES; i += 2)
		root[i] = KERNEL_ROOT | ENTRY_TABLE;
}

static void make_wild(uint64_t *root)
{
	for (uint64_t i = 1; i < PAGE_ENTRIES; i++)
		root[i] = ((uint64_t)rand() << 12 & ENTRY_ADDRESS) | ENTRY_TABLE;
}

/* A root without a free entry, one that contains itself, one whose entries lead anywhere. */
static void test_wild_tables(void)
{
	void (*const makers[])(uint64_t * root) = {fill_root, make_circle, make_wild};
	static const uint64_t used[] = {KERNEL_CODE, KERNEL_DATA};
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		struct kernel_rig rig;
		if (freeze(&rig)) {
			makers[i]((uint64_t *)(rig.image.memory + KERNEL_ROOT));
			if (rig_create(&rig, true))
				serve(&rig); /* learns */
			rig_destroy(&rig);
			if (rig_create(&rig, true))
				serve(&rig);
			rig_destroy(&rig);
			working_set = (struct working_set){0};
			give(used, ARRAY_SIZE(used), ARRAY_SIZE(used));
			if (rig_create(&rig, true)) {
				check_nothing_left(&rig);
				serve(&rig);
			}
		}
		rig_close(&rig);
	}
}

/* A machine that a request left half-way is built anew, and touched again. */
static void test_built_anew(void)
{
	struct kernel_rig rig;
	struct error error = {0};
	if (freeze(&rig) && rig_create(&rig, true)) {
		serve(&rig);
		for (int round = 0; round < ROUNDS; round++) {
			CHECK_NUMBER(
			    isolation_kvm.run(rig.machine, MACHINE_RESUME, 1, &rig.exit, &error),
			    0);
			rig_reset(&rig);
			check_nothing_left(&rig);
			serve(&rig);
		}
	}
	rig_close(&rig);
}

int main(void)
{
	setenv("MAYFLY_CACHE", "/dev/null/none", 1); /* for what flags.h remembers */
	struct error error = {0};
	if (isolation_kvm.probe(&error)) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return CHECK_SKIPPED;
	}
	test_learned(rig_is_ring0());
	test_wild_lists();
	test_wild_tables();
	test_built_anew();
	return check_status();
}
