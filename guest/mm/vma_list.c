/* An array in the order of addresses: programs have tens to hundreds of mappings, and find them far more
 * often than they make them. */
#include "vma_list.h"

#include <errno.h>

#include "guest/lib/text.h"
#include "heap.h"

#define FIRST_CAPACITY 16

uint64_t vma_list_index(const struct vma_list *list, uint64_t address)
{
	uint64_t low = 0, high = list->count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (list->vmas[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int vma_list_reserve(struct vma_list *list, uint64_t more)
{
	uint64_t capacity = list->capacity ? list->capacity : FIRST_CAPACITY;
	while (capacity < list->count + more)
		capacity *= 2;
	if (capacity == list->capacity)
		return 0;
	struct vma *grown =
	    heap_resize(list->vmas, list->capacity * sizeof(*grown), capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->vmas = grown;
	list->capacity = capacity;
	return 0;
}

void vma_list_insert(struct vma_list *list, uint64_t index, const struct vma *vma)
{
	memmove(list->vmas + index + 1, list->vmas + index, (list->count - index) * sizeof(*vma));
	list->vmas[index] = *vma;
	list->count++;
}

void vma_list_remove(struct vma_list *list, uint64_t index, uint64_t count)
{
	memmove(list->vmas + index, list->vmas + index + count,
		(list->count - index - count) * sizeof(*list->vmas));
	list->count -= count;
}

/* Makes `address` a border between VMAs. There is room. */
static void split(struct vma_list *list, uint64_t address)
{
	uint64_t index = vma_list_index(list, address);
	if (index == list->count || list->vmas[index].start >= address)
		return;
	struct vma *vma = &list->vmas[index], upper = *vma;
	uint64_t before = address - vma->start;
	upper.start = vma->end = address;
	if (upper.frame)
		upper.frame += before;
	if (upper.image)
		upper.image += before;
	vma_list_insert(list, index + 1, &upper);
}

bool vma_continues(const struct vma *first, const struct vma *second)
{
	const uint64_t length = first->end - first->start;
	return first->end == second->start && first->protection == second->protection &&
	       first->wipe_on_fork == second->wipe_on_fork &&
	       first->leave_on_fork == second->leave_on_fork &&
	       first->file_backed == second->file_backed && first->dirty == second->dirty &&
	       first->shared == second->shared && first->read_only == second->read_only &&
	       vma_goes_on(first->image, length, second->image);
}

bool vma_can_merge(const struct vma *first, const struct vma *second)
{
	return vma_continues(first, second) &&
	       vma_goes_on(first->frame, first->end - first->start, second->frame);
}

void vma_list_merge(struct vma_list *list, uint64_t start, uint64_t end)
{
	uint64_t index = vma_list_index(list, start ? start - 1 : 0);
	while (index + 1 < list->count && list->vmas[index + 1].start <= end) {
		if (vma_can_merge(&list->vmas[index], &list->vmas[index + 1])) {
			list->vmas[index].end = list->vmas[index + 1].end;
			vma_list_remove(list, index + 1, 1);
		} else {
			index++;
		}
	}
}

int vma_list_isolate(struct vma_list *list, uint64_t start, uint64_t end, uint64_t *first,
		     uint64_t *behind)
{
	int error = vma_list_reserve(list, 2);
	if (error)
		return error;
	split(list, start);
	split(list, end);
	*first = vma_list_index(list, start);
	*behind = *first;
	while (*behind < list->count && list->vmas[*behind].start < end)
		++*behind;
	return 0;
}

int vma_list_add(struct vma_list *list, const struct vma *vma)
{
	int error = vma_list_reserve(list, 1);
	if (!error)
		vma_list_insert(list, vma_list_index(list, vma->start), vma);
	return error;
}

void vma_list_release(struct vma_list *list)
{
	heap_free(list->vmas, list->capacity * sizeof(*list->vmas));
	*list = (struct vma_list){.vmas = NULL};
}
