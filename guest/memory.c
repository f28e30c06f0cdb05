/* System calls on memory. There are two kinds of mappings: small ones lie in the pool, where memory
 * is there at once and no hypercall is needed; all others in the mapping area, where addresses cost
 * nothing and pages come when they are touched (area.h). brk grows from the pool's bottom.
 *
 * Differences from Linux, all of them invisible to most programs: files of the tree are mapped by
 * copying them, so a shared writable mapping is refused; pages are writable or executable, never
 * both; behind the end of a mapped file there are zeros. */
#include <errno.h>
#include <sys/mman.h>

#include "area.h"
#include "calls.h"
#include "code.h"
#include "files.h"
#include "libos.h"
#include "mapped_files.h"
#include "pool.h"
#include "ranges.h"
#include "regions.h"

_Static_assert(PROT_READ == GUEST_READ && PROT_WRITE == GUEST_WRITE && PROT_EXEC == GUEST_EXECUTE,
	       "protections are passed on as they are");

/* Mappings of at most this length lie in the pool; up to a few times of it where they take no more
 * than a share of what is free: what fills a mapping of the area when it is touched costs exits.
 * Above are what programs reserve and touch little of: stacks of threads, heaps of runtimes. */
#define POOL_MAPPING_SMALL (1UL << 20)
#define POOL_MAPPING_MAX   (4UL << 20)
#define POOL_MAPPING_SHARE 8
#define POOL_COPY_MAX	   (64UL << 10) /* of a file */

#define LOW_LIMIT (1UL << 31) /* MAP_32BIT */

static uint64_t program_break; /* 0: brk was not called yet */

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

/* ── brk ─────────────────────────────────────────────────────────────────────────────────────── */

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
		return file_writable(*file) ? -ENODEV : -EACCES;
	return 0;
}

/* ── mmap ────────────────────────────────────────────────────────────────────────────────────── */

/* A mapping that is to be made. */
struct wish {
	uint64_t address, length; /* whole pages; the address may be anything unless it is fixed */
	uint32_t protection;
	uint64_t flags;
	struct file *file; /* NULL: anonymous */
	uint64_t offset;
	uint64_t origin, origin_length; /* the file's pages in the root image; or 0 */
};

static bool is_fixed(const struct wish *wish)
{
	return wish->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
}

/* A private copy of what the file has, where it is not mapped from the root image. */
static int copy_file(const struct wish *wish, uint64_t address)
{
	if (!wish->file || wish->origin)
		return 0;
	int64_t copied = contents_copy(wish->file, (void *)address, wish->length, wish->offset);
	return copied < 0 ? (int)copied : 0;
}

static int64_t map_in_pool(const struct wish *wish, uint64_t address)
{
	const uint64_t pages = wish->length / GUEST_PAGE_SIZE;
	if (pool_map(address, pages))
		return -ENOMEM;
	int error = copy_file(wish, address);
	if (!error)
		error = pool_protect(address, pages, wish->protection);
	if (error)
		pool_unmap(address, pages);
	return error ? error : (int64_t)address;
}

static int64_t map_fixed_in_pool(const struct wish *wish)
{
	const uint64_t pages = wish->length / GUEST_PAGE_SIZE;
	if (pool_is_reserved(wish->address, pages))
		return -ENOMEM;
	if (wish->flags & MAP_FIXED_NOREPLACE && !pool_is_free(wish->address, pages))
		return -EEXIST;
	pool_unmap(wish->address, pages);
	return map_in_pool(wish, wish->address);
}

static int64_t map_in_area(const struct wish *wish, uint64_t address)
{
	const uint64_t end = address + wish->length;
	const bool copies = wish->file && !wish->origin;
	uint64_t image_end = address;
	if (wish->origin)
		image_end +=
		    wish->origin_length < wish->length ? wish->origin_length : wish->length;
	int error = 0;
	if (image_end < end)
		error = area_map(image_end, end,
				 copies ? GUEST_READ | GUEST_WRITE : wish->protection, 0);
	if (!error && image_end > address)
		error = area_map(address, image_end, wish->protection, wish->origin);
	if (!error && copies) {
		area_populate(address, end);
		error = copy_file(wish, address);
	}
	if (!error && copies && wish->protection & GUEST_EXECUTE)
		code_rewrite(address, end);
	if (!error && copies)
		error = area_protect(address, end, wish->protection);
	return error ? error : (int64_t)address;
}

static int64_t map_fixed(const struct wish *wish)
{
	if (!is_aligned(wish->address))
		return -EINVAL;
	if (pool_contains(wish->address, wish->length))
		return map_fixed_in_pool(wish);
	if (!area_contains(wish->address, wish->length))
		return -ENOMEM;
	if (wish->flags & MAP_FIXED_NOREPLACE &&
	    !area_is_free(wish->address, wish->address + wish->length))
		return -EEXIST;
	return map_in_area(wish, wish->address);
}

/* Small memory, or a copy of a small file; libraries go where their shortcuts can be near. */
static bool suits_pool(const struct wish *wish)
{
	if (wish->origin || !wish->protection || wish->flags & MAP_32BIT)
		return false;
	if (wish->file)
		return wish->length <= POOL_COPY_MAX;
	return wish->length <= POOL_MAPPING_SMALL ||
	       (wish->length <= POOL_MAPPING_MAX &&
		wish->length / GUEST_PAGE_SIZE <= pool_free_pages() / POOL_MAPPING_SHARE);
}

static int64_t map_anywhere(const struct wish *wish)
{
	const uint64_t hint = wish->address & ~(GUEST_PAGE_SIZE - 1);
	if (hint && area_contains(hint, wish->length) && area_is_free(hint, hint + wish->length))
		return map_in_area(wish, hint);
	uint64_t address = suits_pool(wish) ? pool_find(wish->length / GUEST_PAGE_SIZE) : 0;
	if (address)
		return map_in_pool(wish, address);
	address = area_find(wish->length, wish->flags & MAP_32BIT ? LOW_LIMIT : GUEST_AREA_END);
	return address ? map_in_area(wish, address) : -ENOMEM;
}

/* What does not fit into the memory that is free now is refused, so that programs which look at the
 * result have a chance; reservations are not (vm.overcommit_memory 0 is alike), nor is what takes
 * the place of one: Go makes 64 MiB of its reservation usable at a time, and touches little. */
static bool is_too_much(uint64_t pages, uint32_t protection, uint64_t flags)
{
	return protection & GUEST_WRITE && !(flags & (MAP_NORESERVE | MAP_FIXED)) &&
	       pages > pool_free_pages();
}

int64_t call_mmap(const uint64_t arguments[6])
{
	const uint64_t type = arguments[3] & MAP_TYPE;
	uint64_t protection = arguments[2] & (PROT_READ | PROT_WRITE | PROT_EXEC);
	uint64_t pages, end;
	struct wish wish = {
	    .address = arguments[0],
	    .flags = arguments[3],
	    .offset = arguments[5],
	};
	int error = check_range(0, arguments[1], &pages);
	if (error)
		return error;
	if (!is_aligned(wish.offset) ||
	    (type != MAP_PRIVATE && type != MAP_SHARED &&
	     (type != MAP_SHARED_VALIDATE || arguments[3] & MAP_ANONYMOUS)))
		return -EINVAL;
	if (__builtin_add_overflow(wish.offset, pages * GUEST_PAGE_SIZE, &end))
		return -EOVERFLOW;
	error = mapped_file(arguments, &wish.file);
	if (!error)
		error = check_protection(protection);
	if (error)
		return error;
	wish.length = pages * GUEST_PAGE_SIZE;
	wish.protection = effective_protection(protection);
	if (wish.file)
		wish.origin = contents_image_pages(wish.file, wish.offset, &wish.origin_length);
	if (is_too_much(pages, wish.protection, wish.flags))
		return -ENOMEM;
	const int64_t address = is_fixed(&wish) ? map_fixed(&wish) : map_anywhere(&wish);
	if (address >= 0)
		mapped_files_set((uint64_t)address, (uint64_t)address + wish.length, wish.file,
				 wish.offset);
	return address;
}

int64_t call_munmap(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], pages;
	int error = check_range(address, arguments[1], &pages);
	const uint64_t end = address + pages * GUEST_PAGE_SIZE;
	if (error || end > GUEST_USER_END)
		return -EINVAL;
	mapped_files_set(address, end, NULL, 0);
	if (pool_contains(address, end - address)) {
		pool_unmap(address, pages);
		return 0;
	}
	error = regions_unmap(address, end);
	if (error || end <= GUEST_AREA_BASE || address >= GUEST_AREA_END)
		return error;
	return area_unmap(address < GUEST_AREA_BASE ? GUEST_AREA_BASE : address,
			  end > GUEST_AREA_END ? GUEST_AREA_END : end);
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
	const uint32_t effective = effective_protection(protection);
	const uint64_t length = pages * GUEST_PAGE_SIZE;
	if (pool_contains(address, length))
		return pool_is_mapped(address, pages) ? pool_protect(address, pages, effective)
						      : -ENOMEM;
	if (area_contains(address, length) && !regions_overlap(address, address + length))
		return area_protect(address, address + length, effective);
	return regions_protect(address, address + length, effective);
}

/* ── mremap ──────────────────────────────────────────────────────────────────────────────────── */

/* A mapping that is to be moved or to get another size. */
struct resize {
	uint64_t address, length, new_length; /* whole pages */
	uint32_t protection;
	bool in_pool;
};

static int check_old(struct resize *resize)
{
	const uint64_t pages = resize->length / GUEST_PAGE_SIZE;
	resize->in_pool = pool_contains(resize->address, resize->length);
	if (resize->in_pool) {
		if (!pool_is_mapped(resize->address, pages) ||
		    !pool_is_uniform(resize->address, pages))
			return -EFAULT;
		resize->protection = pool_protection(resize->address);
		return 0;
	}
	if (!area_contains(resize->address, resize->length) ||
	    !area_is_uniform(resize->address, resize->address + resize->length))
		return -EFAULT;
	resize->protection = area_piece_from(resize->address)->protection;
	return 0;
}

static void unmap_old(uint64_t address, uint64_t length, bool in_pool)
{
	if (in_pool)
		pool_unmap(address, length / GUEST_PAGE_SIZE);
	else
		area_unmap(address, address + length);
}

/* From the pool its contents go to a new mapping. */
static int64_t copy_to_target(const struct resize *resize, const struct wish *wish)
{
	const uint64_t kept =
	    resize->length < resize->new_length ? resize->length : resize->new_length;
	int64_t target = is_fixed(wish) ? map_fixed(wish) : map_anywhere(wish);
	if (target < 0)
		return target;
	int error = pool_copy((uint64_t)target, resize->address, kept / GUEST_PAGE_SIZE);
	if (!error && pool_contains((uint64_t)target, resize->new_length))
		error = pool_protect((uint64_t)target, resize->new_length / GUEST_PAGE_SIZE,
				     resize->protection);
	else if (!error)
		error = area_protect((uint64_t)target, (uint64_t)target + resize->new_length,
				     resize->protection);
	if (error)
		unmap_old((uint64_t)target, resize->new_length,
			  pool_contains((uint64_t)target, resize->new_length));
	else
		unmap_old(resize->address, resize->length, true);
	return error ? error : target;
}

/* Within the area its pages go along, and what is new is empty. */
static int64_t move_to_target(const struct resize *resize, uint64_t target)
{
	const uint64_t kept =
	    resize->length < resize->new_length ? resize->length : resize->new_length;
	int error = 0;
	if (resize->new_length > kept)
		error = area_map(target + kept, target + resize->new_length, resize->protection, 0);
	if (!error)
		error = area_move(resize->address, resize->address + kept, target);
	if (!error && resize->length > kept)
		error = area_unmap(resize->address + kept, resize->address + resize->length);
	return error ? error : (int64_t)target;
}

static int64_t move_fixed(const struct resize *resize, uint64_t target)
{
	const struct wish wish = {
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
		return copy_to_target(resize, &wish);
	if (!area_contains(target, resize->new_length) ||
	    regions_overlap(target, target + resize->new_length))
		return -ENOMEM;
	int error = area_unmap(target, target + resize->new_length);
	return error ? error : move_to_target(resize, target);
}

static int64_t grow_in_place(const struct resize *resize)
{
	const uint64_t end = resize->address + resize->length;
	const uint64_t more = resize->new_length - resize->length;
	int error;
	if (!resize->in_pool) {
		if (!area_contains(end, more) || !area_is_free(end, end + more))
			return -ENOMEM;
		error = area_map(end, end + more, resize->protection, 0);
		return error ? error : (int64_t)resize->address;
	}
	const uint64_t pages = more / GUEST_PAGE_SIZE;
	if (!pool_contains(end, more) || !pool_is_free(end, pages) || pool_map(end, pages))
		return -ENOMEM;
	error = pool_protect(end, pages, resize->protection);
	return error ? error : (int64_t)resize->address;
}

static int64_t move_anywhere(const struct resize *resize)
{
	const struct wish wish = {
	    .length = resize->new_length,
	    .protection = GUEST_READ | GUEST_WRITE,
	};
	if (resize->in_pool)
		return copy_to_target(resize, &wish);
	const uint64_t target = area_find(resize->new_length, GUEST_AREA_END);
	return target ? move_to_target(resize, target) : -ENOMEM;
}

static int64_t remap(const uint64_t arguments[6])
{
	const uint64_t flags = arguments[3];
	uint64_t old_pages, new_pages;
	if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED) ||
	    (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	if (!is_aligned(arguments[0]) || check_range(0, arguments[1], &old_pages) ||
	    check_range(0, arguments[2], &new_pages) || !is_user_range(0, old_pages) ||
	    !is_user_range(0, new_pages))
		return -EINVAL;
	struct resize resize = {
	    .address = arguments[0],
	    .length = old_pages * GUEST_PAGE_SIZE,
	    .new_length = new_pages * GUEST_PAGE_SIZE,
	};
	int error = check_old(&resize);
	if (error)
		return error;
	if (new_pages > old_pages && is_too_much(new_pages - old_pages, resize.protection, 0))
		return -ENOMEM;
	if (flags & MREMAP_FIXED)
		return move_fixed(&resize, arguments[4]);
	if (new_pages <= old_pages) {
		unmap_old(resize.address + resize.new_length, resize.length - resize.new_length,
			  resize.in_pool);
		return (int64_t)resize.address;
	}
	const int64_t grown = grow_in_place(&resize);
	return grown < 0 && flags & MREMAP_MAYMOVE ? move_anywhere(&resize) : grown;
}

int64_t call_mremap(const uint64_t arguments[6])
{
	const int64_t result = remap(arguments);
	if (result < 0)
		return result;
	const uint64_t address = arguments[0], target = (uint64_t)result;
	const uint64_t old_end = address + page_count(arguments[1]) * GUEST_PAGE_SIZE;
	const uint64_t new_end = address + page_count(arguments[2]) * GUEST_PAGE_SIZE;
	if (new_end < old_end)
		mapped_files_set(new_end, old_end, NULL, 0);
	if (target != address)
		mapped_files_move(address, new_end < old_end ? new_end : old_end, target);
	return result;
}
