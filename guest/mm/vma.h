/* VMAs: mappings of the program whose addresses are apart from those of their pages. They lie in the
 * mapping area; in an address space that is not the machine's first one, whose program has nothing
 * else, also where that has its stack and its own parts of the pool (space.h). All functions
 * act in the space that is current.
 *
 * There is a list of them, ordered by address, split and merged as Linux does it. A VMA has no pages
 * at first. They come when they are first touched, some at a time (fault.h): from the pool, zeroed
 * or with a copy of the file's page; or, where they cannot be written, the root image's own. When
 * the library OS touches such memory it faults as the program does, and is served the same way. So
 * nothing here may run while a pointer of the program is in use.
 *
 * Addresses and lengths are multiples of the page size unless said otherwise. */
#ifndef MAYFLY_GUEST_VMA_H
#define MAYFLY_GUEST_VMA_H

#include <stdbool.h>
#include <stdint.h>

#include "fork_mark.h"
#include "vma_list.h"

/* The highest free range of that length that ends at `limit` or below; 0: none. */
uint64_t vma_unmapped_area(uint64_t length, uint64_t limit);

/* Nothing is mapped there, neither by the program nor of its segments. */
bool vma_is_free(uint64_t start, uint64_t end);

/* All of it is mapped; or mapped by one mapping, as mremap wants it. */
bool vma_is_mapped(uint64_t start, uint64_t end);
bool vma_is_uniform(uint64_t start, uint64_t end);

/* The end of what is mapped from `address` (any alignment) on and gives `access`; 0: nothing. */
uint64_t vma_accessible_end(uint64_t address, uint32_t access);

/* The first VMA that ends behind `address`, or NULL. It is gone with the next change. */
const struct vma *vma_find(uint64_t address);

/* Maps [start, end) anew, in place of what is there; `image` as in struct vma. 0; -ENOMEM,
 * also where segments of the program are in the way; or the monitor's refusal. */
int vma_map(uint64_t start, uint64_t end, uint32_t protection, uint64_t image);

/* The same for a mapping whose pages come from a file when they are touched. The caller tells
 * backing_set() which. */
int vma_map_file(uint64_t start, uint64_t end, uint32_t protection);

/* The same for a mapping that shares its pages with the file. */
int vma_map_shared(uint64_t start, uint64_t end, uint32_t protection, bool read_only);

/* Takes away what is mapped in [start, end). 0, -ENOMEM or the monitor's refusal. */
int vma_unmap(uint64_t start, uint64_t end);

/* 0; -ENOMEM where not all is mapped, -EACCES where it cannot be written: what comes before that
 * has changed; or a refusal. */
int vma_protect(uint64_t start, uint64_t end, uint32_t protection);

/* Takes mapped memory back to what it was when it was mapped. */
int vma_discard(uint64_t start, uint64_t end);

/* Marks mapped memory, or takes the mark away; vma_wipe_on_fork() sees to it in clones. -EINVAL: some
 * of it is a mapping of the root image, which cannot be wiped; -ENOMEM. */
int vma_set_mark(uint64_t start, uint64_t end, enum fork_mark mark, bool set);

/* 0 or the monitor's refusal. */
int vma_wipe_on_fork(void);

/* Moves [start, end), all of it mapped, to a free place. 0, -ENOMEM or the monitor's refusal. */
int vma_move(uint64_t start, uint64_t end, uint64_t target);

/* What is mapped in [start, end) has a copy of its file: what is discarded of it comes from there.
 * 0 or -ENOMEM. */
int vma_set_file_backed(uint64_t start, uint64_t end);

/* Takes some pages of files away that come back when they are touched. False: there are none. */
bool vma_reclaim(void);

/* Puts the pages at `source` behind [start, end), part of a VMA that has none there yet. -ENOMEM
 * or the monitor's refusal. */
int vma_attach(uint64_t start, uint64_t end, uint64_t source);

#endif
