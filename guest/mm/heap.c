/* Small objects of the library OS: size classes of powers of two, each with a list of freed
 * objects, carved from pages that are never given back. Larger objects are pages of their own.
 * The first pages are static, beside the rest of the library OS's data, so that a request which
 * opens a file or two writes no page of the pool for it. */
#include "heap.h"

#include "guest/lib/large_data.h"
#include "guest/lib/text.h"
#include "guest/mm/ranges.h"
#include "mayfly/guest_abi.h"
#include "pool.h"

#define SMALLEST    16UL
#define LARGEST	    2048UL
#define CLASS_COUNT 8 /* 16 … 2048 */

struct free_object {
	struct free_object *next;
};

static struct free_object *free_objects[CLASS_COUNT];

static LARGE_DATA _Alignas(16) char first_pages[12 * GUEST_PAGE_SIZE];
static char *carve_next = first_pages;
static char *carve_end = first_pages + sizeof(first_pages);

static unsigned size_class(size_t size)
{
	unsigned class = 0;
	while (SMALLEST << class < size)
		class ++;
	return class;
}

void *heap_allocate(size_t size)
{
	if (size > LARGEST)
		return pool_allocate(page_count(size));
	unsigned class = size_class(size);
	size_t rounded = SMALLEST << class;
	struct free_object *object = free_objects[class];
	if (object) {
		free_objects[class] = object->next;
	} else {
		if ((size_t)(carve_end - carve_next) < rounded) {
			/* What is left of the old page is less than one object of this class. */
			char *page = pool_allocate(1);
			if (!page)
				return NULL;
			carve_next = page;
			carve_end = page + GUEST_PAGE_SIZE;
		}
		object = (struct free_object *)carve_next;
		carve_next += rounded;
	}
	memset(object, 0, rounded);
	return object;
}

void heap_free(void *object, size_t size)
{
	if (!object)
		return;
	if (size > LARGEST) {
		pool_release(object, page_count(size));
		return;
	}
	unsigned class = size_class(size);
	struct free_object *freed = object;
	freed->next = free_objects[class];
	free_objects[class] = freed;
}

void *heap_resize(void *object, size_t old_size, size_t new_size)
{
	void *moved = heap_allocate(new_size);
	if (!moved)
		return NULL;
	if (object)
		memcpy(moved, object, old_size < new_size ? old_size : new_size);
	heap_free(object, old_size);
	return moved;
}
