/* The system call that moves mappings and gives them other sizes. */
#include <errno.h>
#include <sys/mman.h>

#include "backing.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "madvise.h"
#include "mapping.h"
#include "pool.h"
#include "ranges.h"
#include "regions.h"
#include "space.h"
#include "user_memory.h"
#include "vma.h"

/* A mapping that is to be moved or to get another size. */
struct resize {
	uint64_t address, length, new_length; /* whole pages */
	uint32_t protection;
	bool in_pool;
	bool file_backed; /* more of it is more of the file */
	bool shared, read_only;
};

static int check_old(struct resize *resize)
{
	const uint64_t pages = resize->length / GUEST_PAGE_SIZE;
	resize->in_pool = address_space_has_pool(resize->address, resize->length);
	if (resize->in_pool) {
		if (!pool_is_mapped(resize->address, pages) ||
		    !pool_is_uniform(resize->address, pages))
			return -EFAULT;
		resize->protection = pool_protection(resize->address);
		return 0;
	}
	if (!address_space_has_area(resize->address, resize->length) ||
	    !vma_is_uniform(resize->address, resize->address + resize->length))
		return -EFAULT;
	resize->protection = vma_find(resize->address)->protection;
	resize->file_backed = vma_find(resize->address)->file_backed;
	resize->shared = vma_find(resize->address)->shared;
	resize->read_only = vma_find(resize->address)->read_only;
	return 0;
}

/* From the pool its contents go to a new mapping. */
static int64_t copy_to_target(const struct resize *resize, const struct map_request *request)
{
	const uint64_t kept =
	    resize->length < resize->new_length ? resize->length : resize->new_length;
	int64_t target = request->flags & MAP_FIXED ? mapping_make_fixed(request)
						    : mapping_make_anywhere(request);
	if (target < 0)
		return target;
	int error = pool_copy((uint64_t)target, resize->address, kept / GUEST_PAGE_SIZE);
	if (!error && address_space_has_pool((uint64_t)target, resize->new_length))
		error = pool_protect((uint64_t)target, resize->new_length / GUEST_PAGE_SIZE,
				     resize->protection);
	else if (!error)
		error = vma_protect((uint64_t)target, (uint64_t)target + resize->new_length,
				    resize->protection);
	if (error)
		mapping_remove((uint64_t)target, resize->new_length);
	else
		mapping_remove(resize->address, resize->length);
	return error ? error : target;
}

static int map_more(const struct resize *resize, uint64_t start, uint64_t end)
{
	if (resize->shared)
		return vma_map_shared(start, end, resize->protection, resize->read_only);
	return resize->file_backed ? vma_map_file(start, end, resize->protection)
				   : vma_map(start, end, resize->protection, 0);
}

/* Within the area its pages go along, and what is new is empty. */
static int64_t move_to_target(const struct resize *resize, uint64_t target)
{
	const uint64_t kept =
	    resize->length < resize->new_length ? resize->length : resize->new_length;
	int error = 0;
	if (resize->new_length > kept)
		error = map_more(resize, target + kept, target + resize->new_length);
	if (!error)
		error = vma_move(resize->address, resize->address + kept, target);
	if (!error && resize->length > kept)
		error = vma_unmap(resize->address + kept, resize->address + resize->length);
	return error ? error : (int64_t)target;
}

/* From the area into the pool the contents are copied. */
static int64_t copy_into_pool(const struct resize *resize, const struct map_request *request)
{
	const uint64_t kept =
	    resize->length < resize->new_length ? resize->length : resize->new_length;
	/* The new part would have to be read from the file; and what is in the pool has one place. */
	if (resize->shared || (resize->file_backed && resize->new_length > kept))
		return -ENOMEM;
	int64_t target = mapping_make_fixed(request);
	int error = target < 0 ? (int)target : 0;
	if (!error && !(resize->protection & GUEST_READ))
		error = vma_protect(resize->address, resize->address + kept, GUEST_READ);
	if (error)
		return error;
	memcpy((void *)target, (const void *)resize->address, kept);
	error = pool_protect((uint64_t)target, resize->new_length / GUEST_PAGE_SIZE,
			     resize->protection);
	if (!error)
		error = vma_unmap(resize->address, resize->address + resize->length);
	return error ? error : target;
}

static int64_t move_fixed(const struct resize *resize, uint64_t target)
{
	const struct map_request request = {
	    .address = target,
	    .length = resize->new_length,
	    .protection = GUEST_READ | GUEST_WRITE,
	    .flags = MAP_FIXED,
	};
	if (!is_aligned(target) || !is_user_range(target, resize->new_length / GUEST_PAGE_SIZE) ||
	    (target < resize->address + resize->length &&
	     resize->address < target + resize->new_length))
		return -EINVAL;
	if (resize->in_pool)
		return copy_to_target(resize, &request);
	if (address_space_has_pool(target, resize->new_length))
		return copy_into_pool(resize, &request);
	if (!address_space_has_area(target, resize->new_length) ||
	    regions_overlap(target, target + resize->new_length))
		return -ENOMEM;
	int error = vma_unmap(target, target + resize->new_length);
	return error ? error : move_to_target(resize, target);
}

static int64_t grow_in_place(const struct resize *resize)
{
	const uint64_t end = resize->address + resize->length;
	const uint64_t more = resize->new_length - resize->length;
	int error;
	if (!resize->in_pool) {
		if (!address_space_has_area(end, more) || !vma_is_free(end, end + more))
			return -ENOMEM;
		error = map_more(resize, end, end + more);
		return error ? error : (int64_t)resize->address;
	}
	const uint64_t pages = more / GUEST_PAGE_SIZE;
	if (!address_space_has_pool(end, more) || !pool_is_free(end, pages) || pool_map(end, pages))
		return -ENOMEM;
	error = pool_protect(end, pages, resize->protection);
	return error ? error : (int64_t)resize->address;
}

static int64_t move_anywhere(const struct resize *resize)
{
	const struct map_request request = {
	    .length = resize->new_length,
	    .protection = GUEST_READ | GUEST_WRITE,
	};
	if (resize->in_pool)
		return copy_to_target(resize, &request);
	const uint64_t target = vma_unmapped_area(resize->new_length, GUEST_AREA_END);
	return target ? move_to_target(resize, target) : -ENOMEM;
}

/* As on Linux, only where it begins something has to be mapped. */
static int64_t shrink(uint64_t address, uint64_t old_pages, uint64_t new_pages)
{
	const uint64_t end = address + new_pages * GUEST_PAGE_SIZE;
	if (old_pages == new_pages)
		return (int64_t)address;
	if (!is_user_range(end, old_pages - new_pages))
		return -EINVAL;
	int error = mapping_unmap(end, old_pages - new_pages);
	return error ? error : (int64_t)address;
}

/* From no length there is a second mapping of what is shared. */
static int64_t map_again(const uint64_t arguments[6], uint64_t pages)
{
	const struct vma *vma = vma_find(arguments[0]);
	if (!vma || vma->start > arguments[0] || !vma->shared)
		return -EINVAL;
	const bool fixed = arguments[3] & MREMAP_FIXED;
	struct map_request request = {
	    .address = fixed ? arguments[4] : 0,
	    .length = pages * GUEST_PAGE_SIZE,
	    .protection = vma->protection,
	    .flags = MAP_SHARED | (fixed ? MAP_FIXED : 0),
	    .shared = true,
	    .read_only = vma->read_only,
	};
	uint64_t limit = UINT64_MAX;
	request.backing = backing_at(arguments[0], &request.offset, &limit);
	return arguments[3] & MREMAP_MAYMOVE ? mapping_create(&request) : -ENOMEM;
}

static int64_t remap(const uint64_t arguments[6])
{
	const uint64_t flags = arguments[3];
	uint64_t old_pages = page_count(arguments[1]), new_pages;
	if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED) ||
	    (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	if (!is_aligned(arguments[0]) || check_range(0, arguments[2], &new_pages) ||
	    !is_user_range(0, old_pages) || !is_user_range(0, new_pages))
		return -EINVAL;
	if (!user_mapped(arguments[0], 1))
		return -EFAULT;
	if (!old_pages)
		return map_again(arguments, new_pages);
	if (!(flags & MREMAP_FIXED) && new_pages <= old_pages)
		return shrink(arguments[0], old_pages, new_pages);
	struct resize resize = {
	    .address = arguments[0],
	    .length = old_pages * GUEST_PAGE_SIZE,
	    .new_length = new_pages * GUEST_PAGE_SIZE,
	};
	int error = check_old(&resize);
	if (error)
		return error;
	if (new_pages > old_pages &&
	    mapping_is_too_large(new_pages - old_pages, resize.protection, 0))
		return -ENOMEM;
	if (flags & MREMAP_FIXED)
		return move_fixed(&resize, arguments[4]);
	const int64_t grown = grow_in_place(&resize);
	return grown < 0 && flags & MREMAP_MAYMOVE ? move_anywhere(&resize) : grown;
}

/* If the pages of a mapping come from a file, those that are new do so, too. */
static void grow_file(uint64_t start, uint64_t old_end, uint64_t end)
{
	const struct vma *vma = vma_find(start);
	if (address_space_has_area(start, end - start) && vma && (vma->file_backed || vma->shared))
		backing_grow(start, old_end, end);
}

SYSTEM_CALL(mremap)
{
	const bool wipe_on_fork = madvise_has_mark(arguments[0], FORK_WIPES);
	const bool leave_on_fork = madvise_has_mark(arguments[0], FORK_LEAVES);
	const int64_t result = remap(arguments);
	if (result < 0 || !arguments[1])
		return result;
	if (wipe_on_fork)
		madvise_set_mark((uint64_t)result, page_count(arguments[2]), FORK_WIPES, true);
	if (leave_on_fork)
		madvise_set_mark((uint64_t)result, page_count(arguments[2]), FORK_LEAVES, true);
	const uint64_t address = arguments[0], target = (uint64_t)result;
	const uint64_t old_end = address + page_count(arguments[1]) * GUEST_PAGE_SIZE;
	const uint64_t new_end = address + page_count(arguments[2]) * GUEST_PAGE_SIZE;
	if (new_end < old_end)
		backing_set(new_end, old_end, NULL, 0);
	if (target != address) {
		/* What was at the target is gone. */
		backing_set(target, target + (new_end - address), NULL, 0);
		backing_move(address, new_end < old_end ? new_end : old_end, target);
	}
	if (new_end > old_end)
		grow_file(target, target + (old_end - address), target + (new_end - address));
	return result;
}
