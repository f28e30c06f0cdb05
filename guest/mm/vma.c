/* The list of mappings in the area; see vma.h. An array in the order of addresses: programs have
 * tens to hundreds of mappings, and find them far more often than they make them. */
#include "vma.h"

#include <errno.h>

#include "backing.h"
#include "guest/lib/text.h"
#include "guest/machine/machine.h"
#include "heap.h"
#include "pool.h"
#include "regions.h"
#include "sizes/sizes.h"

#define FIRST_CAPACITY 16
#define RECLAIMED      (2UL << 20) /* bytes that are given back at once, by one hypercall */

static struct {
	struct vma *vmas;
	uint64_t count, capacity;
	bool has_wipe_on_fork; /* a VMA may be wipe_on_fork */
} mmap_area;

bool mmap_area_contains(uint64_t address, uint64_t length)
{
	return address >= GUEST_AREA_BASE && address < GUEST_AREA_END &&
	       length <= GUEST_AREA_END - address;
}

/* ── the list ────────────────────────────────────────────────────────────────────────────────── */

/* The index of the first VMA that ends behind `address`. */
static uint64_t index_from(uint64_t address)
{
	uint64_t low = 0, high = mmap_area.count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (mmap_area.vmas[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct vma *vma_find(uint64_t address)
{
	uint64_t index = index_from(address);
	return index < mmap_area.count ? &mmap_area.vmas[index] : NULL;
}

/* Room for that many VMAs more. */
static int reserve(uint64_t more)
{
	uint64_t capacity = mmap_area.capacity ? mmap_area.capacity : FIRST_CAPACITY;
	while (capacity < mmap_area.count + more)
		capacity *= 2;
	if (capacity == mmap_area.capacity)
		return 0;
	struct vma *grown = heap_resize(mmap_area.vmas, mmap_area.capacity * sizeof(*grown),
					capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	mmap_area.vmas = grown;
	mmap_area.capacity = capacity;
	return 0;
}

/* There is room. */
static void insert(uint64_t index, const struct vma *vma)
{
	memmove(mmap_area.vmas + index + 1, mmap_area.vmas + index,
		(mmap_area.count - index) * sizeof(*vma));
	mmap_area.vmas[index] = *vma;
	mmap_area.count++;
}

static void remove_vmas(uint64_t index, uint64_t count)
{
	memmove(mmap_area.vmas + index, mmap_area.vmas + index + count,
		(mmap_area.count - index - count) * sizeof(*mmap_area.vmas));
	mmap_area.count -= count;
}

/* Makes `address` a border between VMAs. There is room. */
static void split(uint64_t address)
{
	uint64_t index = index_from(address);
	if (index == mmap_area.count || mmap_area.vmas[index].start >= address)
		return;
	struct vma *vma = &mmap_area.vmas[index], upper = *vma;
	uint64_t before = address - vma->start;
	upper.start = vma->end = address;
	if (upper.frame)
		upper.frame += before;
	if (upper.image)
		upper.image += before;
	insert(index + 1, &upper);
}

static bool goes_on(uint64_t first, uint64_t length, uint64_t second)
{
	return first ? second == first + length : !second;
}

/* True if the second VMA continues the first in all respects. */
static bool can_merge(const struct vma *first, const struct vma *second)
{
	uint64_t length = first->end - first->start;
	return first->end == second->start && first->protection == second->protection &&
	       first->wipe_on_fork == second->wipe_on_fork &&
	       first->file_backed == second->file_backed && first->dirty == second->dirty &&
	       first->shared == second->shared && first->read_only == second->read_only &&
	       goes_on(first->frame, length, second->frame) &&
	       goes_on(first->image, length, second->image);
}

/* Merges those VMAs that touch [start, end] and can be merged. */
static void merge(uint64_t start, uint64_t end)
{
	uint64_t index = index_from(start ? start - 1 : 0);
	while (index + 1 < mmap_area.count && mmap_area.vmas[index + 1].start <= end) {
		if (can_merge(&mmap_area.vmas[index], &mmap_area.vmas[index + 1])) {
			mmap_area.vmas[index].end = mmap_area.vmas[index + 1].end;
			remove_vmas(index + 1, 1);
		} else {
			index++;
		}
	}
}

/* Makes start and end borders; *first and *behind are the indices of what lies between. */
static int isolate(uint64_t start, uint64_t end, uint64_t *first, uint64_t *behind)
{
	int error = reserve(2);
	if (error)
		return error;
	split(start);
	split(end);
	*first = index_from(start);
	*behind = *first;
	while (*behind < mmap_area.count && mmap_area.vmas[*behind].start < end)
		++*behind;
	return 0;
}

/* ── questions ───────────────────────────────────────────────────────────────────────────────── */

bool vma_is_free(uint64_t start, uint64_t end)
{
	const struct vma *vma = vma_find(start);
	return (!vma || vma->start >= end) && !regions_overlap(start, end);
}

bool vma_is_mapped(uint64_t start, uint64_t end)
{
	for (uint64_t index = index_from(start); start < end; index++) {
		if (index == mmap_area.count || mmap_area.vmas[index].start > start)
			return false;
		start = mmap_area.vmas[index].end;
	}
	return true;
}

bool vma_is_uniform(uint64_t start, uint64_t end)
{
	if (!vma_is_mapped(start, end))
		return false;
	const struct vma *first = vma_find(start);
	for (const struct vma *vma = first; vma->end < end; vma++)
		if (vma[1].protection != first->protection ||
		    vma[1].wipe_on_fork != first->wipe_on_fork ||
		    vma[1].file_backed != first->file_backed || vma[1].shared != first->shared ||
		    vma[1].read_only != first->read_only ||
		    !goes_on(vma->image, vma->end - vma->start, vma[1].image))
			return false;
	return true;
}

uint64_t vma_accessible_end(uint64_t address, uint32_t access)
{
	const struct vma *vma = vma_find(address);
	if (!vma || vma->start > address || (vma->protection & access) != access)
		return 0;
	/* Behind the end of the file there is nothing that could be touched. */
	if (access && vma->shared) {
		const uint64_t end = backing_end(round_down(address, GUEST_PAGE_SIZE), vma->end);
		return end > address ? end : 0;
	}
	return vma->end;
}

uint64_t vma_unmapped_area(uint64_t length, uint64_t limit)
{
	if (!length || length > limit)
		return 0;
	uint64_t index = index_from(limit - 1), top = limit;
	if (index < mmap_area.count && mmap_area.vmas[index].start < top)
		top = mmap_area.vmas[index].start;
	for (;;) {
		const uint64_t bottom = index ? mmap_area.vmas[index - 1].end : GUEST_AREA_BASE;
		uint64_t blocked;
		/* Segments of the program may lie in the gap. */
		while (top >= bottom + length && (blocked = regions_overlap(top - length, top)))
			top = blocked;
		if (top >= bottom + length)
			return top - length;
		if (!index)
			return 0;
		top = mmap_area.vmas[--index].start;
	}
}

/* ── changes ─────────────────────────────────────────────────────────────────────────────────── */

/* The pool gave its pages to it. */
static bool is_frame(const struct vma *vma)
{
	return vma->frame && vma->frame < GUEST_ROOT_BASE && !vma->shared;
}

static bool is_of_root(const struct vma *vma)
{
	return vma->frame >= GUEST_ROOT_BASE;
}

static int put(const struct vma *vma, uint64_t source)
{
	const uint32_t flags = vma->protection | (vma->shared ? GUEST_SHARED : 0);
	return (int)machine_map(vma->start, source, vma->end - vma->start, flags);
}

/* Takes the pages from behind VMAs, which are neighbours in the list; what was the pool's goes
 * back there, unless it is `kept` for another place. */
static int detach(uint64_t first, uint64_t behind, bool kept)
{
	uint64_t start = 0, end = 0;
	for (uint64_t i = first; i < behind; i++) {
		if (!mmap_area.vmas[i].frame)
			continue;
		if (!end)
			start = mmap_area.vmas[i].start;
		end = mmap_area.vmas[i].end;
	}
	if (!end)
		return 0;
	int64_t error = machine_hypercall(HYPERCALL_UNMAP, start, end - start, 0);
	for (uint64_t i = first; i < behind && !error && !kept; i++) {
		struct vma *vma = &mmap_area.vmas[i];
		if (is_frame(vma))
			pool_release((void *)vma->frame, (vma->end - vma->start) / GUEST_PAGE_SIZE);
		vma->frame = 0;
	}
	return (int)error;
}

int vma_unmap(uint64_t start, uint64_t end)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (!error)
		error = detach(first, behind, false);
	if (!error)
		remove_vmas(first, behind - first);
	return error;
}

static int map_vma(const struct vma *vma)
{
	if (regions_overlap(vma->start, vma->end))
		return -ENOMEM;
	int error = reserve(3);
	if (!error)
		error = vma_unmap(vma->start, vma->end);
	if (error)
		return error;
	insert(index_from(vma->start), vma);
	merge(vma->start, vma->end);
	return 0;
}

int vma_map(uint64_t start, uint64_t end, uint32_t protection, uint64_t image)
{
	const struct vma vma = {
	    .start = start, .end = end, .protection = protection, .image = image};
	return map_vma(&vma);
}

int vma_map_file(uint64_t start, uint64_t end, uint32_t protection)
{
	const struct vma vma = {
	    .start = start,
	    .end = end,
	    .protection = protection,
	    .file_backed = true,
	    .dirty = protection & GUEST_WRITE,
	};
	return map_vma(&vma);
}

int vma_map_shared(uint64_t start, uint64_t end, uint32_t protection, bool read_only)
{
	const struct vma vma = {
	    .start = start,
	    .end = end,
	    .protection = protection,
	    .shared = true,
	    .read_only = read_only,
	};
	return map_vma(&vma);
}

int vma_set_file_backed(uint64_t start, uint64_t end)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	for (uint64_t i = first; i < behind && !error; i++)
		mmap_area.vmas[i].file_backed = mmap_area.vmas[i].dirty = true;
	merge(start, end);
	return error;
}

bool vma_reclaim(void)
{
	static uint64_t from; /* where the search goes on: what came first goes first, mostly */
	for (int round = 0; round < 2; round++, from = 0) {
		for (uint64_t i = index_from(from); i < mmap_area.count; i++) {
			const struct vma vma = mmap_area.vmas[i];
			if (!vma.file_backed || vma.dirty || !vma.frame)
				continue;
			uint64_t start = vma.start > from ? vma.start : from;
			uint64_t end = vma.end - start > RECLAIMED ? start + RECLAIMED : vma.end;
			from = end;
			return !vma_discard(start, end);
		}
	}
	return false;
}

static int protect_vma(struct vma *vma, uint32_t protection)
{
	if (vma->protection == protection)
		return 0;
	int64_t error = 0;
	const uint64_t length = vma->end - vma->start;
	if (vma->read_only && (protection & GUEST_WRITE))
		return -EACCES;
	if (is_of_root(vma) && (protection & GUEST_WRITE)) {
		/* A page of the root image is unmapped; a copy comes when it is touched. */
		error = machine_hypercall(HYPERCALL_UNMAP, vma->start, length, 0);
		if (!error)
			vma->frame = 0;
	} else if (vma->frame) {
		error = machine_hypercall(HYPERCALL_PROTECT, vma->start, length, protection);
	}
	if (!error)
		vma->protection = protection;
	vma->dirty |= vma->file_backed && protection & GUEST_WRITE;
	return (int)error;
}

int vma_protect(uint64_t start, uint64_t end, uint32_t protection)
{
	uint64_t first, behind, at = start;
	int error = isolate(start, end, &first, &behind);
	for (uint64_t i = first; i < behind && !error && mmap_area.vmas[i].start == at; i++) {
		at = mmap_area.vmas[i].end;
		error = protect_vma(&mmap_area.vmas[i], protection);
	}
	merge(start, end);
	return error || at >= end ? error : -ENOMEM;
}

int vma_discard(uint64_t start, uint64_t end)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (!error)
		error = detach(first, behind, false);
	merge(start, end);
	return error;
}

int vma_set_wipe_on_fork(uint64_t start, uint64_t end, bool wipe_on_fork)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	for (uint64_t i = first; i < behind && !error && wipe_on_fork; i++)
		error = mmap_area.vmas[i].image ? -EINVAL : 0;
	for (uint64_t i = first; i < behind && !error; i++)
		mmap_area.vmas[i].wipe_on_fork = wipe_on_fork;
	mmap_area.has_wipe_on_fork |= wipe_on_fork;
	merge(start, end);
	return error;
}

int vma_wipe_on_fork(void)
{
	int error = 0;
	for (uint64_t i = 0; mmap_area.has_wipe_on_fork && i < mmap_area.count && !error; i++) {
		struct vma *vma = &mmap_area.vmas[i];
		if (!vma->wipe_on_fork || !vma->frame)
			continue;
		/* In place if possible, so that a clone that uses the memory need not fault. */
		if (vma->protection & GUEST_WRITE)
			memset((void *)vma->start, 0, vma->end - vma->start);
		else
			error = detach(i, i + 1, false);
	}
	return error;
}

int vma_attach(uint64_t start, uint64_t end, uint64_t source)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (error)
		return error;
	struct vma *vma = &mmap_area.vmas[first];
	error = put(vma, source);
	if (!error)
		vma->frame = source;
	merge(start, end);
	return error;
}

/* Pages go home and from there to the new place; what is in them stays. */
int vma_move(uint64_t start, uint64_t end, uint64_t target)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (!error)
		error = reserve(behind - first);
	if (!error)
		error = detach(first, behind, true);
	if (error)
		return error;
	const uint64_t count = behind - first;
	for (uint64_t i = 0; i < count && !error; i++) {
		struct vma vma = mmap_area.vmas[index_from(start)];
		const uint64_t length = vma.end - vma.start;
		remove_vmas(index_from(start), 1);
		start = vma.end;
		vma.start = target;
		vma.end = target += length;
		insert(index_from(vma.start), &vma);
		if (vma.frame)
			error = put(&vma, vma.frame);
	}
	/* The pages cannot be put back: the program ends. */
	if (error)
		pool_exhausted();
	merge(target, target);
	return 0;
}
