/* What is mapped, and how it changes; see vma.h. */
#include "vma.h"

#include <errno.h>

#include "backing.h"
#include "guest/lib/text.h"
#include "guest/machine/machine.h"
#include "pool.h"
#include "regions.h"
#include "sizes/sizes.h"
#include "space.h"
#include "vma_list.h"

#define RECLAIMED (2UL << 20) /* bytes that are given back at once, by one hypercall */

static struct vma_list *current_list(void)
{
	return &address_space_current()->vmas;
}

const struct vma *vma_find(uint64_t address)
{
	const struct vma_list *list = current_list();
	const uint64_t index = vma_list_index(list, address);
	return index < list->count ? &list->vmas[index] : NULL;
}

/* ── questions ───────────────────────────────────────────────────────────────────────────────── */

bool vma_is_free(uint64_t start, uint64_t end)
{
	const struct vma *vma = vma_find(start);
	return (!vma || vma->start >= end) && !regions_overlap(start, end);
}

bool vma_is_mapped(uint64_t start, uint64_t end)
{
	const struct vma_list *list = current_list();
	for (uint64_t index = vma_list_index(list, start); start < end; index++) {
		if (index == list->count || list->vmas[index].start > start)
			return false;
		start = list->vmas[index].end;
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
		    vma[1].leave_on_fork != first->leave_on_fork ||
		    vma[1].file_backed != first->file_backed || vma[1].shared != first->shared ||
		    vma[1].read_only != first->read_only ||
		    !vma_goes_on(vma->image, vma->end - vma->start, vma[1].image))
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
	const struct vma_list *list = current_list();
	uint64_t index = vma_list_index(list, limit - 1), top = limit;
	if (index < list->count && list->vmas[index].start < top)
		top = list->vmas[index].start;
	for (;;) {
		const uint64_t bottom = index ? list->vmas[index - 1].end : GUEST_AREA_BASE;
		uint64_t blocked;
		/* Segments of the program may lie in the gap. */
		while (top >= bottom + length && (blocked = regions_overlap(top - length, top)))
			top = blocked;
		if (top >= bottom + length)
			return top - length;
		if (!index)
			return 0;
		top = list->vmas[--index].start;
	}
}

/* ── changes ─────────────────────────────────────────────────────────────────────────────────── */

static bool is_of_root(const struct vma *vma)
{
	return vma->frame >= GUEST_ROOT_BASE;
}

static int put(const struct vma *vma, uint64_t source)
{
	const uint32_t flags = vma->protection | (vma->shared ? GUEST_SHARED : 0);
	if (!address_space_current()->is_made)
		return 0;
	return (int)machine_map(vma->start, source, vma->end - vma->start, flags);
}

/* Takes the pages from behind VMAs, which are neighbours in the list; what was the pool's goes
 * back there, unless it is `kept` for another place. */
static int detach(struct vma_list *list, uint64_t first, uint64_t behind, bool kept)
{
	uint64_t start = 0, end = 0;
	for (uint64_t i = first; i < behind; i++) {
		if (!list->vmas[i].frame)
			continue;
		if (!end)
			start = list->vmas[i].start;
		end = list->vmas[i].end;
	}
	if (!end)
		return 0;
	int64_t error = space_hypercall(HYPERCALL_UNMAP, start, end - start, 0);
	for (uint64_t i = first; i < behind && !error && !kept; i++) {
		struct vma *vma = &list->vmas[i];
		if (vma_has_frames(vma))
			pool_release((void *)vma->frame, (vma->end - vma->start) / GUEST_PAGE_SIZE);
		vma->frame = 0;
	}
	return (int)error;
}

int vma_unmap(uint64_t start, uint64_t end)
{
	struct vma_list *list = current_list();
	uint64_t first, behind;
	int error = vma_list_isolate(list, start, end, &first, &behind);
	if (!error)
		error = detach(list, first, behind, false);
	if (!error)
		vma_list_remove(list, first, behind - first);
	return error;
}

static int map_vma(const struct vma *vma)
{
	if (regions_overlap(vma->start, vma->end))
		return -ENOMEM;
	struct vma_list *list = current_list();
	int error = vma_list_reserve(list, 3);
	if (!error)
		error = vma_unmap(vma->start, vma->end);
	if (error)
		return error;
	vma_list_insert(list, vma_list_index(list, vma->start), vma);
	vma_list_merge(list, vma->start, vma->end);
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
	struct vma_list *list = current_list();
	uint64_t first, behind;
	int error = vma_list_isolate(list, start, end, &first, &behind);
	for (uint64_t i = first; i < behind && !error; i++)
		list->vmas[i].file_backed = list->vmas[i].dirty = true;
	vma_list_merge(list, start, end);
	return error;
}

bool vma_reclaim(void)
{
	struct vma_list *list = current_list();
	/* What came first goes first, mostly. */
	uint64_t *from = &address_space_current()->reclaim_from;
	for (int round = 0; round < 2; round++, *from = 0) {
		for (uint64_t i = vma_list_index(list, *from); i < list->count; i++) {
			const struct vma vma = list->vmas[i];
			if (!vma.file_backed || vma.dirty || !vma.frame)
				continue;
			uint64_t start = vma.start > *from ? vma.start : *from;
			uint64_t end = vma.end - start > RECLAIMED ? start + RECLAIMED : vma.end;
			*from = end;
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
		error = space_hypercall(HYPERCALL_UNMAP, vma->start, length, 0);
		if (!error)
			vma->frame = 0;
	} else if (vma->frame) {
		error = space_hypercall(HYPERCALL_PROTECT, vma->start, length, protection);
	}
	if (!error)
		vma->protection = protection;
	vma->dirty |= vma->file_backed && protection & GUEST_WRITE;
	return (int)error;
}

int vma_protect(uint64_t start, uint64_t end, uint32_t protection)
{
	uint64_t first, behind, at = start;
	struct vma_list *list = current_list();
	int error = vma_list_isolate(list, start, end, &first, &behind);
	for (uint64_t i = first; i < behind && !error && list->vmas[i].start == at; i++) {
		at = list->vmas[i].end;
		error = protect_vma(&list->vmas[i], protection);
	}
	vma_list_merge(list, start, end);
	return error || at >= end ? error : -ENOMEM;
}

int vma_discard(uint64_t start, uint64_t end)
{
	struct vma_list *list = current_list();
	uint64_t first, behind;
	int error = vma_list_isolate(list, start, end, &first, &behind);
	if (!error)
		error = detach(list, first, behind, false);
	vma_list_merge(list, start, end);
	return error;
}

int vma_set_mark(uint64_t start, uint64_t end, enum fork_mark mark, bool set)
{
	struct vma_list *list = current_list();
	uint64_t first, behind;
	const bool wipes = mark == FORK_WIPES;
	int error = vma_list_isolate(list, start, end, &first, &behind);
	for (uint64_t i = first; i < behind && !error && wipes && set; i++)
		error = list->vmas[i].image ? -EINVAL : 0;
	for (uint64_t i = first; i < behind && !error; i++)
		*(wipes ? &list->vmas[i].wipe_on_fork : &list->vmas[i].leave_on_fork) = set;
	list->has_wipe_on_fork |= wipes && set;
	vma_list_merge(list, start, end);
	return error;
}

int vma_wipe_on_fork(void)
{
	struct vma_list *list = current_list();
	int error = 0;
	for (uint64_t i = 0; list->has_wipe_on_fork && i < list->count && !error; i++) {
		struct vma *vma = &list->vmas[i];
		if (!vma->wipe_on_fork || !vma->frame)
			continue;
		/* In place if possible, so that a clone that uses the memory need not fault. */
		if (vma->protection & GUEST_WRITE)
			memset((void *)vma->start, 0, vma->end - vma->start);
		else
			error = detach(list, i, i + 1, false);
	}
	return error;
}

int vma_attach(uint64_t start, uint64_t end, uint64_t source)
{
	struct vma_list *list = current_list();
	uint64_t first, behind;
	int error = vma_list_isolate(list, start, end, &first, &behind);
	if (error)
		return error;
	struct vma *vma = &list->vmas[first];
	error = put(vma, source);
	if (!error)
		vma->frame = source;
	vma_list_merge(list, start, end);
	return error;
}

/* Pages go home and from there to the new place; what is in them stays. */
int vma_move(uint64_t start, uint64_t end, uint64_t target)
{
	struct vma_list *list = current_list();
	uint64_t first, behind;
	int error = vma_list_isolate(list, start, end, &first, &behind);
	if (!error)
		error = vma_list_reserve(list, behind - first);
	if (!error)
		error = detach(list, first, behind, true);
	if (error)
		return error;
	const uint64_t count = behind - first;
	for (uint64_t i = 0; i < count && !error; i++) {
		struct vma vma = list->vmas[vma_list_index(list, start)];
		const uint64_t length = vma.end - vma.start;
		vma_list_remove(list, vma_list_index(list, start), 1);
		start = vma.end;
		vma.start = target;
		vma.end = target += length;
		vma_list_insert(list, vma_list_index(list, vma.start), &vma);
		if (vma.frame)
			error = put(&vma, vma.frame);
	}
	/* The pages cannot be put back: the program ends. */
	if (error)
		pool_exhausted();
	vma_list_merge(list, target, target);
	return 0;
}
