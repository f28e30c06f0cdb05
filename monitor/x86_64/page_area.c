/* The mapping area; see page_area.h. */
#include "monitor/memory/page_area.h"

#include <errno.h>

#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "page_entries.h"
#include "page_taken.h"
#include "sizes/sizes.h"

/* Offset in guest-physical memory of the pages at `source`; false where they are not all there. */
static bool find_source(const struct image *image, uint64_t source, uint64_t length,
			uint64_t *physical)
{
	if (source >= GUEST_ROOT_BASE) {
		*physical = PAGE_ROOT_PHYSICAL + (source - GUEST_ROOT_BASE);
		return range_within(source - GUEST_ROOT_BASE, length, image->root_size);
	}
	const struct image_region *pool = image_region_at(image, GUEST_POOL_BASE);
	if (!pool || source < pool->address ||
	    !range_within(source - pool->address, length, pool->length))
		return false;
	*physical = pool->offset + (source - pool->address);
	return true;
}

/* The other way round. */
static uint64_t source_of(const struct image *image, uint64_t physical)
{
	if (physical >= PAGE_ROOT_PHYSICAL)
		return GUEST_ROOT_BASE + (physical - PAGE_ROOT_PHYSICAL);
	const struct image_region *pool = image_region_at(image, GUEST_POOL_BASE);
	return pool->address + (physical - pool->offset);
}

bool page_run_is_shown(const struct page_run *run)
{
	return run->source >= GUEST_ROOT_BASE;
}

/* ── mapping ─────────────────────────────────────────────────────────────────────────────────── */

static bool meets_region(const struct image *image, const struct page_run *run)
{
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *region = &image->regions[i];
		if (run->address < region->address + region->length &&
		    region->address < run->address + run->length)
			return true;
	}
	return false;
}

/* Where pages may be put in that space. The first has its regions, which are not of the area; others
 * have the program's addresses, and their own parts of the pool. */
static int check_place(const struct page_area *area, uint64_t number, const struct page_run *run)
{
	const uint64_t end = number ? GUEST_STACK_TOP : GUEST_AREA_END;
	if (run->address >= GUEST_AREA_BASE && run->address <= end - run->length)
		return !number && meets_region(area->image, run) ? -EEXIST : 0;
	if (!number || run->address < GUEST_POOL_BASE ||
	    run->address > GUEST_FILES_BASE - run->length)
		return -EINVAL;
	for (uint64_t at = round_down(run->address, GUEST_SPACE_OWN_SIZE);
	     at < run->address + run->length; at += GUEST_SPACE_OWN_SIZE)
		if (!page_space_owns(area->memory, number, at))
			return -EINVAL;
	return 0;
}

static int check_run(const struct page_area *area, uint64_t number, const struct page_run *run,
		     uint64_t *physical)
{
	if (!run->length || run->length > GUEST_MAP_MAX ||
	    !find_source(area->image, run->source, run->length, physical))
		return -EINVAL;
	int result = check_place(area, number, run);
	if (result == -EINVAL)
		return result;
	if ((run->protection & GUEST_WRITE) && page_run_is_shown(run))
		return -EACCES;
	if (run->shared && page_run_is_shown(run))
		return -EINVAL;
	return result;
}

bool page_area_is_at_home(const struct page_area *area, const struct page_run *run)
{
	uint64_t row;
	for (uint64_t done = 0; done < run->length; done += row * GUEST_PAGE_SIZE) {
		const uint64_t *homes = page_find_home(area->memory, run->source + done);
		row = page_leaves_in_row(run->source + done, run->length - done);
		for (uint64_t i = 0; i < row; i++)
			if (!homes || page_leaf_protection(homes[i]) != (GUEST_READ | GUEST_WRITE))
				return false;
	}
	return true;
}

/* Makes the tables, where nothing may be yet. */
static int make_leaves(struct page_area *area, uint64_t root, const struct page_run *run)
{
	uint64_t row;
	for (uint64_t done = 0; done < run->length; done += row * GUEST_PAGE_SIZE) {
		const uint64_t *leaves = page_make_leaf(area, root, run->address + done);
		row = page_leaves_in_row(run->address + done, run->length - done);
		if (!leaves)
			return -ENOMEM;
		for (uint64_t i = 0; i < row; i++)
			if (leaves[i] && !(leaves[i] & ENTRY_LEFT))
				return -EEXIST;
	}
	return 0;
}

static void set_leaf(uint64_t *leaf, uint64_t entry, struct page_shrunk *shrunk)
{
	if (shrunk && page_entry_shrinks(*leaf, entry))
		page_shrunk_note(shrunk, *leaf & ENTRY_ADDRESS);
	*leaf = entry;
}

/* The pages of the run are not at home any more. */
static void leave_home(const struct page_area *area, const struct page_run *run, uint64_t physical,
		       struct page_shrunk *shrunk)
{
	for (uint64_t done = 0; done < run->length; done += GUEST_PAGE_SIZE) {
		*page_find_home(area->memory, run->source + done) = ENTRY_MOVED;
		/* As long as the new place is writable, a translation of the old place that the
		 * processor remembers allows no more than the new one. */
		if (shrunk && !(run->protection & GUEST_WRITE))
			page_shrunk_note(shrunk, physical + done);
	}
}

int page_space_map(struct page_area *area, uint64_t number, const struct page_run *run,
		   struct page_shrunk *shrunk)
{
	const uint64_t root = page_spaces_of(area->memory)->roots[number];
	uint64_t physical;
	int result = check_run(area, number, run, &physical);
	if (result)
		return result;
	const bool shown = page_run_is_shown(run);
	if (!shown && !page_area_is_at_home(area, run))
		return -EINVAL;
	result = make_leaves(area, root, run);
	if (result)
		return result;
	const uint64_t bits =
	    page_leaf_bits(run->protection) | ENTRY_AREA | (run->shared ? ENTRY_SHARED : 0);
	uint64_t row;
	for (uint64_t done = 0; done < run->length; done += row * GUEST_PAGE_SIZE) {
		uint64_t *leaves = page_find_leaf_below(area->memory, root, run->address + done);
		row = page_leaves_in_row(run->address + done, run->length - done);
		for (uint64_t i = 0; i < row; i++)
			set_leaf(&leaves[i], (physical + done + i * GUEST_PAGE_SIZE) | bits,
				 shrunk);
	}
	if (!shown && !run->shared)
		leave_home(area, run, physical, shrunk);
	return 0;
}

int page_area_map(struct page_area *area, const struct page_run *run, struct page_shrunk *shrunk)
{
	int result = page_space_map(area, page_space_current(area->memory), run, shrunk);
	if (shrunk)
		page_shrunk_flush(shrunk);
	return result;
}

/* ── finding and unmapping ───────────────────────────────────────────────────────────────────── */

/* As page_find_leaf_below(); where a level is missing, *next is where what it stands for ends. */
static const uint64_t *find_leaf_or_gap(const uint8_t *memory, uint64_t root, uint64_t address,
					uint64_t *next)
{
	const uint64_t *table = (const uint64_t *)(memory + root);
	for (int level = 3; level > 0; level--) {
		const uint64_t entry = table[page_entry_index(address, level)];
		if (!(entry & ENTRY_PRESENT) || entry & ENTRY_LARGE) {
			*next = ((address >> (12 + 9 * level)) + 1) << (12 + 9 * level);
			return NULL;
		}
		table = page_table_below(memory, entry);
	}
	*next = address + GUEST_PAGE_SIZE;
	return &table[page_entry_index(address, 0)];
}

bool page_space_find(const struct page_area *area, uint64_t number, uint64_t address, uint64_t end,
		     struct page_run *run)
{
	const uint64_t root = page_spaces_of(area->memory)->roots[number];
	uint64_t next, first = 0;
	*run = (struct page_run){0};
	for (uint64_t at = address; at < end; at = next) {
		/* Nothing is put into parts of the pool that all spaces have. */
		if (at >= GUEST_POOL_BASE && !page_space_owns(area->memory, number, at)) {
			if (run->length)
				break;
			next = round_down(at, GUEST_SPACE_OWN_SIZE) + GUEST_SPACE_OWN_SIZE;
			continue;
		}
		const uint64_t *leaf = find_leaf_or_gap(area->memory, root, at, &next);
		if (!leaf || !(*leaf & ENTRY_AREA)) {
			if (run->length)
				break;
			continue;
		}
		if (!run->length) {
			first = *leaf;
			run->address = at;
			run->source = source_of(area->image, *leaf & ENTRY_ADDRESS);
			run->protection = page_leaf_protection(*leaf);
			run->shared = *leaf & ENTRY_SHARED;
		} else if (*leaf != first + run->length || run->length == GUEST_MAP_MAX) {
			break;
		}
		run->length += GUEST_PAGE_SIZE;
	}
	return run->length;
}

bool page_area_find(const struct page_area *area, uint64_t address, uint64_t end,
		    struct page_run *run)
{
	return page_space_find(area, page_space_current(area->memory), address, end, run);
}

/* Takes away what was put at a leaf. The page is back at its place, if it was moved. */
static void clear_leaf(const struct page_area *area, uint64_t *leaf)
{
	const uint64_t physical = *leaf & ENTRY_ADDRESS;
	if (physical < PAGE_ROOT_PHYSICAL && !(*leaf & ENTRY_SHARED))
		*page_find_home(area->memory, source_of(area->image, physical)) =
		    physical | page_leaf_bits(GUEST_READ | GUEST_WRITE);
	*leaf = 0;
}

void page_area_leave(const struct page_area *area, uint64_t *leaf)
{
	const uint64_t before = *leaf;
	clear_leaf(area, leaf);
	if (before & ENTRY_PRESENT)
		*leaf = ENTRY_LEFT | (before & (ENTRY_ADDRESS | ENTRY_WRITABLE | ENTRY_NO_EXECUTE));
}

void page_space_unmap(struct page_area *area, uint64_t number, const struct page_run *run,
		      struct page_shrunk *shrunk)
{
	const uint64_t root = page_spaces_of(area->memory)->roots[number];
	for (uint64_t done = 0; done < run->length; done += GUEST_PAGE_SIZE) {
		uint64_t *leaf = page_find_leaf_below(area->memory, root, run->address + done);
		const uint64_t before = *leaf;
		clear_leaf(area, leaf);
		if (shrunk && page_entry_shrinks(before, 0))
			page_shrunk_note(shrunk, before & ENTRY_ADDRESS);
	}
}

void page_area_unmap(struct page_area *area, const struct page_run *run, struct page_shrunk *shrunk)
{
	page_space_unmap(area, page_space_current(area->memory), run, shrunk);
}
