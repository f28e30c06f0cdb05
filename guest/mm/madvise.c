/* System calls on memory that is mapped: madvise, and those that Linux needs for swapping and
 * writing back. Nothing is ever swapped here, and what is written to a shared mapping is in its
 * file at once. */
#include "madvise.h"

#include <errno.h>
#include <sys/mman.h>

#include "backing.h"
#include "guest/lib/system_call.h"
#include "pool.h"
#include "ranges.h"
#include "sizes/sizes.h"
#include "space.h"
#include "user_memory.h"
#include "vma.h"

static int refill_page(uint64_t page, struct backing *backing, uint64_t offset)
{
	const uint32_t protection = pool_protection(page);
	int error = pool_protect(page, 1, GUEST_READ | GUEST_WRITE);
	if (error)
		return error;
	int64_t copied = backing->operations->read(backing, (void *)page, GUEST_PAGE_SIZE, offset);
	error = pool_protect(page, 1, protection);
	return copied < 0 ? (int)copied : error;
}

/* Copies of files get their files' contents again. */
static int discard_in_pool(uint64_t address, uint64_t pages)
{
	const uint64_t end = address + pages * GUEST_PAGE_SIZE;
	int error = pool_clear(address, pages);
	while (address < end && !error) {
		uint64_t offset, limit = end;
		struct backing *backing = backing_at(address, &offset, &limit);
		for (uint64_t page = address; backing && page < limit && !error;
		     page += GUEST_PAGE_SIZE)
			error = refill_page(page, backing, offset + (page - address));
		address = limit;
	}
	return error;
}

static int64_t discard(uint64_t address, uint64_t pages)
{
	const uint64_t end = address + pages * GUEST_PAGE_SIZE;
	if (address_space_has_pool(address, end - address))
		return pool_is_mapped(address, pages) ? discard_in_pool(address, pages) : -ENOMEM;
	if (!address_space_has_area(address, end - address) || !vma_is_mapped(address, end))
		return -ENOMEM;
	return vma_discard(address, end);
}

static bool has_backing(uint64_t start, uint64_t end)
{
	uint64_t offset, limit = end;
	return backing_at(start, &offset, &limit) || limit < end;
}

bool madvise_has_mark(uint64_t address, enum fork_mark mark)
{
	if (address_space_has_pool(address, 1))
		return pool_has_mark(address, mark);
	const struct vma *vma = vma_find(address);
	return vma && vma->start <= address &&
	       (mark == FORK_WIPES ? vma->wipe_on_fork : vma->leave_on_fork);
}

int madvise_set_mark(uint64_t address, uint64_t pages, enum fork_mark mark, bool set)
{
	const uint64_t end = address + pages * GUEST_PAGE_SIZE;
	const bool is_wiped = mark == FORK_WIPES && set;
	if (is_wiped && has_backing(address, end))
		return -EINVAL;
	if (address_space_has_area(address, end - address) && vma_is_mapped(address, end))
		return vma_set_mark(address, end, mark, set);
	/* The program's own segments and stack cannot be marked. */
	if (!address_space_has_pool(address, end - address) || !pool_is_mapped(address, pages))
		return is_wiped ? -EINVAL : 0;
	pool_set_mark(address, pages, mark, set);
	return 0;
}

SYSTEM_CALL(madvise)
{
	uint64_t address = arguments[0], pages;
	switch (arguments[2]) {
	case MADV_DONTNEED:
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_FREE: /* the contents may be dropped at any later time; here they never are */
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		break;
	default:
		return -EINVAL;
	}
	if (!is_aligned(address) || (arguments[1] && check_range(address, arguments[1], &pages)))
		return -EINVAL;
	if (!arguments[1])
		return 0;
	if (!user_mapped(address, pages * GUEST_PAGE_SIZE))
		return -ENOMEM;
	switch (arguments[2]) {
	case MADV_DONTNEED:
		return discard(address, pages);
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		return madvise_set_mark(address, pages, FORK_WIPES,
					arguments[2] == MADV_WIPEONFORK);
	case MADV_DONTFORK:
	case MADV_DOFORK:
		return madvise_set_mark(address, pages, FORK_LEAVES, arguments[2] == MADV_DONTFORK);
	default:
		return 0;
	}
}

/* Nothing is ever swapped or written back: what is mapped is locked and in step. The length is
 * rounded up to pages as Linux does it, where the longest are none at all. */
static int64_t check_mapped(const uint64_t arguments[6])
{
	const uint64_t mask = GUEST_PAGE_SIZE - 1, start = arguments[0] & ~mask;
	const uint64_t length = (arguments[1] + (arguments[0] & mask) + mask) & ~mask;
	uint64_t end;
	if (!length)
		return 0;
	if (add_overflows(start, length, &end))
		return -EINVAL;
	return user_mapped(start, length) ? 0 : -ENOMEM;
}

SYSTEM_CALL(msync)
{
	uint64_t flags = arguments[2];
	if (!is_aligned(arguments[0]) || flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	int64_t result = check_mapped(arguments);
	/* To an overflow Linux answers differently here than in mlock(). */
	return result == -EINVAL ? -ENOMEM : result;
}

SYSTEM_CALL(mlock)
{
	return check_mapped(arguments);
}

SYSTEM_CALL(munlock)
{
	return check_mapped(arguments);
}

SYSTEM_CALL(mlockall)
{
	uint64_t flags = arguments[0];
	bool known = !(flags & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
	return known && flags && flags != MCL_ONFAULT ? 0 : -EINVAL;
}

SYSTEM_CALL(munlockall)
{
	return 0;
}
