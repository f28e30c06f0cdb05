/* The working set of requests: recorded once, within its limits,
 * and given to a mapping in advance. */
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "mayfly/guest_abi.h"
#include "monitor/memory/working_set.h"
#include "monitor/memory/written_pages.h"
#include "sizes/sizes.h"

#define PAGES 64UL

static void test_populate(void)
{
	static struct working_set working_set;
	struct written_pages written;
	struct written_range ranges[8];
	uint64_t resume;
	int memfd = memfd_create("working_set", MFD_CLOEXEC);
	CHECK(memfd >= 0 && !ftruncate(memfd, PAGES * GUEST_PAGE_SIZE));
	uint8_t *memory =
	    mmap(NULL, PAGES * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
	if (!CHECK(memory != MAP_FAILED) || !CHECK(!written_pages_open(&written, NULL)))
		return;
	const uint64_t start = (uintptr_t)memory, end = start + PAGES * GUEST_PAGE_SIZE;

	CHECK(working_set_begin(&working_set));
	CHECK(!working_set_begin(&working_set)); /* one slot records */
	working_set_add(&working_set, 2 * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
	working_set_add(&working_set, 10 * GUEST_PAGE_SIZE, 3 * GUEST_PAGE_SIZE);
	working_set_populate(&working_set, memory); /* not known yet */
	CHECK_NUMBER(written_pages_find(&written, start, end, ranges, 8, &resume, NULL), 0);

	working_set_finish(&working_set);
	CHECK(!working_set_begin(&working_set));
	working_set_populate(&working_set, memory);
	CHECK_NUMBER(written_pages_find(&written, start, end, ranges, 8, &resume, NULL), 2);
	CHECK_NUMBER(ranges[0].start - start, 2 * GUEST_PAGE_SIZE);
	CHECK_NUMBER(ranges[1].start - start, 10 * GUEST_PAGE_SIZE);
	CHECK_NUMBER(ranges[1].end - start, 13 * GUEST_PAGE_SIZE);
	written_pages_close(&written);
	munmap(memory, PAGES * GUEST_PAGE_SIZE);
	close(memfd);
}

static void test_limits(void)
{
	static struct working_set working_set;
	CHECK(working_set_begin(&working_set));
	working_set_add(&working_set, 0, WORKING_SET_BYTES_MAX + GUEST_PAGE_SIZE);
	CHECK_NUMBER(working_set.count, 0);
	for (size_t i = 0; i < WORKING_SET_RANGES_MAX + 10; i++)
		working_set_add(&working_set, i * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
	CHECK_NUMBER(working_set.count, WORKING_SET_RANGES_MAX);
	CHECK_NUMBER(working_set.bytes, WORKING_SET_RANGES_MAX * GUEST_PAGE_SIZE);
}

static void test_touched(void)
{
	static struct working_set working_set;
	size_t count = 99;
	CHECK(working_set_begin(&working_set));
	CHECK(working_set_begin_touched(&working_set));
	CHECK(!working_set_begin_touched(&working_set)); /* one slot records */
	working_set_add_touched(&working_set, 7 * GUEST_PAGE_SIZE);
	working_set_touched(&working_set, &count);
	CHECK_NUMBER(count, 0);
	working_set_give_up_touched(&working_set);

	CHECK(working_set_begin_touched(&working_set));
	for (uint64_t i = 0; i < WORKING_SET_TOUCHED_MAX + 10; i++)
		working_set_add_touched(&working_set, i * GUEST_PAGE_SIZE);
	working_set_finish_touched(&working_set);
	CHECK(!working_set_begin_touched(&working_set));
	working_set_touched(&working_set, &count);
	CHECK_NUMBER(count, 0); /* what is written is not known */
	working_set_finish(&working_set);
	const uint64_t *touched = working_set_touched(&working_set, &count);
	CHECK_NUMBER(count, WORKING_SET_TOUCHED_MAX);
	CHECK_NUMBER(touched[1], GUEST_PAGE_SIZE);
}

/* What an earlier monitor is said to have found holds until this one knows. */
static void test_given(void)
{
	static struct working_set working_set;
	const struct working_range ranges[] = {
	    {3 * GUEST_PAGE_SIZE, 2 * GUEST_PAGE_SIZE},
	    {1, GUEST_PAGE_SIZE},			       /* no pages */
	    {0, 1},					       /* none either */
	    {15 * GUEST_PAGE_SIZE, 2 * GUEST_PAGE_SIZE},       /* beyond the end */
	    {(uint64_t)-GUEST_PAGE_SIZE, 2 * GUEST_PAGE_SIZE}, /* around the end of all */
	    {0, (uint64_t)-GUEST_PAGE_SIZE},
	    {9 * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE},
	};
	size_t count;
	working_set_give(&working_set, ranges, ARRAY_SIZE(ranges), 16 * GUEST_PAGE_SIZE);
	CHECK_NUMBER(working_set.given_count, 2);
	CHECK_NUMBER(working_set.given[1].offset, 9 * GUEST_PAGE_SIZE);
	working_set_written(&working_set, &count);
	CHECK_NUMBER(count, 0);
	CHECK(working_set_begin(&working_set));
	working_set_add(&working_set, 0, GUEST_PAGE_SIZE);
	working_set_finish(&working_set);
	CHECK(working_set_written(&working_set, &count)->length == GUEST_PAGE_SIZE && count == 1);
}

static void test_too_much_given(void)
{
	static struct working_set working_set;
	const struct working_range large = {0, WORKING_SET_BYTES_MAX / 2 + GUEST_PAGE_SIZE};
	const struct working_range small = {0, GUEST_PAGE_SIZE};
	for (int i = 0; i < 2; i++)
		working_set_give(&working_set, &large, 1, 1UL << 40);
	const size_t before = working_set.given_count;
	for (size_t i = 0; i < 2UL * WORKING_SET_RANGES_MAX; i++)
		working_set_give(&working_set, &small, 1, 1UL << 40);
	CHECK_NUMBER(before, 1);
	CHECK_NUMBER(working_set.given_count, WORKING_SET_RANGES_MAX);
}

int main(void)
{
	test_touched();
	test_populate();
	test_limits();
	test_given();
	test_too_much_given();
	return check_status();
}
