/* Pages for tables; see page_taken.h. */
#include "page_taken.h"

#include "page_entries.h"

static uint64_t tables_end(const struct page_area *area)
{
	return area->image->page_tables + area->image->page_tables_size;
}

bool page_area_is_used_up(const struct page_area *area)
{
	const uint64_t end = tables_end(area);
	return end - area->next_table < (end - area->first_table) / 2;
}

static uint64_t higher(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* The highest offset of any table below the first `count` entries of this one, and of itself. */
static uint64_t highest_table(const uint8_t *memory, uint64_t table, int level, size_t count)
{
	const uint64_t *entries = (const uint64_t *)(memory + table);
	uint64_t highest = table;
	for (size_t i = 0; level > 0 && i < count; i++) {
		const uint64_t below = entries[i] & ENTRY_ADDRESS;
		if (!(entries[i] & ENTRY_PRESENT) || entries[i] & ENTRY_LARGE)
			continue;
		highest = higher(highest,
				 level > 1 ? highest_table(memory, below, level - 1, PAGE_ENTRIES)
					   : below);
	}
	return highest;
}

/* The same for another space's tables of the pool: behind each directory is the list of its own
 * tables (page_space.c). */
static uint64_t highest_of_pool(const uint8_t *memory, const uint64_t *root)
{
	const uint64_t upper = root[PAGE_POOL_ENTRY] & ENTRY_ADDRESS;
	const uint64_t *directories = (const uint64_t *)(memory + upper);
	uint64_t highest = upper;
	for (size_t i = 0; upper && i < PAGE_ENTRIES; i++) {
		const uint64_t directory = directories[i] & ENTRY_ADDRESS;
		if (directory)
			highest = higher(highest, highest_table(memory, directory + GUEST_PAGE_SIZE,
								1, PAGE_ENTRIES));
	}
	return highest;
}

static uint64_t highest_of_all(const uint8_t *memory)
{
	const struct page_spaces *spaces = page_spaces_of(memory);
	uint64_t highest =
	    higher(PAGE_SPACES, highest_table(memory, PAGE_TABLES_ROOT, 3, PAGE_ENTRIES));
	for (size_t i = 1; i < GUEST_SPACES_MAX; i++) {
		const uint64_t root = spaces->roots[i];
		if (!root)
			continue;
		highest = higher(highest, highest_table(memory, root, 3, PAGE_PROGRAM_ENTRIES));
		highest =
		    higher(highest, highest_of_pool(memory, (const uint64_t *)(memory + root)));
	}
	return highest;
}

uint64_t page_take_tables(struct page_area *area, uint64_t count)
{
	if (!area->next_table)
		area->next_table = area->first_table =
		    highest_of_all(area->memory) + GUEST_PAGE_SIZE;
	const uint64_t taken = area->next_table, end = tables_end(area);
	if (taken >= end || end - taken < count * GUEST_PAGE_SIZE)
		return 0;
	area->next_table += count * GUEST_PAGE_SIZE;
	return taken;
}

uint64_t *page_make_leaf(struct page_area *area, uint64_t root, uint64_t address)
{
	uint64_t *table = (uint64_t *)(area->memory + root);
	for (int level = 3; level > 0; level--) {
		uint64_t *entry = &table[page_entry_index(address, level)];
		if (!(*entry & ENTRY_PRESENT)) {
			uint64_t taken = page_take_tables(area, 1);
			if (!taken)
				return NULL;
			*entry = taken | ENTRY_TABLE;
		}
		table = page_table_below(area->memory, *entry);
	}
	return &table[page_entry_index(address, 0)];
}
