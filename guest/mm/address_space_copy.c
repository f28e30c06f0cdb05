/* A copy of the current address space; see address_space.h. All of it is made at once: a page costs a
 * third of a microsecond, and one that would be copied when it is written, a hundred times that.
 *
 * The monitor hears of it when the copy is entered. Until then its pages are the library OS's, in the
 * pool; so all can be given back where something is missing. */
#include <errno.h>

#include "address_space.h"
#include "backing.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "heap.h"
#include "pool.h"
#include "regions.h"
#include "sizes/sizes.h"
#include "vma.h"

/* That many pages in a row of nothing but zeros are left out; they come when they are touched. */
#define ZEROS_MIN 16UL

struct copying {
	struct address_space *space;
	uint64_t part;	    /* pages that the pool has in a row, as far as is known */
	uint64_t kept_from; /* backings from there on are to be copied */
};

/* ── what the copy gets ──────────────────────────────────────────────────────────────────────── */

static int add_own(struct copying *copying, uint64_t start, uint64_t end)
{
	struct address_space *space = copying->space;
	struct own_range *own = space->own_count ? &space->own[space->own_count - 1] : NULL;
	if (own && own->end == start) {
		own->end = end;
		return 0;
	}
	own = heap_resize(space->own, space->own_count * sizeof(*own),
			  (space->own_count + 1) * sizeof(*own));
	if (!own)
		return -ENOMEM;
	space->own = own;
	own[space->own_count++] = (struct own_range){start, end};
	return 0;
}

/* The parts of the pool where the copy has something else than the others. */
static int add_own_ranges(struct copying *copying)
{
	const struct address_space *from = address_space_current();
	const uint64_t pool_end = libos_start_info.pool_base + pool_total_pages() * GUEST_PAGE_SIZE;
	uint64_t at = libos_start_info.pool_base;
	bool is_mixed;
	int error = 0;
	while (address_space_has_regions() && at < pool_end && !error &&
	       (at = pool_next_chunk(at, &is_mixed))) {
		/* What the library OS has there must be seen in the copy, too. */
		error = is_mixed ? -ENOMEM : add_own(copying, at, at + GUEST_SPACE_OWN_SIZE);
		at += GUEST_SPACE_OWN_SIZE;
	}
	for (uint64_t i = 0; i < from->own_count && !error; i++)
		error = add_own(copying, from->own[i].start, from->own[i].end);
	return error;
}

static int add_vma(struct copying *copying, const struct vma *vma)
{
	int error = vma_list_add(&copying->space->vmas, vma);
	vma_list_merge(&copying->space->vmas, vma->start, vma->end);
	return error;
}

/* ── pages ───────────────────────────────────────────────────────────────────────────────────── */

static bool is_clean(uint64_t page)
{
	const uint64_t *words = (const uint64_t *)page, *end = words + GUEST_PAGE_SIZE / 8;
	for (; words < end; words += 8)
		if (words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] |
		    words[7])
			return false;
	return true;
}

/* How much of [start, end) is zero from its start on. */
static uint64_t zeros_from(uint64_t start, uint64_t end)
{
	uint64_t at = start;
	while (at < end && is_clean(at))
		at += GUEST_PAGE_SIZE;
	return at - start;
}

/* Where the next long row of zeros begins. */
static uint64_t data_end(uint64_t start, uint64_t end)
{
	uint64_t zeros = 0;
	for (uint64_t at = start; at < end; at += GUEST_PAGE_SIZE) {
		zeros = is_clean(at) ? zeros + 1 : 0;
		if (zeros == ZEROS_MIN)
			return at + GUEST_PAGE_SIZE - ZEROS_MIN * GUEST_PAGE_SIZE;
	}
	return end;
}

/* A part of the VMA, [start, end), with other pages behind it. */
static struct vma part_of(const struct vma *vma, uint64_t start, uint64_t end, uint64_t frame)
{
	struct vma part = *vma;
	part.start = start;
	part.end = end;
	part.frame = frame;
	if (part.image)
		part.image += start - vma->start;
	return part;
}

static int copy_pages(struct copying *copying, const struct vma *vma, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t pages = (end - start) / GUEST_PAGE_SIZE;
		void *frames = NULL;
		if (pages > copying->part)
			pages = copying->part;
		for (; pages && !(frames = pool_allocate_stale(pages)); pages /= 2)
			copying->part = pages / 2;
		if (!frames)
			return -ENOMEM;
		const uint64_t length = pages * GUEST_PAGE_SIZE;
		const struct vma part = part_of(vma, start, start + length, (uint64_t)frames);
		memcpy(frames, (const void *)start, length);
		int error = vma_list_reserve(&copying->space->vmas, 1);
		if (error) {
			pool_release(frames, pages);
			return error;
		}
		error = add_vma(copying, &part);
		if (error)
			return error;
		start += length;
	}
	return 0;
}

/* Memory that begins as zeros has them without pages, too. */
static int copy_readable(struct copying *copying, const struct vma *vma)
{
	int error = 0;
	if (vma->image || vma->file_backed)
		return copy_pages(copying, vma, vma->start, vma->end);
	for (uint64_t at = vma->start, next; at < vma->end && !error; at = next) {
		next = at + zeros_from(at, vma->end);
		const struct vma zeros = part_of(vma, at, next, 0);
		if (next - at >= ZEROS_MIN * GUEST_PAGE_SIZE || next == vma->end) {
			error = add_vma(copying, &zeros);
		} else {
			next = data_end(next, vma->end);
			error = copy_pages(copying, vma, at, next);
		}
	}
	return error;
}

static int protect(const struct vma *vma, uint32_t protection)
{
	return (int)machine_hypercall(HYPERCALL_PROTECT, vma->start, vma->end - vma->start,
				      protection);
}

/* All of the VMA has pages in the current space. */
static int copy_present(struct copying *copying, const struct vma *vma)
{
	if (vma->protection & GUEST_READ)
		return copy_readable(copying, vma);
	int error = protect(vma, GUEST_READ);
	if (error)
		return error;
	error = copy_readable(copying, vma);
	const int refusal = protect(vma, vma->protection);
	return error ? error : refusal;
}

/* ── the parts of a space ────────────────────────────────────────────────────────────────────── */

static int leave_out(struct copying *copying, uint64_t start, uint64_t end)
{
	int error = backings_copy(copying->space, copying->kept_from, start);
	copying->kept_from = end;
	return error;
}

static int copy_vma(struct copying *copying, const struct vma *vma)
{
	if (vma->leave_on_fork)
		return leave_out(copying, vma->start, vma->end);
	if (!vma_has_frames(vma))
		return add_vma(copying, vma);
	const struct vma wiped = part_of(vma, vma->start, vma->end, 0);
	return vma->wipe_on_fork ? add_vma(copying, &wiped) : copy_present(copying, vma);
}

/* Frames that were handed out one after the other lie in no order; the copy gets new ones in a row. */
static int copy_vmas(struct copying *copying)
{
	const struct vma_list *list = &address_space_current()->vmas;
	int error = 0;
	for (uint64_t i = 0; i < list->count && !error; i++) {
		struct vma vma = list->vmas[i];
		while (vma_has_frames(&vma) && i + 1 < list->count &&
		       vma_has_frames(&list->vmas[i + 1]) &&
		       vma_continues(&vma, &list->vmas[i + 1]))
			vma.end = list->vmas[++i].end;
		error = copy_vma(copying, &vma);
	}
	return error;
}

/* Down to where something may be of what lies from `start` on and ends at `end`. Signal handlers may
 * have a stack within the stack, so what is below the stack pointer may be in use; but not far below
 * it without anything between. */
static uint64_t used_begin(uint64_t start, uint64_t end)
{
	uint64_t begin = end, clean = 0;
	for (uint64_t at = end; at > start && clean < ZEROS_MIN;) {
		at -= GUEST_PAGE_SIZE;
		clean = is_clean(at) ? clean + 1 : 0;
		if (!clean)
			begin = at;
	}
	return begin;
}

/* Most of the stack was never touched, and is not to be so now. */
static int copy_stack(struct copying *copying, const struct vma *vma)
{
	const uint64_t pointer = round_down(process_stack_pointer(), GUEST_PAGE_SIZE);
	const bool in_use = pointer >= libos_start_info.stack_base && pointer < GUEST_STACK_TOP;
	if (!(vma->protection & GUEST_READ) || !in_use || pointer <= vma->start)
		return copy_present(copying, vma);
	const uint64_t begin = used_begin(vma->start, pointer < vma->end ? pointer : vma->end);
	const struct vma unused = part_of(vma, vma->start, begin, 0);
	const struct vma used = part_of(vma, begin, vma->end, 0);
	int error = begin > vma->start ? add_vma(copying, &unused) : 0;
	return error || begin == vma->end ? error : copy_present(copying, &used);
}

static int copy_regions(struct copying *copying)
{
	const struct guest_region *region = regions_next(0);
	int error = 0;
	for (; region && !error; region = regions_next(region->end)) {
		const struct vma vma = {
		    .start = region->start,
		    .end = region->end,
		    .protection = region->protection,
		};
		const bool is_stack = region->start >= GUEST_AREA_END;
		error = is_stack ? copy_stack(copying, &vma) : copy_present(copying, &vma);
	}
	return error;
}

/* What brk and mmap gave in the pool: a part for each that is of one file or of none. */
static int copy_run(struct copying *copying, struct pool_run run)
{
	int error = 0;
	if (run.leave_on_fork)
		return leave_out(copying, run.start, run.end);
	while (run.start < run.end && !error) {
		uint64_t offset, end = run.end;
		const bool is_file = backing_at(run.start, &offset, &end);
		const struct vma vma = {
		    .start = run.start,
		    .end = end,
		    .protection = run.protection,
		    .wipe_on_fork = run.wipe_on_fork,
		    .file_backed = is_file,
		    .dirty = is_file,
		};
		error = run.wipe_on_fork ? add_vma(copying, &vma) : copy_present(copying, &vma);
		run.start = end;
	}
	copying->space->vmas.has_wipe_on_fork |= run.wipe_on_fork;
	return error;
}

static int copy_pool(struct copying *copying)
{
	struct pool_run run = {.end = libos_start_info.pool_base};
	int error = 0;
	while (address_space_has_regions() && !error && pool_next_run(run.end, &run))
		error = copy_run(copying, run);
	return error;
}

/* ── all of it ───────────────────────────────────────────────────────────────────────────────── */

static void copy_rest(struct address_space *space)
{
	const struct address_space *from = address_space_current();
	space->heap_begin = from->heap_begin;
	space->program_break = from->program_break;
	space->stub_pages = from->stub_pages;
	space->vmas.has_wipe_on_fork = from->vmas.has_wipe_on_fork;
}

static int copy_all(struct copying *copying)
{
	int error = add_own_ranges(copying);
	if (!error)
		error = copy_vmas(copying);
	if (!error)
		error = copy_regions(copying);
	if (!error)
		error = copy_pool(copying);
	if (!error)
		error = backings_copy(copying->space, copying->kept_from, UINT64_MAX);
	return error ? error : space_begin(copying->space, address_space_current()->kind + 1);
}

/* All that may have to be copied, but for the program's segments. */
static uint64_t count_pages(void)
{
	const struct vma_list *list = &address_space_current()->vmas;
	struct pool_run run = {.end = libos_start_info.pool_base};
	uint64_t bytes = 0;
	for (uint64_t i = 0; i < list->count; i++)
		if (vma_has_frames(&list->vmas[i]))
			bytes += list->vmas[i].end - list->vmas[i].start;
	while (address_space_has_regions() && pool_next_run(run.end, &run))
		bytes += run.end - run.start;
	return bytes / GUEST_PAGE_SIZE;
}

int address_space_copy(struct address_space **copy)
{
	int error;
	while (pool_free_pages() < count_pages() && vma_reclaim())
		;
	struct copying copying = {
	    .space = space_allocate(&error),
	    .part = UINT64_MAX,
	};
	if (error)
		return error;
	copy_rest(copying.space);
	error = copy_all(&copying);
	if (error)
		address_space_release(copying.space);
	else
		*copy = copying.space;
	return error;
}
