/* The mapping area: mappings of the program that have addresses of their own, apart from the pages
 * that are behind them.
 *
 * What the program mapped is a list of pieces, ordered by address, split and merged as Linux does
 * with its VMAs. A piece has no pages at first; those come when they are first touched, some at a
 * time: from the pool, zeroed or with a copy of the file's page, or the root image's own where they
 * cannot be written. The library OS's own touch is as good as the program's: it faults and is
 * served the same way, so that nothing here may run while pointers of the program are in use.
 *
 * Addresses and lengths are multiples of the page size unless said otherwise.
 */
#ifndef MAYFLY_GUEST_AREA_H
#define MAYFLY_GUEST_AREA_H

#include <stdbool.h>
#include <stdint.h>

struct area_piece {
	uint64_t start, end;
	uint64_t source;     /* the first page behind it, in pool or root image; 0: none yet */
	uint64_t origin;     /* what it is a private mapping of, in the root image; 0: nothing */
	uint32_t protection; /* GUEST_READ | … */
};

/* [address, address + length) of any alignment lies within the area. */
bool area_contains(uint64_t address, uint64_t length);

/* The highest free range of that length that ends at `limit` or below; 0: none. */
uint64_t area_find(uint64_t length, uint64_t limit);

/* Nothing is mapped there, neither by the program nor of its segments. */
bool area_is_free(uint64_t start, uint64_t end);

/* All of it is mapped; or mapped by one mapping, as mremap wants it. */
bool area_is_mapped(uint64_t start, uint64_t end);
bool area_is_uniform(uint64_t start, uint64_t end);

/* The end of what is mapped from `address` (any alignment) on and gives `access`; 0: nothing. */
uint64_t area_accessible_end(uint64_t address, uint32_t access);

/* The first piece that ends behind `address`, or NULL. It is gone with the next change. */
const struct area_piece *area_piece_from(uint64_t address);

/* Maps [start, end) anew, in place of what is there; `origin` as in struct area_piece. 0; -ENOMEM,
 * also where segments of the program are in the way; or the monitor's refusal. */
int area_map(uint64_t start, uint64_t end, uint32_t protection, uint64_t origin);

/* Takes away what is mapped in [start, end). 0, -ENOMEM or the monitor's refusal. */
int area_unmap(uint64_t start, uint64_t end);

/* 0; -ENOMEM where not all is mapped: what comes before that has changed; or a refusal. */
int area_protect(uint64_t start, uint64_t end, uint32_t protection);

/* Takes mapped memory back to what it was when it was mapped. */
int area_discard(uint64_t start, uint64_t end);

/* Moves [start, end), all of it mapped, to a free place. 0, -ENOMEM or the monitor's refusal. */
int area_move(uint64_t start, uint64_t end, uint64_t target);

/* ── area_fill.c ────────────────────────────────────────────────────────────────────────────── */

/* Something touched `address` (any alignment), to do what `access` says: gives it a page. False
 * where it is the program's mistake. Where no memory is left the program ends here. */
bool area_touch(uint64_t address, uint32_t access);

/* Gives all of [start, end), which is mapped and may be accessed, pages at once. */
void area_populate(uint64_t start, uint64_t end);

/* Gives pages to what lies beside touched memory, as far as some can be spared: the program is
 * about to be frozen, and a request that goes on where the set-up stopped need not fault. */
void area_fill_ahead(void);

/* Puts `source` behind [start, end), part of a piece that has no page there yet. -ENOMEM or the
 * monitor's refusal. */
int area_attach(uint64_t start, uint64_t end, uint64_t source);

#endif
