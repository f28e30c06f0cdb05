/* Address spaces of a machine (HYPERCALL_SPACE), in its page tables.
 *
 * Each has a root of its own. The program's addresses below it are its own; the pool has upper
 * tables of its own, so that a space can have parts of it for itself; all else is the first space's
 * tables. Which spaces there are, and which is current, stands among the tables, so that a snapshot
 * and a reset take it along.
 *
 * The tables of a space stay when it is dropped, and are the same number's again: KVM's shadow of
 * them would survive (page_area.h). Where a number's own parts of the pool become others, entries of
 * its upper tables change; then struct page_shrunk says so, and all must be forgotten.
 */
#ifndef MAYFLY_MONITOR_PAGE_SPACE_H
#define MAYFLY_MONITOR_PAGE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "page_area.h"

/* The current space of a machine with that memory; and where its root is, guest-physical. */
uint64_t page_space_current(const uint8_t *memory);
uint64_t page_space_root(const uint8_t *memory);

/* There is a space of that number, which may be anything. */
bool page_space_is_there(const uint8_t *memory, uint64_t number);

/* What of the pool is around `address` is that space's own. */
bool page_space_owns(const uint8_t *memory, uint64_t number, uint64_t address);

/* Makes space `number`. `runs` are `own` parts of the pool that it has for itself, of which address
 * and length count, and then `count` that are mapped in it. 0; -EINVAL; -EEXIST; -ENOMEM: no page is
 * left for tables; -ETIMEDOUT; or what page_area_map() says. After an error there is no such space. */
int page_space_make(struct page_area *area, uint64_t number, const struct page_run *runs,
		    size_t own, size_t count, struct page_shrunk *shrunk);

/* It is the current one from now on. 0 or -ENOENT. */
int page_space_switch(struct page_area *area, uint64_t number);

/* Takes a space away with what is mapped in it. 0; -ENOENT; -EBUSY: the first one, or the current.
 * What the processor remembers of it is forgotten when the number is made again, as far as other
 * pages are there then. */
int page_space_drop(struct page_area *area, uint64_t number);

/* page_area_map() (but *shrunk is not flushed), page_area_find() and page_area_unmap() in that space, which is there. It need not
 * be the current one. What is found lies at the program's addresses and in the space's own parts of
 * the pool. */
int page_space_map(struct page_area *area, uint64_t number, const struct page_run *run,
		   struct page_shrunk *shrunk);
bool page_space_find(const struct page_area *area, uint64_t number, uint64_t address, uint64_t end,
		     struct page_run *run);
void page_space_unmap(struct page_area *area, uint64_t number, const struct page_run *run,
		      struct page_shrunk *shrunk);

#endif
