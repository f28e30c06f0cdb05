/* Written pages: both interfaces of the kernel find the same ranges, and the right ones. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "mayfly/guest_abi.h"
#include "monitor/memory/written_pages.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define PAGE  GUEST_PAGE_SIZE
#define PAGES 2048UL

struct found {
	size_t count;
	struct written_range ranges[PAGES];
};

typedef int (*find_function)(const struct written_pages *pages, uint64_t start, uint64_t end,
			     struct written_range *ranges, size_t room, uint64_t *resume,
			     struct error *error);

/* All ranges, asked for `room` at a time; neighbours are joined, as a call may end between them. */
static void find_all(const struct written_pages *pages, find_function find, uint64_t start,
		     uint64_t end, size_t room, struct found *found)
{
	struct error error = {0};
	found->count = 0;
	for (uint64_t next = start; next < end;) {
		struct written_range ranges[256];
		uint64_t resume = next;
		int count = find(pages, next, end, ranges, room, &resume, &error);
		if (!CHECK(count >= 0) || !CHECK(resume > next && resume <= end))
			return;
		for (int i = 0; i < count && found->count < PAGES; i++) {
			struct written_range *last =
			    found->count ? &found->ranges[found->count - 1] : NULL;
			CHECK(ranges[i].start < ranges[i].end && ranges[i].start >= next &&
			      ranges[i].end <= resume);
			if (last && last->end == ranges[i].start)
				last->end = ranges[i].end;
			else
				found->ranges[found->count++] = ranges[i];
		}
		next = resume;
	}
}

/* Writes to the pages that `chosen` names and checks what is found of them. */
static void test_pattern(struct written_pages *pages, bool (*chosen)(size_t page))
{
	cleanup_close int memfd = memfd_create("test", MFD_CLOEXEC);
	CHECK(memfd >= 0 && !ftruncate(memfd, PAGES * PAGE));
	/* The file has data on every third page. */
	for (size_t i = 0; i < PAGES; i += 3)
		CHECK(pwrite(memfd, "data", 4, (off_t)(i * PAGE)) == 4);
	uint8_t *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
	if (!CHECK(memory != MAP_FAILED))
		return;
	volatile uint8_t *bytes = memory;
	uint64_t start = (uintptr_t)memory, end = start + PAGES * PAGE;
	/* Reading makes no page written, whether the file has it or not. */
	for (size_t i = 0; i < PAGES; i += 2)
		(void)bytes[i * PAGE];
	cleanup_free struct found *expected = calloc(3, sizeof(*expected));
	if (!CHECK(expected))
		return;
	struct found *scanned = &expected[1], *read = &expected[2];
	for (size_t i = 0; i < PAGES; i++) {
		if (!chosen(i))
			continue;
		bytes[i * PAGE + i % PAGE] = 1;
		struct written_range *last = &expected->ranges[expected->count - 1];
		if (expected->count && last->end == start + i * PAGE)
			last->end += PAGE;
		else
			expected->ranges[expected->count++] =
			    (struct written_range){start + i * PAGE, start + (i + 1) * PAGE};
	}
	const bool can_scan = pages->can_scan;
	const size_t rooms[] = {1, 3, 256};
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		find_all(pages, written_pages_find, start, end, rooms[i], scanned);
		pages->can_scan = false;
		find_all(pages, written_pages_find, start, end, rooms[i], read);
		pages->can_scan = can_scan;
		const size_t size = expected->count * sizeof(expected->ranges[0]);
		CHECK_NUMBER(scanned->count, expected->count);
		CHECK(!memcmp(scanned->ranges, expected->ranges, size));
		CHECK_NUMBER(read->count, expected->count);
		CHECK(!memcmp(read->ranges, expected->ranges, size));
	}
	munmap(memory, PAGES * PAGE);
}

/* Pages that were read are present, and so are those that were written. */
static void test_present(struct written_pages *pages)
{
	const size_t count = 64, first = 20, last = 40; /* the kernel brings 16 at once */
	const bool can_scan = pages->can_scan;
	cleanup_close int memfd = memfd_create("test", MFD_CLOEXEC);
	cleanup_free struct found *found = calloc(1, sizeof(*found));
	CHECK(memfd >= 0 && !ftruncate(memfd, (off_t)(count * PAGE)));
	uint8_t *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
	if (!CHECK(found && memory != MAP_FAILED))
		return;
	const uint64_t start = (uintptr_t)memory, end = start + count * PAGE;
	for (int round = 0; round < 2; round++) {
		CHECK(!madvise(memory, count * PAGE, MADV_DONTNEED));
		pages->can_scan = can_scan && !round;
		find_all(pages, written_pages_find_present, start, end, 3, found);
		CHECK_NUMBER(found->count, 0);
		for (size_t i = first; i < last; i++) {
			volatile uint8_t *byte = memory + i * PAGE;
			if (!*byte && i % 3 == 0)
				*byte = 1;
		}
		find_all(pages, written_pages_find_present, start, end, 3, found);
		CHECK_NUMBER(found->count, 1);
		CHECK(found->ranges[0].start <= start + first * PAGE &&
		      found->ranges[0].start > start &&
		      found->ranges[0].end >= start + last * PAGE && found->ranges[0].end < end);
	}
	pages->can_scan = can_scan;
	munmap(memory, count * PAGE);
}

static bool choose_none(size_t page)
{
	return page >= PAGES;
}

static bool choose_all(size_t page)
{
	return page < PAGES;
}

static bool choose_ends(size_t page)
{
	return page == 0 || page == PAGES - 1;
}

static bool choose_alternate(size_t page)
{
	return page % 2;
}

static bool choose_runs(size_t page)
{
	return page * page % 7 < 3;
}

int main(void)
{
	struct error error = {0};
	struct written_pages pages;
	if (!CHECK_NUMBER(written_pages_open(&pages, &error), 0))
		return check_status();
	if (!pages.can_scan)
		fprintf(stderr, "this kernel has no PAGEMAP_SCAN: only the fallback is tested\n");
	test_pattern(&pages, choose_none);
	test_pattern(&pages, choose_all);
	test_pattern(&pages, choose_ends);
	test_pattern(&pages, choose_alternate);
	test_pattern(&pages, choose_runs);
	test_present(&pages);
	written_pages_close(&pages);
	CHECK_NUMBER(pages.pagemap, -1);
	return check_status();
}
