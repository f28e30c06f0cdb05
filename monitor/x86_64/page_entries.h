/* Page-table entries of a guest, for this folder (SDM 3A, 4.5). */
#ifndef MAYFLY_MONITOR_PAGE_ENTRIES_H
#define MAYFLY_MONITOR_PAGE_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/memory/image.h"

#define ENTRY_PRESENT  (1UL << 0)
#define ENTRY_WRITABLE (1UL << 1)
#define ENTRY_USER     (1UL << 2)
#define ENTRY_ACCESSED (1UL << 5)
#define ENTRY_DIRTY    (1UL << 6)
/* In a table of level 1: no table below, but IMAGE_LARGE_PAGE of memory. Only the root image has
 * such entries, which nothing changes. */
#define ENTRY_LARGE (1UL << 7)
/* Free for software, in leaves only: something is mapped here, if it may be accessed or not; it was
 * put here by page_area_map(), and is at its own place as well (SHARED) or not; the page of the
 * pool that belongs here is in the mapping area. */
#define ENTRY_MAPPED (1UL << 9)
#define ENTRY_AREA   (1UL << 10)
#define ENTRY_MOVED  (1UL << 11)
#define ENTRY_SHARED (1UL << 52)
/* In a leaf that is not present, of a space that was dropped: the page that was there, and its rights,
 * which the processor may remember. */
#define ENTRY_LEFT (1UL << 53)
/* Free for software in upper levels: for the moment, while a space is made. */
#define ENTRY_WANTED	 (1UL << 9)
#define ENTRY_NO_EXECUTE (1UL << 63)
#define ENTRY_ADDRESS	 0x000ffffffffff000UL

#define PAGE_ENTRIES 512

/* Upper levels: rights are narrowed in the leaves only. */
#define ENTRY_TABLE (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_ACCESSED)

static inline uint64_t page_leaf_bits(uint32_t protection)
{
	if (!protection)
		return ENTRY_MAPPED;
	/* Accessed and dirty are set from the start: otherwise the processor would set them, and a
	 * request that maps nothing would write page-table pages. */
	return ENTRY_MAPPED | ENTRY_PRESENT | ENTRY_ACCESSED | ENTRY_USER |
	       (protection & GUEST_WRITE ? ENTRY_WRITABLE | ENTRY_DIRTY : 0) |
	       (protection & GUEST_EXECUTE ? 0 : ENTRY_NO_EXECUTE);
}

/* The same for pages that only the kernel may use, where `user` is not set. */
static inline uint64_t page_leaf_bits_for(uint32_t protection, bool user)
{
	return page_leaf_bits(protection) & ~(user ? 0 : ENTRY_USER);
}

static inline uint32_t page_leaf_protection(uint64_t leaf)
{
	if (!(leaf & ENTRY_PRESENT))
		return 0;
	return GUEST_READ | (leaf & ENTRY_WRITABLE ? GUEST_WRITE : 0) |
	       (leaf & ENTRY_NO_EXECUTE ? 0 : GUEST_EXECUTE);
}

/* What the processor may remember of an entry: what it allows, or allowed. */
static inline uint64_t page_entry_remembered(uint64_t entry)
{
	return entry | (entry & ENTRY_LEFT ? ENTRY_PRESENT : 0);
}

/* True if entry `after` of a leaf page table allows less than `before`, or maps another page. */
static inline bool page_entry_shrinks(uint64_t before, uint64_t after)
{
	before = page_entry_remembered(before);
	after = page_entry_remembered(after);
	if (!(before & ENTRY_PRESENT))
		return false;
	return !(after & ENTRY_PRESENT) || ((before ^ after) & ENTRY_ADDRESS) ||
	       ((before & ENTRY_WRITABLE) && !(after & ENTRY_WRITABLE)) ||
	       (!(before & ENTRY_NO_EXECUTE) && (after & ENTRY_NO_EXECUTE));
}

/* The root of the first space's tables lies where the system pages end, and behind it what says
 * which spaces there are. */
#define PAGE_TABLES_ROOT (IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE)
#define PAGE_SPACES	 (PAGE_TABLES_ROOT + GUEST_PAGE_SIZE)

/* The spaces of a machine, in a page of its tables that no guest sees. */
struct page_spaces {
	uint64_t current;
	uint64_t living; /* bit n: space n is there; the first always is */
	/* Of all that ever were there: their tables stay (memory/page_space.h). 0: never was. */
	uint64_t roots[GUEST_SPACES_MAX];
};
_Static_assert(sizeof(struct page_spaces) <= GUEST_PAGE_SIZE && GUEST_SPACES_MAX <= 64,
	       "a page, and a bit for each");

static inline struct page_spaces *page_spaces_of(const uint8_t *memory)
{
	return (struct page_spaces *)(memory + PAGE_SPACES);
}

/* Which entry of a table of that level (3: the root, 0: leaves) stands for `address`. */
static inline uint64_t page_entry_index(uint64_t address, int level)
{
	return address >> (12 + 9 * level) & (PAGE_ENTRIES - 1);
}

/* For how many pages of [address, address + length) the entries lie side by side in one table. */
static inline uint64_t page_leaves_in_row(uint64_t address, uint64_t length)
{
	const uint64_t rest = PAGE_ENTRIES - page_entry_index(address, 0);
	return length / GUEST_PAGE_SIZE < rest ? length / GUEST_PAGE_SIZE : rest;
}

/* Entries of a root that each space has for itself: the program's addresses, and the pool, which has
 * an entry of its own. All others are the first space's. */
#define PAGE_PROGRAM_ENTRIES (GUEST_STACK_TOP >> 39)
#define PAGE_POOL_ENTRY	     (GUEST_POOL_BASE >> 39)
_Static_assert(!(GUEST_STACK_TOP & ((1UL << 39) - 1)) && !(GUEST_POOL_BASE & ((1UL << 39) - 1)) &&
		   GUEST_FILES_BASE >> 39 > PAGE_POOL_ENTRY,
	       "nothing else lies there");

/* The table that an entry leads to. */
static inline uint64_t *page_table_below(const uint8_t *memory, uint64_t entry)
{
	return (uint64_t *)(memory + (entry & ENTRY_ADDRESS));
}

/* The entry of the page at `address` below that root; NULL where a level is missing or the page is a
 * large one. */
static inline uint64_t *page_find_leaf_below(const uint8_t *memory, uint64_t root, uint64_t address)
{
	uint64_t *table = (uint64_t *)(memory + root);
	for (int level = 3; level > 0; level--) {
		uint64_t entry = table[page_entry_index(address, level)];
		if (!(entry & ENTRY_PRESENT) || entry & ENTRY_LARGE)
			return NULL;
		table = page_table_below(memory, entry);
	}
	return &table[page_entry_index(address, 0)];
}

/* The same in the current space. */
static inline uint64_t *page_find_leaf(const uint8_t *memory, uint64_t address)
{
	const struct page_spaces *spaces = page_spaces_of(memory);
	return page_find_leaf_below(memory, spaces->roots[spaces->current], address);
}

/* The same in the first space, where each page of the pool has its place. */
static inline uint64_t *page_find_home(const uint8_t *memory, uint64_t address)
{
	return page_find_leaf_below(memory, PAGE_TABLES_ROOT, address);
}

#endif
