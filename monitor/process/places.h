/* Where the pages of a guest process are that has several address spaces (HYPERCALL_SPACE).
 *
 * There is one host address space. Pages of the pool that are mapped in the current space are where
 * that has them; all others are at home, or parked where the current space has that part of the pool
 * for itself: also those that another space has mapped, with the rights that they have there. The
 * program's regions are at their addresses in the first space, and parked in each other. */
#ifndef MAYFLY_MONITOR_PROCESS_PLACES_H
#define MAYFLY_MONITOR_PROCESS_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"
#include "monitor/memory/page_area.h"

/* The region is the program's. */
static inline bool process_region_parks(const struct image_region *region)
{
	return region->address < GUEST_STACK_TOP;
}

/* Where a region of the image is parked. */
uint64_t process_parked_region(const struct image *image, size_t region);

/* Where pages of the pool are that are not mapped in `space`, while that is the current one. They
 * are side by side up to *length at most, which becomes how many bytes are. */
uint64_t process_pool_place(const struct page_area *area, uint64_t space, uint64_t source,
			    uint64_t *length);

/* The same for who goes through the pool in one direction. `space` and `area` are the caller's. */
struct process_stretch {
	const struct page_area *area;
	uint64_t space;
	uint64_t begin, end; /* as in the pool */
	uint64_t shift;	     /* to where they are */
};

/* Makes it the stretch around `at`, of a pool that ends at `end`. */
void process_find_stretch(struct process_stretch *stretch, uint64_t at, uint64_t end);

/* Finds the first pages from `at` on that are mapped in that space. */
bool process_find_run(const struct page_area *area, uint64_t space, uint64_t at,
		      struct page_run *run);

#endif
