/* The mapping area; see page_area.h. */
#include "monitor/memory/page_area.h"

#include <errno.h>

#include "monitor/memory/page_tables.h"
#include "page_entries.h"
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

/* ── tables ──────────────────────────────────────────────────────────────────────────────────── */

/* The highest offset of any table below this one, and of itself. */
static uint64_t highest_table(const uint8_t *memory, uint64_t table, int level)
{
	const uint64_t *entries = (const uint64_t *)(memory + table);
	uint64_t highest = table;
	for (size_t i = 0; level > 0 && i < PAGE_ENTRIES; i++) {
		const uint64_t below = entries[i] & ENTRY_ADDRESS;
		if (!(entries[i] & ENTRY_PRESENT) || entries[i] & ENTRY_LARGE)
			continue;
		const uint64_t found = level > 1 ? highest_table(memory, below, level - 1) : below;
		if (found > highest)
			highest = found;
	}
	return highest;
}

static uint64_t tables_end(const struct page_area *area)
{
	return area->image->page_tables + area->image->page_tables_size;
}

bool page_area_is_used_up(const struct page_area *area)
{
	const uint64_t end = tables_end(area);
	return end - area->next_table < (end - area->first_table) / 2;
}

/* A page of zeros for a table; 0: none is left. */
static uint64_t take_table(struct page_area *area)
{
	if (!area->next_table)
		area->next_table = area->first_table =
		    highest_table(area->memory, PAGE_TABLES_ROOT, 3) + GUEST_PAGE_SIZE;
	if (area->next_table >= tables_end(area))
		return 0;
	uint64_t taken = area->next_table;
	area->next_table += GUEST_PAGE_SIZE;
	return taken;
}

/* The leaf entry for `address`, with whatever tables it needs; NULL: there is no room for them. */
static uint64_t *make_leaf(struct page_area *area, uint64_t address)
{
	uint64_t *table = (uint64_t *)(area->memory + PAGE_TABLES_ROOT);
	for (int level = 3; level > 0; level--) {
		uint64_t *entry = &table[page_entry_index(address, level)];
		if (!(*entry & ENTRY_PRESENT)) {
			uint64_t taken = take_table(area);
			if (!taken)
				return NULL;
			*entry = taken | ENTRY_TABLE;
		}
		table = (uint64_t *)(area->memory + (*entry & ENTRY_ADDRESS));
	}
	return &table[page_entry_index(address, 0)];
}

/* ── mapping ─────────────────────────────────────────────────────────────────────────────────── */

static int check_run(const struct page_area *area, const struct page_run *run, uint64_t *physical)
{
	const struct image *image = area->image;
	if (!run->length || run->length > GUEST_MAP_MAX || run->address < GUEST_AREA_BASE ||
	    run->address > GUEST_AREA_END - run->length ||
	    !find_source(image, run->source, run->length, physical))
		return -EINVAL;
	if ((run->protection & GUEST_WRITE) && page_run_is_shown(run))
		return -EACCES;
	if (run->shared && page_run_is_shown(run))
		return -EINVAL;
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *region = &image->regions[i];
		if (run->address < region->address + region->length &&
		    region->address < run->address + run->length)
			return -EEXIST;
	}
	return 0;
}

bool page_area_is_at_home(const struct page_area *area, const struct page_run *run)
{
	for (uint64_t done = 0; done < run->length; done += GUEST_PAGE_SIZE) {
		const uint64_t *home = page_find_leaf(area->memory, run->source + done);
		if (!home || page_leaf_protection(*home) != (GUEST_READ | GUEST_WRITE))
			return false;
	}
	return true;
}

int page_area_map(struct page_area *area, const struct page_run *run, struct page_shrunk *shrunk)
{
	uint64_t physical;
	int result = check_run(area, run, &physical);
	if (result)
		return result;
	const bool shown = page_run_is_shown(run);
	if (!shown && !page_area_is_at_home(area, run))
		return -EINVAL;
	for (uint64_t done = 0; done < run->length; done += GUEST_PAGE_SIZE) {
		const uint64_t *leaf = make_leaf(area, run->address + done);
		if (!leaf)
			return -ENOMEM;
		if (*leaf)
			return -EEXIST;
	}
	const uint64_t bits =
	    page_leaf_bits(run->protection) | ENTRY_AREA | (run->shared ? ENTRY_SHARED : 0);
	for (uint64_t done = 0; done < run->length; done += GUEST_PAGE_SIZE) {
		*page_find_leaf(area->memory, run->address + done) = (physical + done) | bits;
		if (shown || run->shared)
			continue;
		*page_find_leaf(area->memory, run->source + done) = ENTRY_MOVED;
		/* As long as the new place is writable, a translation of the old place that the
		 * processor remembers allows no more than the new one. */
		if (shrunk && !(run->protection & GUEST_WRITE))
			page_shrunk_note(shrunk, physical + done);
	}
	if (shrunk)
		page_shrunk_flush(shrunk);
	return 0;
}

/* ── finding and unmapping ───────────────────────────────────────────────────────────────────── */

/* As page_find_leaf(); where a level is missing, *next is where what it stands for ends. */
static const uint64_t *find_leaf_or_gap(const uint8_t *memory, uint64_t address, uint64_t *next)
{
	const uint64_t *table = (const uint64_t *)(memory + PAGE_TABLES_ROOT);
	for (int level = 3; level > 0; level--) {
		const uint64_t entry = table[page_entry_index(address, level)];
		if (!(entry & ENTRY_PRESENT) || entry & ENTRY_LARGE) {
			*next = ((address >> (12 + 9 * level)) + 1) << (12 + 9 * level);
			return NULL;
		}
		table = (const uint64_t *)(memory + (entry & ENTRY_ADDRESS));
	}
	*next = address + GUEST_PAGE_SIZE;
	return &table[page_entry_index(address, 0)];
}

bool page_area_find(const struct page_area *area, uint64_t address, uint64_t end,
		    struct page_run *run)
{
	uint64_t next, first = 0;
	*run = (struct page_run){0};
	for (uint64_t at = address; at < end; at = next) {
		const uint64_t *leaf = find_leaf_or_gap(area->memory, at, &next);
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

void page_area_unmap(struct page_area *area, const struct page_run *run, struct page_shrunk *shrunk)
{
	const uint64_t home_bits = page_leaf_bits(GUEST_READ | GUEST_WRITE);
	for (uint64_t done = 0; done < run->length; done += GUEST_PAGE_SIZE) {
		uint64_t *leaf = page_find_leaf(area->memory, run->address + done);
		const uint64_t before = *leaf, physical = before & ENTRY_ADDRESS;
		*leaf = 0;
		if (!page_run_is_shown(run) && !run->shared)
			*page_find_leaf(area->memory, run->source + done) = physical | home_bits;
		if (shrunk && (before & ENTRY_PRESENT))
			page_shrunk_note(shrunk, physical);
	}
}
