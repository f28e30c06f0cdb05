/* Shared mappings; see shared.h. */
#include "shared.h"

#include <errno.h>

#include "backing.h"
#include "guest/machine/machine.h"
#include "pool.h"
#include "ranges.h"
#include "sizes/sizes.h"
#include "space.h"
#include "vma.h"

static const struct vma *find_shared_in(const struct address_space *space, uint64_t address)
{
	const struct vma_list *list = &space->vmas;
	const uint64_t index = vma_list_index(list, address);
	const struct vma *vma = index < list->count ? &list->vmas[index] : NULL;
	return vma && vma->start <= address && vma->shared ? vma : NULL;
}

static const struct vma *find_shared(uint64_t address)
{
	return find_shared_in(address_space_current(), address);
}

bool shared_fault(const struct vma *vma, uint64_t address, uint64_t pages)
{
	uint64_t offset, limit = vma->end, frame = 0;
	const struct backing *backing = backing_at(address, &offset, &limit);
	uint64_t length = pages * GUEST_PAGE_SIZE;
	if (length > limit - address)
		length = limit - address;
	int error;
	do {
		error = backing ? backing->operations->frames(backing, offset, &length, &frame)
				: -ENXIO;
	} while (error == -ENOMEM && vma_reclaim());
	if (error == -ENOMEM || (!error && vma_attach(address, address + length, frame)))
		pool_exhausted();
	if (error && error != -ENXIO)
		machine_tell("a file that the program mapped cannot be read any more (error %d)",
			     -error);
	return !error;
}

bool shared_is_behind_end(uint64_t address)
{
	const struct vma *vma = find_shared(address);
	const uint64_t page = round_down(address, GUEST_PAGE_SIZE);
	return vma && backing_end(page, page + GUEST_PAGE_SIZE) == page;
}

/* Addresses have 47 bits. */
static uint64_t private_home(uint64_t address)
{
	return address | (uint64_t)address_space_current()->number << 48;
}

uint64_t shared_home(uint64_t address)
{
	const struct vma *vma = find_shared(address);
	uint64_t offset, limit = UINT64_MAX, length = GUEST_PAGE_SIZE, frame;
	if (!vma)
		return private_home(address);
	if (vma->frame)
		return vma->frame + (address - vma->start);
	const uint64_t page = round_down(address, GUEST_PAGE_SIZE);
	const struct backing *backing = backing_at(page, &offset, &limit);
	if (!backing || backing->operations->frames(backing, offset, &length, &frame))
		return private_home(address);
	return frame + (address - page);
}

/* Pages can be taken away in the current space only. */
static bool forget_mapping(const struct address_space *space, uint64_t start, uint64_t end)
{
	const struct vma *vma;
	address_space_enter((struct address_space *)(uintptr_t)space);
	while (start < end && (vma = vma_find(start)) && vma->start < end) {
		const uint64_t from = vma->start > start ? vma->start : start;
		const uint64_t to = vma->end < end ? vma->end : end;
		/* The pages must not be seen where they were once they are somebody else's. */
		if (vma->shared && vma_discard(from, to))
			pool_exhausted();
		start = to;
	}
	return true;
}

void shared_forget(const void *object, uint64_t start, uint64_t end)
{
	struct address_space *const before = address_space_current();
	for (struct address_space *space = NULL; (space = address_space_next(space));)
		backing_each(space, object, start, end, forget_mapping);
	address_space_enter(before);
}

static bool is_not_writable(const struct address_space *space, uint64_t start, uint64_t end)
{
	const struct vma *vma = find_shared_in(space, start);
	(void)end;
	return !vma || vma->read_only;
}

bool shared_is_writable(const void *object)
{
	for (struct address_space *space = NULL; (space = address_space_next(space));)
		if (!backing_each(space, object, 0, UINT64_MAX, is_not_writable))
			return true;
	return false;
}
