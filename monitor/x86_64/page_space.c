/* Address spaces; see memory/page_space.h.
 *
 * Of the pool, each space but the first has the upper tables. Behind each directory (the tables of
 * level 1) lies a page that lists the space's own tables of leaves: the directory leads to them or to
 * the first space's, as the space has that part for itself or not.
 */
#include "monitor/memory/page_space.h"

#include <errno.h>

#include "monitor/memory/page_tables.h"
#include "page_entries.h"
#include "page_taken.h"
#include "sizes/sizes.h"
#include "util/clock.h"

_Static_assert(GUEST_SPACE_OWN_SIZE == GUEST_PAGE_SIZE * PAGE_ENTRIES, "what a table stands for");

uint64_t page_space_current(const uint8_t *memory)
{
	return page_spaces_of(memory)->current;
}

uint64_t page_space_root(const uint8_t *memory)
{
	const struct page_spaces *spaces = page_spaces_of(memory);
	return spaces->roots[spaces->current];
}

bool page_space_is_there(const uint8_t *memory, uint64_t number)
{
	return number < GUEST_SPACES_MAX && page_spaces_of(memory)->living >> number & 1;
}

/* The directory of the pool around `address`, in that space; NULL: there is none. */
static uint64_t *find_directory(const uint8_t *memory, uint64_t number, uint64_t address)
{
	uint64_t *table = (uint64_t *)(memory + page_spaces_of(memory)->roots[number]);
	for (int level = 3; level > 1; level--) {
		const uint64_t entry = table[page_entry_index(address, level)];
		if (!(entry & ENTRY_PRESENT))
			return NULL;
		table = page_table_below(memory, entry);
	}
	return table;
}

/* The list of own tables that belongs to a directory. */
static uint64_t *own_tables(uint64_t *directory)
{
	return directory + PAGE_ENTRIES;
}

bool page_space_owns(const uint8_t *memory, uint64_t number, uint64_t address)
{
	uint64_t *directory = number && address >= GUEST_POOL_BASE && address < GUEST_FILES_BASE
				  ? find_directory(memory, number, address)
				  : NULL;
	if (!directory)
		return false;
	const size_t i = page_entry_index(address, 1);
	return directory[i] && !((directory[i] ^ own_tables(directory)[i]) & ENTRY_ADDRESS);
}

/* ── own parts of the pool ──────────────────────────────────────────────────────────────────────────────────── */

static bool pool_holds(const struct image *image, const struct page_run *run)
{
	const struct image_region *pool = image_region_at(image, GUEST_POOL_BASE);
	return pool && run->length && !((run->address | run->length) % GUEST_SPACE_OWN_SIZE) &&
	       run->address >= pool->address &&
	       range_within(run->address - pool->address, run->length, pool->length);
}

/* An entry that leads to `count` new pages of tables, if it leads nowhere yet. */
static bool make_table(struct page_area *area, uint64_t *entry, uint64_t count)
{
	if (*entry)
		return true;
	const uint64_t taken = page_take_tables(area, count);
	if (taken)
		*entry = taken | ENTRY_TABLE;
	return taken;
}

/* The root of that space, and the upper tables of its pool. */
static int make_upper_tables(struct page_area *area, uint64_t number)
{
	uint64_t *place = &page_spaces_of(area->memory)->roots[number];
	if (!*place)
		*place = page_take_tables(area, 1);
	if (!*place)
		return -ENOMEM;
	const uint64_t *first = (const uint64_t *)(area->memory + PAGE_TABLES_ROOT);
	uint64_t *root = (uint64_t *)(area->memory + *place);
	for (size_t i = PAGE_PROGRAM_ENTRIES; i < PAGE_ENTRIES; i++)
		if (i != PAGE_POOL_ENTRY)
			root[i] = first[i];
	if (!first[PAGE_POOL_ENTRY])
		return 0;
	if (!make_table(area, &root[PAGE_POOL_ENTRY], 1))
		return -ENOMEM;
	const uint64_t *from = page_table_below(area->memory, first[PAGE_POOL_ENTRY]);
	uint64_t *to = page_table_below(area->memory, root[PAGE_POOL_ENTRY]);
	for (size_t i = 0; i < PAGE_ENTRIES; i++)
		if (from[i] && !make_table(area, &to[i], 2))
			return -ENOMEM;
	return 0;
}

/* Makes tables for parts of the pool that the space is to have for itself, and marks them in the
 * lists. */
static int mark_own(struct page_area *area, uint64_t number, const struct page_run *own)
{
	for (uint64_t done = 0; done < own->length; done += GUEST_SPACE_OWN_SIZE) {
		const uint64_t address = own->address + done;
		uint64_t *list = own_tables(find_directory(area->memory, number, address));
		uint64_t *entry = &list[page_entry_index(address, 1)];
		if (!make_table(area, entry, 1))
			return -ENOMEM;
		if (*entry & ENTRY_WANTED)
			return -EINVAL; /* twice */
		*entry |= ENTRY_WANTED;
	}
	return 0;
}

/* Takes the marks away. If the space is to be made, the directories lead to its own tables where they
 * were, and to the first space's everywhere else. */
static void direct_pool(struct page_area *area, uint64_t number, bool is_made,
			struct page_shrunk *shrunk)
{
	const struct image_region *pool = image_region_at(area->image, GUEST_POOL_BASE);
	const uint64_t end = pool ? pool->address + pool->length : 0;
	uint64_t *directory = NULL, *first = NULL;
	for (uint64_t at = GUEST_POOL_BASE; at < end; at += GUEST_SPACE_OWN_SIZE) {
		const size_t i = page_entry_index(at, 1);
		if (!i) {
			directory = find_directory(area->memory, number, at);
			first = find_directory(area->memory, 0, at);
		}
		uint64_t *own = &own_tables(directory)[i];
		const uint64_t before = directory[i], is_wanted = *own & ENTRY_WANTED;
		*own &= ~ENTRY_WANTED;
		if (!is_made)
			continue;
		directory[i] = is_wanted ? *own : first[i];
		if (shrunk && before && (before ^ directory[i]) & ENTRY_ADDRESS)
			shrunk->tables = true;
	}
}

static int begin_space(struct page_area *area, uint64_t number, const struct page_run *own,
		       size_t count, struct page_shrunk *shrunk)
{
	for (size_t i = 0; i < count; i++)
		if (!pool_holds(area->image, &own[i]))
			return -EINVAL;
	int result = make_upper_tables(area, number);
	if (result)
		return result;
	for (size_t i = 0; i < count && !result; i++)
		result = mark_own(area, number, &own[i]);
	direct_pool(area, number, !result, shrunk);
	if (!result)
		page_spaces_of(area->memory)->living |= 1UL << number;
	return result;
}

/* ── switching and dropping ──────────────────────────────────────────────────────────────────── */

int page_space_switch(struct page_area *area, uint64_t number)
{
	if (!page_space_is_there(area->memory, number))
		return -ENOENT;
	page_spaces_of(area->memory)->current = number;
	return 0;
}

typedef void leaf_visitor(const struct page_area *area, uint64_t *leaf, struct page_shrunk *shrunk);

static bool are_empty(const uint64_t entries[8])
{
	return !(entries[0] | entries[1] | entries[2] | entries[3] | entries[4] | entries[5] |
		 entries[6] | entries[7]);
}

/* Visits what is in leaves below the first `count` entries of a table. */
static void visit_table(const struct page_area *area, uint64_t *entries, int level, size_t count,
			leaf_visitor *visit, struct page_shrunk *shrunk)
{
	for (size_t i = 0; i < count; i++)
		if (!(i % 8) && count - i >= 8 && are_empty(&entries[i]))
			i += 7;
		else if (entries[i] && level)
			visit_table(area, page_table_below(area->memory, entries[i]), level - 1,
				    PAGE_ENTRIES, visit, shrunk);
		else if (entries[i])
			visit(area, &entries[i], shrunk);
}

/* Visits what is in leaves of that space's own tables, of which some may not be in use. */
static void visit_space(const struct page_area *area, uint64_t number, leaf_visitor *visit,
			struct page_shrunk *shrunk)
{
	uint64_t *root = (uint64_t *)(area->memory + page_spaces_of(area->memory)->roots[number]);
	visit_table(area, root, 3, PAGE_PROGRAM_ENTRIES, visit, shrunk);
	const uint64_t *upper = page_table_below(area->memory, root[PAGE_POOL_ENTRY]);
	for (size_t i = 0; root[PAGE_POOL_ENTRY] && i < PAGE_ENTRIES; i++)
		if (upper[i])
			visit_table(area, own_tables(page_table_below(area->memory, upper[i])), 1,
				    PAGE_ENTRIES, visit, shrunk);
}

static void leave(const struct page_area *area, uint64_t *leaf, struct page_shrunk *shrunk)
{
	if (!(*leaf & ENTRY_LEFT))
		page_area_leave(area, leaf);
}

int page_space_drop(struct page_area *area, uint64_t number)
{
	struct page_spaces *spaces = page_spaces_of(area->memory);
	if (!page_space_is_there(area->memory, number))
		return -ENOENT;
	if (!number || number == spaces->current)
		return -EBUSY;
	visit_space(area, number, leave, NULL);
	spaces->living &= ~(1UL << number);
	return 0;
}

/* ── making it ───────────────────────────────────────────────────────────────────────────────── */

static void forget_left(const struct page_area *area, uint64_t *leaf, struct page_shrunk *shrunk)
{
	if (!(*leaf & ENTRY_LEFT))
		return;
	if (shrunk)
		page_shrunk_note(shrunk, *leaf & ENTRY_ADDRESS);
	*leaf = 0;
}

static bool is_late(const struct page_area *area)
{
	return area->deadline_ns && clock_now_ns() >= area->deadline_ns;
}

int page_space_make(struct page_area *area, uint64_t number, const struct page_run *runs,
		    size_t own, size_t count, struct page_shrunk *shrunk)
{
	if (!number || number >= GUEST_SPACES_MAX)
		return -EINVAL;
	if (page_space_is_there(area->memory, number))
		return -EEXIST;
	int result = begin_space(area, number, runs, own, shrunk);
	if (result)
		return result;
	for (size_t i = own; i < own + count && !result; i++)
		result =
		    is_late(area) ? -ETIMEDOUT : page_space_map(area, number, &runs[i], shrunk);
	if (result) {
		page_space_drop(area, number);
		return result;
	}
	/* Where the same pages are as when the number was used last, there is nothing to forget. */
	visit_space(area, number, forget_left, shrunk);
	return 0;
}
