/* System calls on memory that is mapped: madvise, and those that Linux needs for swapping and
 * writing back. Nothing is ever swapped or written back here. */
#include <errno.h>
#include <sys/mman.h>

#include "area.h"
#include "calls.h"
#include "libos.h"
#include "pool.h"
#include "ranges.h"

static int64_t discard(uint64_t address, uint64_t pages)
{
	const uint64_t end = address + pages * GUEST_PAGE_SIZE;
	if (pool_contains(address, end - address))
		return pool_is_mapped(address, pages) ? pool_clear(address, pages) : -ENOMEM;
	if (!area_contains(address, end - address) || !area_is_mapped(address, end))
		return -ENOMEM;
	return area_discard(address, end);
}

int64_t call_madvise(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], pages;
	switch (arguments[2]) {
	case MADV_DONTNEED:
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_FREE: /* the contents may go at any later time: here never */
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_COLD:
	case MADV_PAGEOUT:
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
	return arguments[2] == MADV_DONTNEED ? discard(address, pages) : 0;
}

/* Nothing is ever swapped or written back: what is mapped is locked and in step. */
static int64_t check_mapped(const uint64_t arguments[6])
{
	uint64_t end;
	if (__builtin_add_overflow(arguments[0], arguments[1], &end) ||
	    end > UINT64_MAX - GUEST_PAGE_SIZE)
		return arguments[1] ? -EINVAL : 0;
	return user_mapped(arguments[0], arguments[1]) ? 0 : -ENOMEM;
}

int64_t call_msync(const uint64_t arguments[6])
{
	uint64_t flags = arguments[2];
	if (!is_aligned(arguments[0]) || flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	int64_t result = check_mapped(arguments);
	return result == -EINVAL ? -ENOMEM
				 : result; /* so Linux tells one overflow from the other */
}

int64_t call_mlock(const uint64_t arguments[6])
{
	return check_mapped(arguments);
}

int64_t call_munlock(const uint64_t arguments[6])
{
	return check_mapped(arguments);
}

int64_t call_mlockall(const uint64_t arguments[6])
{
	uint64_t flags = arguments[0];
	bool known = !(flags & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
	return known && flags && flags != MCL_ONFAULT ? 0 : -EINVAL;
}

int64_t call_munlockall(const uint64_t arguments[6])
{
	return 0;
}
