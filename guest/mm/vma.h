/* The mapping area: mappings of the program whose addresses are apart from those of their pages.
 *
 * It has a list of VMAs, ordered by address, split and merged as Linux does it. A VMA has no pages
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

struct vma {
	uint64_t start, end;
	uint64_t frame;	     /* the first page behind it, in pool or root image; 0: none yet */
	uint64_t image;	     /* what it is a private mapping of, in the root image; 0: nothing */
	uint32_t protection; /* GUEST_READ | … */
	bool wipe_on_fork;   /* zero in clones */
	bool file_backed;    /* pages that are not there come from its backing */
	bool dirty;	     /* its pages may have been written: they are not given back */
	bool shared;	     /* its pages are its backing's (shared.h), and stay with that */
	bool read_only;	     /* shared: it cannot become writable */
};

/* [address, address + length) of any alignment lies within the area. */
bool mmap_area_contains(uint64_t address, uint64_t length);

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

/* Notes whether mapped memory is zero in clones: vma_wipe_on_fork() sees to that.
 * -EINVAL: some of it is a mapping of the root image; -ENOMEM. */
int vma_set_wipe_on_fork(uint64_t start, uint64_t end, bool wipe_on_fork);

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
