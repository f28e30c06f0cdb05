/* Pages for tables, taken while a machine exists; for this folder. None is ever given back: see
 * memory/page_area.h. */
#ifndef MAYFLY_MONITOR_PAGE_TAKEN_H
#define MAYFLY_MONITOR_PAGE_TAKEN_H

#include <stdint.h>

#include "monitor/memory/page_area.h"

/* So many pages of zeros, side by side: the offset of the first; 0: there are none. */
uint64_t page_take_tables(struct page_area *area, uint64_t count);

/* The leaf entry for `address` below that root, with whatever tables it needs; NULL: there is no
 * room for them. */
uint64_t *page_make_leaf(struct page_area *area, uint64_t root, uint64_t address);

/* Takes away what page_space_map() put at a leaf, where nobody looks any more: the processor need not
 * forget it before the space is made again. */
void page_area_leave(const struct page_area *area, uint64_t *leaf);

#endif
