/* The VMAs of one address space, in the order of their addresses: split and merged as Linux does it.
 * Nothing here maps or unmaps; vma.h does. */
#ifndef MAYFLY_GUEST_VMA_LIST_H
#define MAYFLY_GUEST_VMA_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

struct vma {
	uint64_t start, end;
	uint64_t frame;	     /* the first page behind it, in pool or root image; 0: none yet */
	uint64_t image;	     /* what it is a private mapping of, in the root image; 0: nothing */
	uint32_t protection; /* GUEST_READ | … */
	bool wipe_on_fork;   /* zero in clones and children */
	bool leave_on_fork;  /* not there in children */
	bool file_backed;    /* pages that are not there come from its backing */
	bool dirty;	     /* its pages may have been written: they are not given back */
	bool shared;	     /* its pages are its backing's (shared.h), and stay with that */
	bool read_only;	     /* shared: it cannot become writable */
};

struct vma_list {
	struct vma *vmas;
	uint64_t count, capacity;
	bool has_wipe_on_fork; /* a VMA may be wipe_on_fork */
};

/* The index of the first VMA that ends behind `address`. */
uint64_t vma_list_index(const struct vma_list *list, uint64_t address);

/* Room for that many VMAs more. 0 or -ENOMEM. */
int vma_list_reserve(struct vma_list *list, uint64_t more);

/* There is room. */
void vma_list_insert(struct vma_list *list, uint64_t index, const struct vma *vma);

void vma_list_remove(struct vma_list *list, uint64_t index, uint64_t count);

/* Merges those VMAs that touch [start, end] and can be merged. */
void vma_list_merge(struct vma_list *list, uint64_t start, uint64_t end);

/* True if the second VMA continues the first in all respects; or in all but where its frames lie. */
bool vma_can_merge(const struct vma *first, const struct vma *second);
bool vma_continues(const struct vma *first, const struct vma *second);

/* Makes start and end borders; *first and *behind are the indices of what lies between. */
int vma_list_isolate(struct vma_list *list, uint64_t start, uint64_t end, uint64_t *first,
		     uint64_t *behind);

/* Adds a VMA where nothing is. 0 or -ENOMEM. */
int vma_list_add(struct vma_list *list, const struct vma *vma);

/* Gives the list's memory back. */
void vma_list_release(struct vma_list *list);

/* The pool gave its pages to it. */
static inline bool vma_has_frames(const struct vma *vma)
{
	return vma->frame && vma->frame < GUEST_ROOT_BASE && !vma->shared;
}

/* `second` begins where [first, first + length) ends; or both are nothing (0). */
static inline bool vma_goes_on(uint64_t first, uint64_t length, uint64_t second)
{
	return first ? second == first + length : !second;
}

#endif
