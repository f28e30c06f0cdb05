/* Address spaces as they come and go; see address_space.h. */
#include "address_space.h"

#include "backing.h"
#include "heap.h"
#include "mapping.h"
#include "pool.h"
#include "vma.h"

/* Of the pool, that has to be free while two programs have their memory. */
#define REPLACED_SHARE 4

/* Another program has taken its place, and nobody is in it; it is given back when the monitor has
 * dropped it. NULL: there is none. */
static struct address_space *replaced;

void address_space_release(struct address_space *space)
{
	for (uint64_t i = 0; i < space->vmas.count; i++) {
		const struct vma *vma = &space->vmas.vmas[i];
		if (vma_has_frames(vma))
			pool_release((void *)vma->frame, (vma->end - vma->start) / GUEST_PAGE_SIZE);
	}
	vma_list_release(&space->vmas);
	backings_release(space);
	heap_free(space->own, space->own_count * sizeof(*space->own));
	heap_free(space, sizeof(*space));
}

static void end_other(struct address_space *space)
{
	if (space == address_space_current())
		address_space_enter(&address_space_of_first);
	space_end(space);
	address_space_release(space);
}

static void release_replaced(void)
{
	/* The machine may be there as long as the one in its place is not made. */
	if (replaced && (!replaced->is_made || address_space_current()->is_made)) {
		space_end(replaced);
		address_space_release(replaced);
		replaced = NULL;
	}
}

/* Nobody is in it any more, but it stays: the monitor's pages are there. */
static void empty_first(void)
{
	struct address_space *const before = address_space_current();
	address_space_enter(&address_space_of_first);
	if (mapping_remove_all())
		pool_exhausted();
	address_space_enter(before);
}

void address_space_drop(struct address_space *space)
{
	release_replaced();
	if (--space->references)
		return;
	if (space == &address_space_of_first)
		empty_first();
	else
		end_other(space);
}

/* What is there goes only when the new program's memory is there, and the first space does not go. */
static bool can_be_replaced(const struct address_space *space)
{
	release_replaced();
	return space->number && space->is_made && !replaced &&
	       pool_free_pages() >= pool_total_pages() / REPLACED_SHARE;
}

int address_space_renew(struct address_space **own, uint64_t kind)
{
	struct address_space *const before = *own;
	const bool is_alone = before->references == 1;
	int error;
	if (is_alone && !can_be_replaced(before))
		return mapping_remove_all();
	struct address_space *space = space_allocate(&error);
	if (!space)
		return is_alone ? mapping_remove_all() : error;
	error = space_begin(space, kind);
	if (error) {
		address_space_release(space);
		return error;
	}
	if (is_alone)
		replaced = before;
	before->references--;
	space_replace(space);
	*own = space;
	return 0;
}

int address_space_settle(void)
{
	const int error = space_settle();
	release_replaced();
	return error;
}

int address_spaces_wipe_on_fork(void)
{
	struct address_space *const before = address_space_current();
	int error = 0;
	for (struct address_space *space = NULL; (space = address_space_next(space)) && !error;) {
		if (!space->vmas.has_wipe_on_fork && space->number)
			continue;
		address_space_enter(space);
		error = vma_wipe_on_fork();
		if (!error && !space->number)
			error = pool_wipe_on_fork();
	}
	address_space_enter(before);
	return error;
}
