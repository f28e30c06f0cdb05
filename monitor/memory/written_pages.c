/* Which pages of a private mapping were written; see written_pages.h.
 * Documentation/admin-guide/mm/pagemap.rst tells both interfaces. */
#include "written_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mayfly/guest_abi.h"
#include "util/cleanup.h"

/* Debian 12's headers are older than the interface (Linux 6.7, include/uapi/linux/fs.h). */
struct pagemap_region {
	uint64_t start, end, categories;
};

struct pagemap_scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

_Static_assert(WRITTEN_PAGES_SCAN == _IOWR('f', 16, struct pagemap_scan), "see fs.h");

#define PAGE_CATEGORY_FILE    (1UL << 2)
#define PAGE_CATEGORY_PRESENT (1UL << 3)
#define PAGE_CATEGORY_SWAPPED (1UL << 4)
#define PAGE_CATEGORY_ZERO    (1UL << 5)

/* /proc/self/pagemap entries. */
#define PAGEMAP_PRESENT	   (1UL << 63)
#define PAGEMAP_SWAPPED	   (1UL << 62)
#define PAGEMAP_FILE	   (1UL << 61)
#define PAGEMAP_READ_AHEAD 512

#define SCAN_ROOM 256

/* Which pages are looked for. */
enum sort { PAGES_WRITTEN, PAGES_PRESENT };

int written_pages_open(struct written_pages *pages, struct error *error)
{
	pages->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pages->pagemap < 0)
		return error_set_errno(error, errno, "cannot open /proc/self/pagemap");
	struct pagemap_scan probe = {.size = sizeof(probe)};
	pages->can_scan = ioctl(pages->pagemap, WRITTEN_PAGES_SCAN, &probe) >= 0;
	return 0;
}

void written_pages_close(struct written_pages *pages)
{
	if (pages->pagemap >= 0)
		close(pages->pagemap);
	pages->pagemap = -1;
}

static int find_by_scan(const struct written_pages *pages, enum sort sort, uint64_t start,
			uint64_t end, struct written_range *ranges, size_t room, uint64_t *resume,
			struct error *error)
{
	struct pagemap_region found[SCAN_ROOM];
	/* Not the file's, not the zero page; and present or swapped out. */
	const bool written = sort == PAGES_WRITTEN;
	const uint64_t others = written ? PAGE_CATEGORY_FILE | PAGE_CATEGORY_ZERO : 0;
	const uint64_t swapped = written ? PAGE_CATEGORY_SWAPPED : 0;
	struct pagemap_scan scan = {
	    .size = sizeof(scan),
	    .start = start,
	    .end = end,
	    .vec = (uintptr_t)found,
	    .vec_len = room < SCAN_ROOM ? room : SCAN_ROOM,
	    .category_inverted = others,
	    .category_mask = others,
	    .category_anyof_mask = PAGE_CATEGORY_PRESENT | swapped,
	    .return_mask = written ? PAGE_CATEGORY_FILE : PAGE_CATEGORY_PRESENT,
	};
	int count = ioctl(pages->pagemap, WRITTEN_PAGES_SCAN, &scan);
	if (count < 0)
		return error_set_errno(error, errno, "PAGEMAP_SCAN failed");
	for (int i = 0; i < count; i++)
		ranges[i] = (struct written_range){found[i].start, found[i].end};
	*resume = scan.walk_end;
	return count;
}

static bool is_wanted(uint64_t entry, enum sort sort)
{
	if (sort == PAGES_PRESENT)
		return entry & PAGEMAP_PRESENT;
	return entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) && !(entry & PAGEMAP_FILE);
}

static int find_by_pagemap(const struct written_pages *pages, enum sort sort, uint64_t start,
			   uint64_t end, struct written_range *ranges, size_t room,
			   uint64_t *resume, struct error *error)
{
	size_t count = 0;
	while (start < end) {
		uint64_t entries[PAGEMAP_READ_AHEAD];
		uint64_t wanted = (end - start) / GUEST_PAGE_SIZE;
		if (wanted > PAGEMAP_READ_AHEAD)
			wanted = PAGEMAP_READ_AHEAD;
		ssize_t got = pread(pages->pagemap, entries, wanted * sizeof(entries[0]),
				    (off_t)(start / GUEST_PAGE_SIZE * sizeof(entries[0])));
		if (got < (ssize_t)sizeof(entries[0]))
			return error_set_errno(error, got < 0 ? errno : EIO,
					       "cannot read /proc/self/pagemap");
		for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++) {
			uint64_t page = start + i * GUEST_PAGE_SIZE;
			if (!is_wanted(entries[i], sort))
				continue;
			if (count && ranges[count - 1].end == page) {
				ranges[count - 1].end += GUEST_PAGE_SIZE;
				continue;
			}
			if (count == room) {
				*resume = page;
				return (int)count;
			}
			ranges[count++] = (struct written_range){page, page + GUEST_PAGE_SIZE};
		}
		start += (uint64_t)got / sizeof(entries[0]) * GUEST_PAGE_SIZE;
	}
	*resume = end;
	return (int)count;
}

static int find(const struct written_pages *pages, enum sort sort, uint64_t start, uint64_t end,
		struct written_range *ranges, size_t room, uint64_t *resume, struct error *error)
{
	return (pages->can_scan ? find_by_scan : find_by_pagemap)(pages, sort, start, end, ranges,
								  room, resume, error);
}

int written_pages_find(const struct written_pages *pages, uint64_t start, uint64_t end,
		       struct written_range *ranges, size_t room, uint64_t *resume,
		       struct error *error)
{
	return find(pages, PAGES_WRITTEN, start, end, ranges, room, resume, error);
}

int written_pages_find_present(const struct written_pages *pages, uint64_t start, uint64_t end,
			       struct written_range *ranges, size_t room, uint64_t *resume,
			       struct error *error)
{
	return find(pages, PAGES_PRESENT, start, end, ranges, room, resume, error);
}
