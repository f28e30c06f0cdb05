/* Page tables from outside; see memory/page_tables.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/memory/page_tables.h"
#include "page_entries.h"
#include "system_pages.h"
#include "util/cleanup.h"

struct table_check {
	const struct image *image;
	uint8_t *seen;	/* one byte for each page-table page: it is part of the tree already */
	uint8_t *moved; /* one for each page of the pool: it is in the mapping area */
	const struct image_region
	    *region; /* that was found last: the next page mostly lies there */
	/* The space is not the first one; it is there, and not only its tables. */
	bool is_other, is_living;
};

static const struct image_region *find_region(struct table_check *check, uint64_t address)
{
	const struct image_region *last = check->region;
	if (!last || address < last->address || address - last->address >= last->length)
		check->region = image_region_at(check->image, address);
	return check->region;
}

/* A page of the pool that is in the mapping area must be there once, and not at its own place. */
static bool moved_page_is_sound(struct table_check *check, uint64_t physical)
{
	const struct image_region *pool = image_region_at(check->image, GUEST_POOL_BASE);
	if (!pool || physical < pool->offset || physical - pool->offset >= pool->length)
		return false;
	const uint64_t index = (physical - pool->offset) / GUEST_PAGE_SIZE;
	const uint64_t *home =
	    page_find_home(check->image->memory, pool->address + index * GUEST_PAGE_SIZE);
	if (check->moved[index] || !home || *home != ENTRY_MOVED)
		return false;
	check->moved[index] = 1;
	return true;
}

/* One that is shared is at its own place as well. */
static bool shared_page_is_sound(const struct table_check *check, uint64_t physical)
{
	const struct image_region *pool = image_region_at(check->image, GUEST_POOL_BASE);
	if (!pool || physical < pool->offset || physical - pool->offset >= pool->length)
		return false;
	const uint64_t address = pool->address + (physical - pool->offset);
	const uint64_t *home = page_find_home(check->image->memory, address);
	return home && page_leaf_protection(*home) == (GUEST_READ | GUEST_WRITE) &&
	       (*home & ENTRY_ADDRESS) == physical;
}

/* The mapping area of the first space lies around its regions. What other spaces have for themselves
 * is all theirs to map. */
static bool is_in_area(const struct table_check *check, uint64_t address)
{
	return address >= GUEST_AREA_BASE &&
	       (check->is_other ||
		(address < GUEST_AREA_END && !image_region_at(check->image, address)));
}

/* There are pages that were moved there, and pages of the root image, to be read. */
static bool area_page_is_sound(struct table_check *check, uint64_t address, uint64_t leaf)
{
	const struct image *image = check->image;
	const uint64_t physical = leaf & ENTRY_ADDRESS;
	if (!is_in_area(check, address))
		return false;
	if (physical >= PAGE_ROOT_PHYSICAL)
		return physical - PAGE_ROOT_PHYSICAL < image->root_size &&
		       !(leaf & (ENTRY_WRITABLE | ENTRY_SHARED));
	if (leaf & ENTRY_SHARED)
		return shared_page_is_sound(check, physical);
	return moved_page_is_sound(check, physical);
}

/* Where the page at guest-virtual `address` may lie. */
static bool leaf_place_is_sound(struct table_check *check, uint64_t address, uint64_t leaf)
{
	const struct image *image = check->image;
	const uint64_t physical = leaf & ENTRY_ADDRESS;
	if (address >= GUEST_ROOT_BASE)
		return address - GUEST_ROOT_BASE < image->root_size && leaf & ENTRY_USER &&
		       physical == PAGE_ROOT_PHYSICAL + (address - GUEST_ROOT_BASE);
	if (address >= GUEST_SYSTEM_BASE)
		return !(leaf & ENTRY_USER) && address < SYSTEM_ADDRESS(SYSTEM_SUPERVISOR) &&
		       physical == IMAGE_SYSTEM_OFFSET + (address - GUEST_SYSTEM_BASE);
	if (!(leaf & ENTRY_USER) && (leaf & ENTRY_PRESENT))
		return false;
	if (address == GUEST_HYPERCALL)
		return physical == HYPERCALL_OFFSET && !(leaf & ENTRY_WRITABLE);
	if (address >= GUEST_WINDOW_BASE && address < GUEST_WINDOW_BASE + WINDOW_SIZE)
		return physical == PAGE_WINDOW_PHYSICAL + (address - GUEST_WINDOW_BASE);
	if (leaf & ENTRY_AREA)
		return area_page_is_sound(check, address, leaf);
	const struct image_region *region = find_region(check, address);
	return region && !(leaf & ENTRY_SHARED) &&
	       physical == region->offset + (address - region->address);
}

/* What was in a space that is gone. The monitor has the processor forget that page. */
static bool left_page_is_sound(const struct table_check *check, uint64_t leaf)
{
	const uint64_t known = ENTRY_LEFT | ENTRY_WRITABLE | ENTRY_NO_EXECUTE | ENTRY_ADDRESS;
	const uint64_t physical = leaf & ENTRY_ADDRESS;
	const struct image_region *pool = image_region_at(check->image, GUEST_POOL_BASE);
	if (leaf & ~known || !(leaf & ENTRY_LEFT))
		return false;
	if (physical >= PAGE_ROOT_PHYSICAL)
		return physical - PAGE_ROOT_PHYSICAL < check->image->root_size;
	return pool && physical >= pool->offset && physical - pool->offset < pool->length;
}

static bool leaf_is_sound(struct table_check *check, uint64_t address, uint64_t leaf)
{
	const uint64_t known = ENTRY_TABLE | ENTRY_DIRTY | ENTRY_MAPPED | ENTRY_AREA |
			       ENTRY_SHARED | ENTRY_NO_EXECUTE | ENTRY_ADDRESS;
	/* Nothing is mapped there, or the page is in a mapping area, which is checked above. */
	if (!leaf || (leaf == ENTRY_MOVED && !check->is_other))
		return true;
	if (check->is_other && !check->is_living)
		return left_page_is_sound(check, leaf);
	if (check->is_other && !(leaf & ENTRY_AREA))
		return false;
	if (!(leaf & ENTRY_MAPPED) || leaf & ~known || !leaf_place_is_sound(check, address, leaf))
		return false;
	if (address >= GUEST_ROOT_BASE)
		return !(leaf & ENTRY_WRITABLE) && leaf & ENTRY_NO_EXECUTE;
	/* The program may write code; what lies from the window on is never both. */
	return address >= GUEST_SYSTEM_BASE || address < GUEST_WINDOW_BASE ||
	       !(leaf & ENTRY_WRITABLE) || (leaf & ENTRY_NO_EXECUTE);
}

/* Large pages map the root image only: at its address, whole pages of it, read-only. */
static bool large_page_is_sound(const struct table_check *check, uint64_t address, uint64_t entry)
{
	const uint64_t size = check->image->root_size, offset = address - GUEST_ROOT_BASE;
	const uint64_t wanted =
	    (PAGE_ROOT_PHYSICAL + offset) | page_leaf_bits_for(GUEST_READ, true) | ENTRY_LARGE;
	return address >= GUEST_ROOT_BASE && size >= IMAGE_LARGE_PAGE &&
	       offset <= size - IMAGE_LARGE_PAGE && (entry | ENTRY_ACCESSED) == wanted;
}

/* Each page of tables may be used once, so that the tree is walked in bounded time. */
static bool take_table(struct table_check *check, uint64_t table)
{
	const struct image *image = check->image;
	if (table < image->page_tables || table % GUEST_PAGE_SIZE ||
	    table >= image->page_tables + image->page_tables_size)
		return false;
	uint8_t *seen = &check->seen[(table - image->page_tables) / GUEST_PAGE_SIZE];
	if (*seen)
		return false;
	*seen = 1;
	return true;
}

static bool table_is_sound(struct table_check *check, uint64_t table, int level, uint64_t address);

/* An entry of a table of level 1 or higher. */
static bool upper_entry_is_sound(struct table_check *check, uint64_t entry, int level,
				 uint64_t address)
{
	const uint64_t known = ENTRY_TABLE | ENTRY_DIRTY | ENTRY_ADDRESS;
	if (!(entry & ENTRY_PRESENT))
		return !entry;
	if (level == 1 && entry & ENTRY_LARGE)
		return !check->is_other && large_page_is_sound(check, address, entry);
	return !(entry & ~known) &&
	       table_is_sound(check, entry & ENTRY_ADDRESS, level - 1, address);
}

static bool table_is_sound(struct table_check *check, uint64_t table, int level, uint64_t address)
{
	if (!take_table(check, table))
		return false;
	const uint64_t *entries = (const uint64_t *)(check->image->memory + table);
	for (uint64_t i = 0; i < PAGE_ENTRIES; i++) {
		const uint64_t entry = entries[i], below = address | i << (12 + 9 * level);
		if (level == 0 ? !leaf_is_sound(check, below, entry)
			       : !upper_entry_is_sound(check, entry, level, below))
			return false;
	}
	return true;
}

/* Where there is a pool, it begins where it belongs, and the first space has all directories of it:
 * those of other spaces are made after them. The tables were checked before. */
static bool pool_is_whole(const struct image *image)
{
	const struct image_region *pool = image_region_at(image, GUEST_POOL_BASE);
	const uint64_t *root = (const uint64_t *)(image->memory + PAGE_TABLES_ROOT);
	if (!pool)
		return true;
	if (pool->address != GUEST_POOL_BASE || !root[PAGE_POOL_ENTRY] ||
	    pool->length > GUEST_FILES_BASE - GUEST_POOL_BASE)
		return false;
	const uint64_t *upper = page_table_below(image->memory, root[PAGE_POOL_ENTRY]);
	for (uint64_t i = 0; i <= page_entry_index(pool->address + pool->length - 1, 2); i++)
		if (!upper[i])
			return false;
	return true;
}

/* ── other spaces ────────────────────────────────────────────────────────────────────────────── */

/* Two entries lead to the same, with the same rights; what the processor notes in them may differ. */
static bool is_same_entry(uint64_t one, uint64_t other)
{
	return (one | ENTRY_ACCESSED) == (other | ENTRY_ACCESSED);
}

/* A directory of a space's pool, the list of own tables behind it, and these (page_space.c).
 * `first`: the same directory of the first space. */
static bool directory_is_sound(struct table_check *check, uint64_t directory, const uint64_t *first,
			       uint64_t address)
{
	const uint8_t *memory = check->image->memory;
	if (!take_table(check, directory) || !take_table(check, directory + GUEST_PAGE_SIZE))
		return false;
	const uint64_t *entries = (const uint64_t *)(memory + directory);
	const uint64_t *own = entries + PAGE_ENTRIES;
	for (uint64_t i = 0; i < PAGE_ENTRIES; i++) {
		const uint64_t below = address | i << 21;
		/* Own tables that are not in use have nothing in them. */
		const bool is_own = own[i] && is_same_entry(entries[i], own[i]);
		const bool is_living = check->is_living;
		check->is_living = is_living && is_own;
		const bool is_sound = upper_entry_is_sound(check, own[i], 1, below);
		check->is_living = is_living;
		if (!is_sound)
			return false;
		if (!is_own && !(first[i] && is_same_entry(entries[i], first[i])) &&
		    (entries[i] || (first[i] && is_living)))
			return false;
	}
	return true;
}

/* The pool's upper tables of a space, at `upper`. */
static bool pool_is_sound(struct table_check *check, uint64_t upper, uint64_t first_upper)
{
	const uint8_t *memory = check->image->memory;
	const uint64_t known = ENTRY_TABLE | ENTRY_DIRTY | ENTRY_ADDRESS;
	if (!take_table(check, upper & ENTRY_ADDRESS) || upper & ~known || !(upper & ENTRY_PRESENT))
		return false;
	const uint64_t *entries = page_table_below(memory, upper);
	const uint64_t *first = page_table_below(memory, first_upper);
	for (uint64_t i = 0; i < PAGE_ENTRIES; i++) {
		if (!entries[i] && (!first[i] || !check->is_living))
			continue;
		if (!first[i] || entries[i] & ~known || !(entries[i] & ENTRY_PRESENT) ||
		    !directory_is_sound(check, entries[i] & ENTRY_ADDRESS,
					page_table_below(memory, first[i]),
					GUEST_POOL_BASE | i << 30))
			return false;
	}
	return true;
}

/* All that a space has not for itself is the first space's. */
static bool space_is_sound(struct table_check *check, uint64_t root)
{
	const uint8_t *memory = check->image->memory;
	if (!take_table(check, root))
		return false;
	const uint64_t *entries = (const uint64_t *)(memory + root);
	const uint64_t *first = (const uint64_t *)(memory + PAGE_TABLES_ROOT);
	const uint64_t pool = entries[PAGE_POOL_ENTRY];
	for (uint64_t i = 0; i < PAGE_ENTRIES; i++) {
		if (i < PAGE_PROGRAM_ENTRIES
			? !upper_entry_is_sound(check, entries[i], 3, i << 39)
			: i != PAGE_POOL_ENTRY && !is_same_entry(entries[i], first[i]))
			return false;
	}
	if (!pool)
		return !first[PAGE_POOL_ENTRY] || !check->is_living;
	return first[PAGE_POOL_ENTRY] && pool_is_sound(check, pool, first[PAGE_POOL_ENTRY]);
}

/* Which spaces there are, and the tables of all but the first, which were checked before. */
static bool spaces_are_sound(struct table_check *check)
{
	static const uint8_t zeros[GUEST_PAGE_SIZE];
	const struct page_spaces *spaces = page_spaces_of(check->image->memory);
	if (!take_table(check, PAGE_SPACES) || !(spaces->living & 1) ||
	    spaces->current >= GUEST_SPACES_MAX || !(spaces->living >> spaces->current & 1) ||
	    spaces->roots[0] != PAGE_TABLES_ROOT ||
	    memcmp(spaces + 1, zeros, GUEST_PAGE_SIZE - sizeof(*spaces)) != 0)
		return false;
	check->is_other = true;
	for (uint64_t i = 1; i < GUEST_SPACES_MAX; i++) {
		check->is_living = spaces->living >> i & 1;
		if (spaces->roots[i] ? !space_is_sound(check, spaces->roots[i]) : check->is_living)
			return false;
	}
	return true;
}

/* Pages that are not tables yet may become tables without being cleared (page_area.h). */
static bool spare_tables_are_zero(const struct table_check *check)
{
	static const uint8_t zeros[GUEST_PAGE_SIZE];
	const struct image *image = check->image;
	const uint64_t end = image->page_tables + image->page_tables_size;
	uint64_t at = image->page_tables, stop;
	for (; image_find_data(image, &at, end, &stop); at = stop)
		for (uint64_t page = at; page < stop; page += GUEST_PAGE_SIZE)
			if (!check->seen[(page - image->page_tables) / GUEST_PAGE_SIZE] &&
			    memcmp(image->memory + page, zeros, sizeof(zeros)) != 0)
				return false;
	return true;
}

int page_tables_check(const struct image *image, const struct port_set *ports, struct error *error)
{
	cleanup_free uint8_t *seen = calloc(image->page_tables_size / GUEST_PAGE_SIZE, 1);
	cleanup_free uint8_t *moved = calloc(image->size / GUEST_PAGE_SIZE, 1);
	if (!seen || !moved)
		return error_set(error, ENOMEM, "no memory to check page tables");
	if (!system_pages_are_sound(image->memory + IMAGE_SYSTEM_OFFSET, ports))
		return error_set(error, EBADMSG, "the descriptor tables are not Mayfly's");
	struct table_check check = {.image = image, .seen = seen, .moved = moved};
	if (image->page_tables_size < 2 * GUEST_PAGE_SIZE ||
	    !table_is_sound(&check, PAGE_TABLES_ROOT, 3, 0) || !pool_is_whole(image) ||
	    !spaces_are_sound(&check) || !spare_tables_are_zero(&check))
		return error_set(error, EBADMSG, "the page tables are not sound");
	return 0;
}
