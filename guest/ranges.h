/* Ranges of memory as system calls name them. */
#ifndef MAYFLY_GUEST_RANGES_H
#define MAYFLY_GUEST_RANGES_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

static inline uint64_t page_count(uint64_t length)
{
	return length / GUEST_PAGE_SIZE + (length % GUEST_PAGE_SIZE != 0);
}

static inline bool is_aligned(uint64_t address)
{
	return address % GUEST_PAGE_SIZE == 0;
}

/* A page-aligned range whose end does not overflow, of at least one page. */
static inline int check_range(uint64_t address, uint64_t length, uint64_t *pages)
{
	uint64_t end;
	*pages = page_count(length);
	if (!is_aligned(address) || !length)
		return -EINVAL;
	if (__builtin_mul_overflow(*pages, GUEST_PAGE_SIZE, &end) ||
	    __builtin_add_overflow(end, address, &end))
		return -ENOMEM;
	return 0;
}

/* Could a program's memory lie there at all? */
static inline bool is_user_range(uint64_t address, uint64_t pages)
{
	return address <= GUEST_USER_END && pages <= (GUEST_USER_END - address) / GUEST_PAGE_SIZE;
}

#endif
