/* Which pages of a private mapping were written: present (or swapped) pages that are no longer the
 * file's. Linux 6.7 answers with one PAGEMAP_SCAN; older kernels through /proc/self/pagemap. */
#ifndef MAYFLY_MONITOR_WRITTEN_PAGES_H
#define MAYFLY_MONITOR_WRITTEN_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "util/error.h"

/* The ioctl that written_pages_find() makes on a kernel that has it. */
#define WRITTEN_PAGES_SCAN _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

struct written_range {
	uint64_t start, end; /* addresses in this process */
};

struct written_pages {
	int pagemap;
	bool can_scan; /* PAGEMAP_SCAN is there */
};

/* Opens /proc/self/pagemap. One object may serve many threads. */
int written_pages_open(struct written_pages *pages, struct error *error);
void written_pages_close(struct written_pages *pages);

/* Fills `ranges` with the written parts of [start, end), in ascending order; both page-aligned.
 * Returns how many there are, or a negative errno. Where `room` is used up, *resume is the address
 * to go on from, else `end`. */
int written_pages_find(const struct written_pages *pages, uint64_t start, uint64_t end,
		       struct written_range *ranges, size_t room, uint64_t *resume,
		       struct error *error);

/* The same for pages that are present, written or not. */
int written_pages_find_present(const struct written_pages *pages, uint64_t start, uint64_t end,
			       struct written_range *ranges, size_t room, uint64_t *resume,
			       struct error *error);

#endif
