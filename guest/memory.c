/* System calls on memory: brk grows from the pool's bottom, mmap from its top.
 *
 * Differences from Linux, all of them invisible to most programs: files are mapped by copying them,
 * so a shared writable mapping is refused; pages are writable or executable, never both; memory is
 * there when it is mapped, so ENOMEM comes from mmap and not later; an address that is only wished
 * for is not heeded. */
#include <errno.h>
#include <sys/mman.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "pool.h"
#include "regions.h"

_Static_assert(PROT_READ == GUEST_READ && PROT_WRITE == GUEST_WRITE && PROT_EXEC == GUEST_EXECUTE,
	       "protections are passed on as they are");

static uint64_t program_break; /* 0: brk was not called yet */

static uint64_t page_count(uint64_t length)
{
	return length / GUEST_PAGE_SIZE + (length % GUEST_PAGE_SIZE != 0);
}

static bool is_aligned(uint64_t address)
{
	return address % GUEST_PAGE_SIZE == 0;
}

/* A page-aligned range whose end does not overflow, of at least one page. */
static int check_range(uint64_t address, uint64_t length, uint64_t *pages)
{
	uint64_t end;
	*pages = page_count(length);
	if (!is_aligned(address) || !length)
		return -EINVAL;
	if (__builtin_mul_overflow(*pages, GUEST_PAGE_SIZE, &end) ||
	    __builtin_add_overflow(end, address, &end))
		return -ENOMEM;
	return 0;
}

static int check_protection(uint64_t protection)
{
	if (protection & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC))
		return -EINVAL;
	if ((protection & PROT_WRITE) && (protection & PROT_EXEC))
		return -EACCES;
	return 0;
}

/* What the processor makes of it: what can be written or executed can also be read. */
static uint32_t effective_protection(uint64_t protection)
{
	return (uint32_t)protection | (protection ? GUEST_READ : 0);
}

int64_t call_brk(const uint64_t arguments[6])
{
	uint64_t base = libos_start_info.pool_base;
	if (!program_break)
		program_break = base;
	uint64_t wanted = arguments[0];
	if (!pool_contains(wanted, 0))
		return (int64_t)program_break;
	uint64_t old_pages = page_count(program_break - base);
	uint64_t new_pages = page_count(wanted - base);
	uint64_t old_end = base + old_pages * GUEST_PAGE_SIZE;
	if (new_pages > old_pages) {
		uint64_t more = new_pages - old_pages;
		if (!pool_is_free(old_end, more) || pool_map(old_end, more))
			return (int64_t)program_break;
	} else {
		pool_unmap(base + new_pages * GUEST_PAGE_SIZE, old_pages - new_pages);
	}
	program_break = wanted;
	return (int64_t)program_break;
}

/* The file that a mapping copies; NULL with 0 for an anonymous one. */
static int mapped_file(const uint64_t arguments[6], struct file **file)
{
	uint64_t protection = arguments[2], flags = arguments[3], descriptor = arguments[4];
	*file = NULL;
	if (flags & MAP_ANONYMOUS)
		return 0;
	*file = descriptor_file(descriptor);
	if (!*file)
		return -EBADF;
	if (!S_ISREG((*file)->node->mode))
		return -ENODEV;
	if (!file_readable(*file))
		return -EACCES;
	if ((flags & MAP_TYPE) != MAP_PRIVATE && (protection & PROT_WRITE))
		return -ENODEV;
	return 0;
}

/* Chooses where a mapping goes and makes room there. */
static int64_t place_mapping(uint64_t wish, uint64_t pages, uint64_t flags)
{
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		uint64_t address = pool_find(pages);
		return address ? (int64_t)address : -ENOMEM;
	}
	if (!is_aligned(wish))
		return -EINVAL;
	if (!pool_contains(wish, pages * GUEST_PAGE_SIZE) || pool_is_reserved(wish, pages))
		return -ENOMEM;
	if (flags & MAP_FIXED_NOREPLACE && !pool_is_free(wish, pages))
		return -EEXIST;
	pool_unmap(wish, pages);
	return (int64_t)wish;
}

int64_t call_mmap(const uint64_t arguments[6])
{
	uint64_t length = arguments[1], protection = arguments[2], flags = arguments[3];
	uint64_t offset = arguments[5], pages;
	struct file *file;
	uint64_t type = flags & MAP_TYPE;
	int error = check_range(0, length, &pages);
	if (error)
		return error;
	if (!is_aligned(offset) ||
	    (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE))
		return -EINVAL;
	error = mapped_file(arguments, &file);
	if (!error)
		error = check_protection(protection);
	if (error)
		return error;
	if (pages > pool_total_pages())
		return -ENOMEM;
	int64_t address = place_mapping(arguments[0], pages, flags);
	if (address < 0)
		return address;
	if (pool_map((uint64_t)address, pages))
		return -ENOMEM;
	if (file) {
		int64_t copied = contents_copy(file, (void *)address, length, offset);
		if (copied < 0)
			error = (int)copied;
	}
	if (!error)
		error = pool_protect((uint64_t)address, pages, effective_protection(protection));
	if (error) {
		pool_unmap((uint64_t)address, pages);
		return error;
	}
	return address;
}

int64_t call_munmap(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], pages;
	int error = check_range(address, arguments[1], &pages);
	if (error)
		return -EINVAL;
	if (!pool_contains(address, pages * GUEST_PAGE_SIZE))
		return regions_unmap(address, address + pages * GUEST_PAGE_SIZE);
	pool_unmap(address, pages);
	return 0;
}

int64_t call_mprotect(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], protection = arguments[2], pages;
	if (is_aligned(address) && !arguments[1])
		return 0;
	int error = check_range(address, arguments[1], &pages);
	if (!error)
		error = check_protection(protection);
	if (error)
		return error;
	uint32_t effective = effective_protection(protection);
	if (!pool_contains(address, pages * GUEST_PAGE_SIZE))
		return regions_protect(address, address + pages * GUEST_PAGE_SIZE, effective);
	if (!pool_is_mapped(address, pages))
		return -ENOMEM;
	return pool_protect(address, pages, effective);
}

/* Moves a mapping to `target`, or to where there is room for it (target 0). */
static int64_t move_mapping(uint64_t address, uint64_t old_pages, uint64_t new_pages,
			    uint64_t target)
{
	if (!target)
		target = pool_find(new_pages);
	if (!target || pool_map(target, new_pages))
		return -ENOMEM;
	uint64_t kept = old_pages < new_pages ? old_pages : new_pages;
	int error = pool_copy(target, address, kept);
	if (!error)
		error = pool_protect(target, new_pages, pool_protection(address));
	if (error) {
		pool_unmap(target, new_pages);
		return error;
	}
	pool_unmap(address, old_pages);
	return (int64_t)target;
}

int64_t call_mremap(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], flags = arguments[3], target = arguments[4];
	uint64_t old_pages, new_pages;
	if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED) ||
	    (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	int error = check_range(address, arguments[1], &old_pages);
	if (!error)
		error = check_range(0, arguments[2], &new_pages);
	if (error)
		return error;
	if (!pool_contains(address, old_pages * GUEST_PAGE_SIZE) ||
	    !pool_is_mapped(address, old_pages) || !pool_is_uniform(address, old_pages))
		return -EFAULT;
	if (new_pages > pool_total_pages())
		return -ENOMEM;
	if (flags & MREMAP_FIXED) {
		if (!is_aligned(target) || (target < address + old_pages * GUEST_PAGE_SIZE &&
					    address < target + new_pages * GUEST_PAGE_SIZE))
			return -EINVAL;
		int64_t placed = place_mapping(target, new_pages, MAP_FIXED);
		return placed < 0 ? placed : move_mapping(address, old_pages, new_pages, target);
	}
	uint64_t end = address + old_pages * GUEST_PAGE_SIZE;
	if (new_pages <= old_pages) {
		pool_unmap(address + new_pages * GUEST_PAGE_SIZE, old_pages - new_pages);
		return (int64_t)address;
	}
	uint64_t more = new_pages - old_pages;
	if (pool_contains(end, more * GUEST_PAGE_SIZE) && pool_is_free(end, more)) {
		if (pool_map(end, more))
			return -ENOMEM;
		error = pool_protect(end, more, pool_protection(address));
		return error ? error : (int64_t)address;
	}
	return flags & MREMAP_MAYMOVE ? move_mapping(address, old_pages, new_pages, 0) : -ENOMEM;
}

int64_t call_madvise(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], pages;
	if (is_aligned(address) && !arguments[1])
		return 0;
	int error = check_range(address, arguments[1], &pages);
	if (error)
		return -EINVAL;
	switch (arguments[2]) {
	case MADV_DONTNEED:
		if (!pool_contains(address, pages * GUEST_PAGE_SIZE) ||
		    !pool_is_mapped(address, pages))
			return -ENOMEM;
		return pool_clear(address, pages);
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
		return 0;
	default:
		return -EINVAL;
	}
}

/* Nothing is ever swapped or written back: what is mapped is locked and in step. */
static int64_t check_mapped(const uint64_t arguments[6])
{
	uint64_t pages;
	int error = check_range(arguments[0] & ~(GUEST_PAGE_SIZE - 1),
				arguments[1] + arguments[0] % GUEST_PAGE_SIZE, &pages);
	if (error)
		return arguments[1] ? error : 0;
	return user_readable(arguments[0], arguments[1]) ? 0 : -ENOMEM;
}

int64_t call_msync(const uint64_t arguments[6])
{
	return is_aligned(arguments[0]) ? check_mapped(arguments) : -EINVAL;
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
	return 0;
}

int64_t call_munlockall(const uint64_t arguments[6])
{
	return 0;
}
