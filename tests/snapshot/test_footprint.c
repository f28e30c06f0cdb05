/* The footprint of requests: recorded once, within its limits, and given to a mapping in advance.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "footprint.h"
#include "mayfly/guest_abi.h"
#include "written_pages.h"

#define PAGES 64UL

static void test_populate(void)
{
	static struct footprint footprint;
	struct written_pages written;
	struct written_range ranges[8];
	uint64_t resume;
	int memfd = memfd_create("footprint", MFD_CLOEXEC);
	CHECK(memfd >= 0 && !ftruncate(memfd, PAGES * GUEST_PAGE_SIZE));
	uint8_t *memory =
	    mmap(NULL, PAGES * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
	if (!CHECK(memory != MAP_FAILED) || !CHECK(!written_pages_open(&written, NULL)))
		return;
	const uint64_t start = (uintptr_t)memory, end = start + PAGES * GUEST_PAGE_SIZE;

	CHECK(footprint_begin(&footprint));
	CHECK(!footprint_begin(&footprint)); /* one slot records */
	footprint_add(&footprint, 2 * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
	footprint_add(&footprint, 10 * GUEST_PAGE_SIZE, 3 * GUEST_PAGE_SIZE);
	footprint_populate(&footprint, memory); /* not known yet */
	CHECK_NUMBER(written_pages_find(&written, start, end, ranges, 8, &resume, NULL), 0);

	footprint_finish(&footprint);
	CHECK(!footprint_begin(&footprint));
	footprint_populate(&footprint, memory);
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
	static struct footprint footprint;
	CHECK(footprint_begin(&footprint));
	footprint_add(&footprint, 0, FOOTPRINT_BYTES_MAX + GUEST_PAGE_SIZE);
	CHECK_NUMBER(footprint.count, 0);
	for (size_t i = 0; i < FOOTPRINT_RANGES_MAX + 10; i++)
		footprint_add(&footprint, i * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
	CHECK_NUMBER(footprint.count, FOOTPRINT_RANGES_MAX);
	CHECK_NUMBER(footprint.bytes, FOOTPRINT_RANGES_MAX * GUEST_PAGE_SIZE);
}

static void test_touched(void)
{
	static struct footprint footprint;
	size_t count = 99;
	CHECK(!footprint_begin_touched(&footprint)); /* what is written comes first */
	CHECK(footprint_begin(&footprint));
	CHECK(!footprint_begin_touched(&footprint));
	footprint_finish(&footprint);
	CHECK(footprint_begin_touched(&footprint));
	CHECK(!footprint_begin_touched(&footprint)); /* one slot records */
	footprint_add_touched(&footprint, 7 * GUEST_PAGE_SIZE);
	footprint_touched(&footprint, &count);
	CHECK_NUMBER(count, 0);
	footprint_give_up_touched(&footprint);

	CHECK(footprint_begin_touched(&footprint));
	for (uint64_t i = 0; i < FOOTPRINT_TOUCHED_MAX + 10; i++)
		footprint_add_touched(&footprint, i * GUEST_PAGE_SIZE);
	footprint_finish_touched(&footprint);
	CHECK(!footprint_begin_touched(&footprint));
	const uint64_t *touched = footprint_touched(&footprint, &count);
	CHECK_NUMBER(count, FOOTPRINT_TOUCHED_MAX);
	CHECK_NUMBER(touched[1], GUEST_PAGE_SIZE);
}

int main(void)
{
	test_touched();
	test_populate();
	test_limits();
	return check_status();
}
