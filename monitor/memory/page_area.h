/* The mapping area: guest addresses that have no page until one is put there. All here is about the
 * current address space (page_space.h); the place of a page of the pool is that in the first one.
 *
 * Pages of the pool are *moved* there and back: such a page has one address at a time. Or they are
 * *shared*: they stay at their place and are seen in the area, too, as often as is wanted. Pages of the
 * root image are *shown* there, never writable. All of it stands in the page tables, which a snapshot
 * and a reset take along.
 *
 * Tables that are made here stay where they are as long as the machine exists: KVM's shadow of an
 * upper entry would survive its end, and a table used anew elsewhere would be seen at both places.
 */
#ifndef MAYFLY_MONITOR_PAGE_AREA_H
#define MAYFLY_MONITOR_PAGE_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

struct page_shrunk;

/* One machine's page tables. */
struct page_area {
	const struct image *image; /* its layout */
	uint8_t *memory;	   /* the machine's own view of it, at least to the tables' end */
	/* Offsets of the first page that never was a table, and of the first page of the area that
	 * tables are taken from; 0: not known yet. */
	uint64_t next_table, first_table;
	/* After it nothing long is gone on with; 0: at any time. */
	uint64_t deadline_ns;
};

/* Pages side by side, at the guest and where they come from, with the same rights. */
struct page_run {
	uint64_t address, length;
	uint64_t source; /* guest-virtual: in the pool, or in the root image */
	uint32_t protection;
	bool shared; /* pages of the pool that stay at their place as well */
};

/* The pages lie in the root image. */
bool page_run_is_shown(const struct page_run *run);

/* Puts pages from `source` on at `address`. Both and `length` are multiples of the page size. 0;
 * -EINVAL: not in the area (in other spaces than the first: not at the program's addresses, nor in a
 * part of the pool that is the space's own), or the source is neither pages of the pool that are at
 * their place, readable and writable, nor pages of the root image; -EEXIST: there is something;
 * -EACCES: pages of the root cannot be written; -ENOMEM: no page is left for tables. *shrunk (may be
 * NULL) is told of the places that moved pages leave, where they could be written through these while
 * they are executable. */
int page_area_map(struct page_area *area, const struct page_run *run, struct page_shrunk *shrunk);

/* Most of the tables that there were for the area are taken. Since they stay, a machine that goes
 * on so has few for its next request. */
bool page_area_is_used_up(const struct page_area *area);

/* Finds the first pages that are mapped in [address, end) of the area; false: there are none. */
bool page_area_find(const struct page_area *area, uint64_t address, uint64_t end,
		    struct page_run *run);

/* True if the pages of a shared run are at their own place. A guest may have moved them since. */
bool page_area_is_at_home(const struct page_area *area, const struct page_run *run);

/* Takes away a run that was found. Pages that had been moved are back at their place, readable and
 * writable. */
void page_area_unmap(struct page_area *area, const struct page_run *run,
		     struct page_shrunk *shrunk);

#endif
