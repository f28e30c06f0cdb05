/* Address spaces as they come and go; see address_space.h. */
#include "address_space.h"

#include "backing.h"
#include "heap.h"
#include "mapping.h"
#include "pool.h"
#include "vma.h"

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
	if (--space->references)
		return;
	if (space == &address_space_of_first)
		empty_first();
	else
		end_other(space);
}

int address_space_renew(struct address_space **own)
{
	int error;
	if ((*own)->references == 1)
		return mapping_remove_all();
	struct address_space *space = space_allocate(&error);
	if (!space)
		return error;
	error = space_begin(space, 0);
	if (error) {
		address_space_release(space);
		return error;
	}
	address_space_enter(space);
	address_space_drop(*own);
	*own = space;
	return 0;
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
