/* The pool: the memory that the library OS hands out, to the program and to itself, by pages.
 *
 * All of it is mapped read-write and zero when the machine starts. A page that goes back and is
 * handed out again is zeroed then; a page that never was in use costs nothing. Addresses and
 * lengths here are multiples of the page size unless said otherwise.
 *
 * Pages are the program's only in the machine's first address space (space.h); another one that
 * was copied from it has copies at the same addresses, and so it has whole chunks of
 * GUEST_SPACE_OWN_SIZE for itself. The library OS's pages must be seen in all spaces: they lie in other
 * chunks, as long as there is memory. */
#ifndef MAYFLY_GUEST_POOL_H
#define MAYFLY_GUEST_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fork_mark.h"

/* The pool as the monitor gave it; once, before the program starts. */
void pool_init(void);

uint64_t pool_total_pages(void);
uint64_t pool_free_pages(void);

/* [address, address + length) of any alignment lies within the pool. */
bool pool_contains(uint64_t address, uint64_t length);

/* All bytes of the range (any alignment, within the pool) are the program's and give `access`. */
bool pool_accessible(uint64_t address, uint64_t length, uint32_t access);

/* The highest free range of that many pages, so that what grows from below has room; 0: none. */
uint64_t pool_find(uint64_t pages);

/* The chunks up to `end` are the program's heap, which grows: others come there last. */
void pool_keep_heap(uint64_t end);

bool pool_is_free(uint64_t address, uint64_t pages);

/* All pages are mapped for the program. */
bool pool_is_mapped(uint64_t address, uint64_t pages);

/* Any page belongs to the library OS. */
bool pool_is_reserved(uint64_t address, uint64_t pages);

/* Maps free pages for the program, zeroed and read-write. 0 or the monitor's refusal. */
int pool_map(uint64_t address, uint64_t pages);

/* Gives back those of the pages that are mapped for the program. */
void pool_unmap(uint64_t address, uint64_t pages);

/* Changes the permissions (GUEST_READ | …) of mapped pages. 0 or the monitor's refusal. */
int pool_protect(uint64_t address, uint64_t pages, uint32_t protection);

/* Zeroes mapped pages, whatever their permissions. 0 or the monitor's refusal. */
int pool_clear(uint64_t address, uint64_t pages);

/* All of the mapped pages have the same permissions: they are one mapping. */
bool pool_is_uniform(uint64_t address, uint64_t pages);

/* The permissions of a mapped page. */
uint32_t pool_protection(uint64_t address);

/* For mapped pages; pool_wipe_on_fork() sees to it in clones. */
void pool_set_mark(uint64_t address, uint64_t pages, enum fork_mark mark, bool set);
bool pool_has_mark(uint64_t address, enum fork_mark mark);

/* Mapped pages side by side of the same permissions and marks. */
struct pool_run {
	uint64_t start, end;
	uint32_t protection;
	bool wipe_on_fork, leave_on_fork;
};

/* The first one from `from` on, an address of the pool or its end. False: there is none. */
bool pool_next_run(uint64_t from, struct pool_run *run);

/* The first chunk, from that of `from` on, that has pages of the program. *is_mixed: it has some of the
 * library OS, too. 0: none. */
uint64_t pool_next_chunk(uint64_t from, bool *is_mixed);

/* A space has the chunks of [start, end) for itself, or does not any more. */
void pool_hold_chunks(uint64_t start, uint64_t end);
void pool_drop_chunks(uint64_t start, uint64_t end);

/* 0 or the monitor's refusal. */
int pool_wipe_on_fork(void);

/* Copies the contents of such pages to others that are writable. 0 or the monitor's refusal. */
int pool_copy(uint64_t to, uint64_t from, uint64_t pages);

/* Whole zeroed pages for the library OS itself (contents of files, pipes); NULL where the pool is
 * used up. */
void *pool_allocate(size_t count);

/* The same with anything in them: the caller overwrites all of it. */
void *pool_allocate_stale(size_t count);

void pool_release(void *pages, size_t count);

/* A page is wanted and there is none: says so in the log and ends the process by SIGKILL. */
__attribute__((noreturn)) void pool_exhausted(void);

#endif
