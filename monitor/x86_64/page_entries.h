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
#define ENTRY_MAPPED	 (1UL << 9)
#define ENTRY_AREA	 (1UL << 10)
#define ENTRY_MOVED	 (1UL << 11)
#define ENTRY_SHARED	 (1UL << 52)
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

/* The root of all tables lies where the system pages end. */
#define PAGE_TABLES_ROOT (IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE)

/* Which entry of a table of that level (3: the root, 0: leaves) stands for `address`. */
static inline uint64_t page_entry_index(uint64_t address, int level)
{
	return address >> (12 + 9 * level) & (PAGE_ENTRIES - 1);
}

/* The entry of the page at `address`; NULL where a level is missing or the page is a large one. */
static inline uint64_t *page_find_leaf(const uint8_t *memory, uint64_t address)
{
	uint64_t *table = (uint64_t *)(memory + PAGE_TABLES_ROOT);
	for (int level = 3; level > 0; level--) {
		uint64_t entry = table[page_entry_index(address, level)];
		if (!(entry & ENTRY_PRESENT) || entry & ENTRY_LARGE)
			return NULL;
		table = (uint64_t *)(memory + (entry & ENTRY_ADDRESS));
	}
	return &table[page_entry_index(address, 0)];
}

#endif
