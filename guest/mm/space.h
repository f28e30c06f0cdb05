/* Address spaces: what a process has of memory. Processes that were made by vfork, or share their memory
 * otherwise, have one together.
 *
 * The machine begins in the first one. There the program's segments and stack are regions
 * (regions.h), and brk and small mappings lie in the pool, where their pages are at home. In all others
 * the program has nothing but VMAs: in the mapping area, where the first space has its stack, and, as
 * they were there when the space was copied, in parts of the pool that the space has for itself.
 *
 * The library OS, its memory and the window are the same in all spaces. */
#ifndef MAYFLY_GUEST_SPACE_H
#define MAYFLY_GUEST_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "vma_list.h"

struct own_range {
	uint64_t start, end; /* multiples of GUEST_SPACE_OWN_SIZE */
};

struct address_space {
	uint32_t number; /* as HYPERCALL_SPACE has it; 0: the machine's first one */
	uint32_t references;
	struct vma_list vmas;
	struct backing_mapping *backings;
	uint64_t heap_begin, program_break; /* 0: brk was not called yet */
	uint64_t reclaim_from;		    /* see vma_reclaim() */
	uint64_t stub_pages;		    /* see code.c */
	/* The monitor has it: it was entered. What is in another one's list is there from then on. */
	bool is_made;
	bool is_lost;  /* it could not be made: nothing is there, and nobody can go on in it */
	uint64_t kind; /* the same where the same is likely to be at the same places */
	/* Parts of the pool, in order, none beside another. */
	struct own_range *own;
	uint64_t own_count;
};

extern struct address_space address_space_of_first;

/* The one that the machine runs in. */
struct address_space *address_space_current(void);

/* The space behind `before` (NULL: the first); NULL behind the last. */
struct address_space *address_space_next(const struct address_space *before);

void address_space_hold(struct address_space *space);

/* The machine runs in it from now on. The program's memory of another space cannot be seen then, not
 * even by the library OS. The monitor is told of a new space only then: to make one and to go there is
 * one hypercall, as is to go and to drop the one before. Where it cannot be made, the space is lost;
 * the second function says so by -ENOMEM or the monitor's refusal, the first ends the machine. */
void address_space_enter(struct address_space *space);
int address_space_try_enter(struct address_space *space);

/* The current space is to be dropped when the machine leaves it, if nobody else goes on in it. */
void address_space_leave_soon(struct address_space *space);

/* ── where the current space has what; ranges of any alignment ───────────────────────────────── */

/* Segments and stack are regions, and [address, address + length) of the pool is the program's, if
 * it is mapped there. */
bool address_space_has_regions(void);
bool address_space_has_pool(uint64_t address, uint64_t length);

/* VMAs can lie there. */
bool address_space_has_area(uint64_t address, uint64_t length);

/* Where such a place goes on or begins from `address` on: the part of it that lies below `end`. False:
 * there is none. */
bool address_space_next_area(uint64_t *address, uint64_t *end);

/* ── where the current space may not be made yet ─────────────────────────────────────────────── */

/* Where what belongs to `address`, which has a page, can be written; *length is moved down to where that
 * ends. */
void *space_window(uint64_t address, uint64_t *length);

/* HYPERCALL_UNMAP or _PROTECT. Nothing is to be done where the monitor has nothing. */
int64_t space_hypercall(enum guest_hypercall call, uint64_t first, uint64_t second, uint64_t third);

/* ── for address_space.c and address_space_copy.c ────────────────────────────────────────────── */

/* An empty one, without a number yet. NULL: *error is -ENOMEM or, if there are too many, -EAGAIN. */
struct address_space *space_allocate(int *error);

/* From now on it has a number, and is in the list. 0; -ENOMEM: the monitor takes less at once; or, where
 * it is to be made at once because it needs many tables, the monitor's refusal. */
int space_begin(struct address_space *space, uint64_t kind);

/* The current space becomes that one, which is not made yet; and the one before goes when the machine
 * leaves it, if nobody goes on there. */
void space_replace(struct address_space *space);

/* Makes the current space. 0, or why it is lost. */
int space_settle(void);

/* Its part at the monitor goes, if it is not gone yet, and it is in the list no more. The machine is in
 * another one. */
void space_end(struct address_space *space);

#endif
