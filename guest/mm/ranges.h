/* Ranges of memory as system calls name them. */
#ifndef MAYFLY_GUEST_RANGES_H
#define MAYFLY_GUEST_RANGES_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

/* Where Linux ends a program's memory: no pointer from here on is one. */
#define GUEST_USER_END ((1UL << 47) - GUEST_PAGE_SIZE)

static inline uint64_t page_count(uint64_t length)
{
	return divide_up(length, GUEST_PAGE_SIZE);
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
	if (mul_overflows(*pages, GUEST_PAGE_SIZE, &end) || add_overflows(end, address, &end))
		return -ENOMEM;
	return 0;
}

/* Could a program's memory lie there at all? */
static inline bool is_user_range(uint64_t address, uint64_t pages)
{
	return address <= GUEST_USER_END && pages <= (GUEST_USER_END - address) / GUEST_PAGE_SIZE;
}

#endif
