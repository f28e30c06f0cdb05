/* Mappings; see mapping.h. There are two kinds: small ones lie in the pool, where memory is there
 * at once and no hypercall is needed; all others in the mapping area, where addresses cost nothing
 * and pages come when they are touched (vma.h). brk grows from the pool's bottom. In address spaces
 * that are not the first all of them are of the second kind.
 *
 * Differences from Linux, all of them invisible to most programs: private mappings of files of the
 * tree are copies, made at once or, of large ones, as they are touched; behind the end of the file
 * they have zeros. */
#include "mapping.h"

#include <errno.h>
#include <sys/mman.h>

#include "arch/code.h"
#include "backing.h"
#include "fault.h"
#include "guest/lib/system_call.h"
#include "guest/machine/machine.h"
#include "pool.h"
#include "ranges.h"
#include "regions.h"
#include "sizes/sizes.h"
#include "space.h"
#include "vma.h"

_Static_assert(PROT_READ == GUEST_READ && PROT_WRITE == GUEST_WRITE && PROT_EXEC == GUEST_EXECUTE,
	       "protections are passed on as they are");

/* Mappings of at most this length lie in the pool, where a touch costs no exit. Mappings of a
 * few times that do so, too, if they take only a small share of what is free. Larger ones are
 * mostly reserved and touched little: stacks of threads, heaps of runtimes. */
#define POOL_MAPPING_SMALL (1UL << 20)
#define POOL_MAPPING_MAX   (4UL << 20)
#define POOL_MAPPING_SHARE 8
#define POOL_COPY_MAX	   (64UL << 10) /* of a file */
#define COPY_SHARE	   2		/* of what is free, for a copy of a file */

#define LOW_LIMIT (1UL << 31) /* MAP_32BIT */

/* Where brk is apart from the pool, its memory ends below this: far from all that comes at the area's
 * end, or where programs are linked to. */
#define HEAP_LIMIT (1UL << 46)

/* Pages that come with brk at once, and the part of the free memory that they are at most. */
#define HEAP_AHEAD 8
#define HEAP_SHARE 64

int mapping_check_protection(uint64_t protection)
{
	if (protection & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC))
		return -EINVAL;
	return 0;
}

/* What the processor makes of it: what can be written or executed can also be read. */
uint32_t mapping_protection(uint64_t protection)
{
	return (uint32_t)protection | (protection ? GUEST_READ : 0);
}

/* ── brk ─────────────────────────────────────────────────────────────────────────────────────── */

static void begin_heap(struct address_space *space)
{
	const uint64_t room = pool_total_pages() * GUEST_PAGE_SIZE;
	space->heap_begin = address_space_has_regions() ? libos_start_info.pool_base
							: vma_unmapped_area(room, HEAP_LIMIT);
	space->program_break = space->heap_begin;
}

/* Its begin is used at once: a touch would cost two exits more. */
static bool grow_heap_in_area(uint64_t address, uint64_t end)
{
	const uint64_t pages = (end - address) / GUEST_PAGE_SIZE;
	if (!address_space_has_area(address, end - address) || !vma_is_free(address, end) ||
	    mapping_is_too_large(pages, GUEST_READ | GUEST_WRITE, 0) ||
	    vma_map(address, end, GUEST_READ | GUEST_WRITE, 0))
		return false;
	const uint64_t ahead = pages < HEAP_AHEAD ? pages : HEAP_AHEAD;
	if (ahead <= pool_free_pages() / HEAP_SHARE)
		vma_populate(address, address + ahead * GUEST_PAGE_SIZE);
	return true;
}

static bool grow_heap(uint64_t address, uint64_t pages)
{
	const uint64_t end = address + pages * GUEST_PAGE_SIZE;
	if (!address_space_has_pool(address, end - address))
		return grow_heap_in_area(address, end);
	while (!pool_is_free(address, pages) || pool_map(address, pages))
		if (!vma_reclaim())
			return false;
	pool_keep_heap(end);
	return true;
}

SYSTEM_CALL(brk)
{
	struct address_space *space = address_space_current();
	if (!space->heap_begin)
		begin_heap(space);
	const uint64_t base = space->heap_begin, wanted = arguments[0];
	if (wanted < base || wanted - base > pool_total_pages() * GUEST_PAGE_SIZE)
		return (int64_t)space->program_break;
	uint64_t old_pages = page_count(space->program_break - base);
	uint64_t new_pages = page_count(wanted - base);
	uint64_t old_end = base + old_pages * GUEST_PAGE_SIZE;
	uint64_t new_end = base + new_pages * GUEST_PAGE_SIZE;
	bool done = true;
	if (new_pages > old_pages)
		done = grow_heap(old_end, new_pages - old_pages);
	else if (new_pages < old_pages)
		mapping_remove(new_end, old_end - new_end);
	if (done)
		space->program_break = wanted;
	return (int64_t)space->program_break;
}

/* ── mmap ────────────────────────────────────────────────────────────────────────────────────── */

static bool is_fixed(const struct map_request *request)
{
	return request->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
}

/* A private copy of what the file has, where it is not mapped from the root image. */
static int copy_backing(const struct map_request *request, uint64_t address)
{
	if (!request->backing || request->image)
		return 0;
	int64_t copied = 0;
	for (uint64_t done = 0, part; done < request->length && copied >= 0; done += part) {
		part = request->length - done;
		void *window = space_window(address + done, &part);
		copied = request->backing->operations->read(request->backing, window, part,
							    request->offset + done);
	}
	return copied < 0 ? (int)copied : 0;
}

static int64_t map_in_pool(const struct map_request *request, uint64_t address)
{
	const uint64_t pages = request->length / GUEST_PAGE_SIZE;
	if (pool_map(address, pages))
		return -ENOMEM;
	int error = copy_backing(request, address);
	if (!error)
		error = pool_protect(address, pages, request->protection);
	if (error)
		pool_unmap(address, pages);
	return error ? error : (int64_t)address;
}

static int64_t map_fixed_in_pool(const struct map_request *request)
{
	const uint64_t pages = request->length / GUEST_PAGE_SIZE;
	if (pool_is_reserved(request->address, pages))
		return -ENOMEM;
	if (request->flags & MAP_FIXED_NOREPLACE && !pool_is_free(request->address, pages))
		return -EEXIST;
	pool_unmap(request->address, pages);
	return map_in_pool(request, request->address);
}

/* A file that takes much of what is free comes as it is touched; else all at once, which costs
 * fewer exits, and code must be looked at as a whole. */
static bool is_lazy(const struct map_request *request)
{
	return request->backing && !request->image && !(request->protection & GUEST_EXECUTE) &&
	       request->length / GUEST_PAGE_SIZE > pool_free_pages() / COPY_SHARE;
}

static int64_t map_in_area(const struct map_request *request, uint64_t address)
{
	const uint64_t end = address + request->length;
	const bool copies = request->backing && !request->image;
	if (request->shared) {
		int error = vma_map_shared(address, end, request->protection, request->read_only);
		return error ? error : (int64_t)address;
	}
	if (is_lazy(request)) {
		int error = vma_map_file(address, end, request->protection);
		return error ? error : (int64_t)address;
	}
	if (copies && request->length / GUEST_PAGE_SIZE > pool_free_pages())
		return -ENOMEM;
	uint64_t image_end = address;
	if (request->image)
		image_end += request->image_length < request->length ? request->image_length
								     : request->length;
	int error = 0;
	if (image_end < end)
		error = vma_map(image_end, end,
				copies ? GUEST_READ | GUEST_WRITE : request->protection, 0);
	if (!error && image_end > address)
		error = vma_map(address, image_end, request->protection, request->image);
	if (!error && copies) {
		vma_populate(address, end);
		error = copy_backing(request, address);
	}
	if (!error && copies && code_may_be_rewritten(request->protection))
		code_rewrite(address, end);
	if (!error && copies)
		error = vma_protect(address, end, request->protection);
	if (!error && copies)
		error = vma_set_file_backed(address, end);
	return error ? error : (int64_t)address;
}

int64_t mapping_make_fixed(const struct map_request *request)
{
	if (!is_aligned(request->address))
		return -EINVAL;
	if (address_space_has_pool(request->address, request->length))
		return request->shared ? -ENOMEM : map_fixed_in_pool(request);
	if (!address_space_has_area(request->address, request->length))
		return -ENOMEM;
	if (request->flags & MAP_FIXED_NOREPLACE &&
	    !vma_is_free(request->address, request->address + request->length))
		return -EEXIST;
	return map_in_area(request, request->address);
}

/* Small memory, or a copy of a small file; libraries go where their stubs can be near. Code that
 * the program makes is gone where it was unmapped: what the pool takes back can still be used. */
static bool suits_pool(const struct map_request *request)
{
	if (!address_space_has_regions() || request->image || request->shared ||
	    !request->protection || request->flags & MAP_32BIT)
		return false;
	if (request->backing)
		return request->length <= POOL_COPY_MAX;
	if (request->protection & GUEST_EXECUTE)
		return false;
	return request->length <= POOL_MAPPING_SMALL ||
	       (request->length <= POOL_MAPPING_MAX &&
		request->length / GUEST_PAGE_SIZE <= pool_free_pages() / POOL_MAPPING_SHARE);
}

int64_t mapping_make_anywhere(const struct map_request *request)
{
	const uint64_t hint = round_down(request->address, GUEST_PAGE_SIZE);
	if (hint && address_space_has_area(hint, request->length) &&
	    vma_is_free(hint, hint + request->length))
		return map_in_area(request, hint);
	uint64_t address = suits_pool(request) ? pool_find(request->length / GUEST_PAGE_SIZE) : 0;
	if (address)
		return map_in_pool(request, address);
	address = vma_unmapped_area(request->length,
				    request->flags & MAP_32BIT ? LOW_LIMIT : GUEST_AREA_END);
	return address ? map_in_area(request, address) : -ENOMEM;
}

/* What does not fit into the memory that is free now is refused, so that programs which look at the
 * result have a chance; reservations are not (vm.overcommit_memory 0 is alike), nor is what takes
 * the place of one: Go makes 64 MiB of its reservation usable at a time, and touches little. */
bool mapping_is_too_large(uint64_t pages, uint32_t protection, uint64_t flags)
{
	if (!(protection & GUEST_WRITE) || flags & (MAP_NORESERVE | MAP_FIXED))
		return false;
	while (pages > pool_free_pages())
		if (!vma_reclaim())
			return true;
	return false;
}

void mapping_remove(uint64_t address, uint64_t length)
{
	if (address_space_has_pool(address, length))
		pool_unmap(address, length / GUEST_PAGE_SIZE);
	else
		vma_unmap(address, address + length);
}

int64_t mapping_create(struct map_request *request)
{
	if (request->backing && !request->shared && request->backing->operations->image_pages)
		request->image = request->backing->operations->image_pages(
		    request->backing, request->offset, &request->image_length);
	if ((!request->shared || request->flags & MAP_ANONYMOUS) &&
	    mapping_is_too_large(request->length / GUEST_PAGE_SIZE, request->protection,
				 request->flags)) {
		machine_note_no_memory(request->length);
		return -ENOMEM;
	}
	int64_t address;
	do {
		address = is_fixed(request) ? mapping_make_fixed(request)
					    : mapping_make_anywhere(request);
	} while (address == -ENOMEM && vma_reclaim());
	if (address < 0)
		return address;
	int error = backing_set((uint64_t)address, (uint64_t)address + request->length,
				request->backing, request->offset);
	if (error)
		mapping_remove((uint64_t)address, request->length);
	return error ? error : address;
}

/* What there is of [address, end). */
static int unmap_areas(uint64_t address, uint64_t end)
{
	int error = 0;
	for (uint64_t to = end; !error && address_space_next_area(&address, &to); to = end) {
		error = vma_unmap(address, to);
		address = to;
	}
	return error;
}

int mapping_unmap(uint64_t address, uint64_t pages)
{
	const uint64_t end = address + pages * GUEST_PAGE_SIZE;
	backing_set(address, end, NULL, 0);
	if (address_space_has_pool(address, end - address)) {
		pool_unmap(address, pages);
		return 0;
	}
	int error = regions_unmap(address, end);
	return error ? error : unmap_areas(address, end);
}

int mapping_remove_all(void)
{
	struct address_space *space = address_space_current();
	backing_set(0, UINT64_MAX, NULL, 0);
	if (address_space_has_regions()) {
		pool_unmap(libos_start_info.pool_base, pool_total_pages());
		pool_keep_heap(libos_start_info.pool_base);
	}
	space->heap_begin = space->program_break = 0;
	space->stub_pages = 0;
	int error = unmap_areas(0, UINT64_MAX);
	return error ? error : regions_release();
}

SYSTEM_CALL(munmap)
{
	uint64_t pages;
	int error = check_range(arguments[0], arguments[1], &pages);
	if (error || !is_user_range(arguments[0], pages))
		return -EINVAL;
	return mapping_unmap(arguments[0], pages);
}

/* The beginning of the program's stack, all of which is mapped when it starts. 0: `address` is not in
 * it. */
static uint64_t stack_begin(uint64_t address)
{
	if (!address_space_has_regions())
		return address >= libos_start_info.stack_base && address < GUEST_STACK_TOP
			   ? libos_start_info.stack_base
			   : 0;
	const struct guest_region *region = regions_next(0);
	while (region && region->end <= address)
		region = regions_next(region->end);
	return region && region->start <= address && region->end == GUEST_STACK_TOP ? region->start
										    : 0;
}

SYSTEM_CALL(mprotect)
{
	const uint64_t for_atomics = 8; /* PROT_SEM: all memory is */
	uint64_t address = arguments[0], protection = arguments[2] & ~for_atomics, pages;
	if (is_aligned(address) && !arguments[1])
		return 0;
	int error = check_range(address, arguments[1], &pages);
	/* From where the mapping begins, if it is one that grows: for libraries that ask for a stack
	 * with code. None grows upwards here. */
	const bool grows = protection & PROT_GROWSDOWN;
	protection &= ~(uint64_t)PROT_GROWSDOWN;
	if (!error)
		error = mapping_check_protection(protection);
	if (!error && grows && !stack_begin(address))
		error = -EINVAL;
	if (error)
		return error;
	const uint32_t effective = mapping_protection(protection);
	uint64_t length = pages * GUEST_PAGE_SIZE;
	if (grows) {
		const uint64_t below = address - stack_begin(address);
		address -= below;
		length += below;
	}
	if (address_space_has_pool(address, length))
		return pool_is_mapped(address, pages) ? pool_protect(address, pages, effective)
						      : -ENOMEM;
	if (address_space_has_area(address, length) && !regions_overlap(address, address + length))
		return vma_protect(address, address + length, effective);
	return regions_protect(address, address + length, effective);
}
