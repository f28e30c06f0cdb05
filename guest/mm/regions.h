/* The program's segments and stack: the regions that the monitor named at the start, and what the
 * program did to their permissions since. */
#ifndef MAYFLY_GUEST_REGIONS_H
#define MAYFLY_GUEST_REGIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

/* All of [address, end) lies in regions that give `access` (GUEST_READ | …). */
bool regions_accessible(uint64_t address, uint64_t end, uint32_t access);

/* Where a region begins that has some of [start, end), also one that was unmapped: its pages are of
 * no use to anybody else. 0: none has. */
uint64_t regions_overlap(uint64_t start, uint64_t end);

/* The end of the region that has `address` (any alignment) and gives `access`; 0: none. */
uint64_t regions_accessible_end(uint64_t address, uint32_t access);

/* Changes the permissions of [start, end), page-aligned. 0; -ENOMEM where some of it is not mapped
 * or there are more pieces than can be kept; or the monitor's refusal. */
int regions_protect(uint64_t start, uint64_t end, uint32_t protection);

/* Takes away what there is of the program in [start, end). */
int regions_unmap(uint64_t start, uint64_t end);

/* Another program takes the place of the first one: takes all of it away. 0 or the monitor's
 * refusal. */
int regions_release(void);

/* Where the part of [start, end) that begins at `start` ends: all of it lies in regions that were
 * unmapped (*within), or nothing of it lies in any. */
uint64_t regions_part(uint64_t start, uint64_t end, bool *within);

/* Gives [start, end), which lies in regions that were unmapped, to the program again, with what it
 * holds. 0; -ENOMEM: there are more pieces than can be kept; or the monitor's refusal. */
int regions_claim(uint64_t start, uint64_t end, uint32_t protection);

/* The region with the lowest start from `address` on, of those that are the program's; NULL:
 * none. The list has no order. */
const struct guest_region *regions_next(uint64_t address);

#endif
