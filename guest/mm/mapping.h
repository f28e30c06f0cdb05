/* Mappings of the program: what mmap() and its kind make and change. */
#ifndef MAYFLY_GUEST_MAPPING_H
#define MAYFLY_GUEST_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "backing.h"

/* A mapping that is to be made. */
struct map_request {
	uint64_t address, length; /* whole pages; the address may be anything unless it is fixed */
	uint32_t protection;	  /* GUEST_READ | …, as mapping_protection() says */
	uint64_t flags;		  /* of mmap() */
	struct backing *backing;  /* NULL: anonymous */
	uint64_t offset;
	uint64_t image, image_length; /* the backing's pages in the root image; or 0 */
	bool shared;		      /* with the backing, which can do that */
	bool read_only;		      /* shared, and cannot become writable */
};

/* 0 or -EINVAL. */
int mapping_check_protection(uint64_t protection);

/* What the processor makes of it: what can be written or executed can also be read. */
uint32_t mapping_protection(uint64_t protection);

/* Makes a mapping, in place of what is there. Its address or a negative errno. */
int64_t mapping_create(struct map_request *request);

/* Takes away what the program has there; `pages` lie below GUEST_USER_END. 0, -ENOMEM or the
 * monitor's refusal. */
int mapping_unmap(uint64_t address, uint64_t pages);

/* Another program takes the place of this one: takes away all that it has, its segments and its stack
 * as well. 0 or the monitor's refusal. */
int mapping_remove_all(void);

/* ── for mremap.c ────────────────────────────────────────────────────────────────────────────── */

/* Parts of that: at the address that was asked for, or where there is room.
 * The backing is not noted. */
int64_t mapping_make_fixed(const struct map_request *request);
int64_t mapping_make_anywhere(const struct map_request *request);

/* True if a mapping does not fit into the memory that is free now, and is to be refused. */
bool mapping_is_too_large(uint64_t pages, uint32_t protection, uint64_t flags);

/* What was made there just now, as a whole, goes; its backing was not noted. */
void mapping_remove(uint64_t address, uint64_t length);

#endif
