/* Where pages are; see places.h. */
#include "places.h"

#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"

/* What the kernel can move as a whole table of pages, where both ends lie alike in one. */
#define TABLE_SPAN (2UL << 20)

_Static_assert(PROCESS_PARKED_REGIONS + PAGE_WINDOW_PHYSICAL + TABLE_SPAN * 2 * IMAGE_REGIONS_MAX <=
		   GUEST_POOL_BASE,
	       "the largest image can be parked");
_Static_assert(PROCESS_PARKED_POOL + PAGE_WINDOW_PHYSICAL <= PROCESS_PARKED_REGIONS,
	       "and the largest pool");
_Static_assert(PROCESS_PASSAGE + PROCESS_MOVE_MAX <= PROCESS_PARKED_POOL &&
		   PROCESS_PASSAGE >= GUEST_STACK_TOP,
	       "and what passes");

/* Regions do not overlap in the image, and lie there one behind the other. */
uint64_t process_parked_region(const struct image *image, size_t region)
{
	const struct image_region *it = &image->regions[region];
	return PROCESS_PARKED_REGIONS + (it->offset & ~(TABLE_SPAN - 1)) + 2 * region * TABLE_SPAN +
	       (it->address & (TABLE_SPAN - 1));
}

uint64_t process_pool_place(const struct page_area *area, uint64_t space, uint64_t source,
			    uint64_t *length)
{
	const uint64_t end = source + *length;
	const bool parked = page_space_owns(area->memory, space, source);
	uint64_t next = source;
	do {
		next = (next | (GUEST_SPACE_OWN_SIZE - 1)) + 1;
	} while (next < end && page_space_owns(area->memory, space, next) == parked);
	if (next < end)
		*length = next - source;
	return parked ? source - GUEST_POOL_BASE + PROCESS_PARKED_POOL : source;
}

void process_find_stretch(struct process_stretch *stretch, uint64_t at, uint64_t end)
{
	uint64_t length = end - at;
	if (at >= stretch->begin && at < stretch->end)
		return;
	stretch->shift = process_pool_place(stretch->area, stretch->space, at, &length) - at;
	stretch->begin = at;
	stretch->end = at + length;
}

bool process_find_run(const struct page_area *area, uint64_t space, uint64_t at,
		      struct page_run *run)
{
	const struct image_region *pool = image_region_at(area->image, GUEST_POOL_BASE);
	if (at < GUEST_AREA_BASE)
		at = GUEST_AREA_BASE;
	if (page_space_find(area, space, at, space ? GUEST_STACK_TOP : GUEST_AREA_END, run))
		return true;
	if (at < GUEST_POOL_BASE)
		at = GUEST_POOL_BASE;
	return space && pool && page_space_find(area, space, at, pool->address + pool->length, run);
}
