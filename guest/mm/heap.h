/* Small objects of the library OS; see heap.c. */
#ifndef MAYFLY_GUEST_HEAP_H
#define MAYFLY_GUEST_HEAP_H

#include <stddef.h>

/* A zeroed object; NULL where memory is used up. The caller keeps the size. */
void *heap_allocate(size_t size);

/* The object (NULL: none yet) may move; what it grew by is zero. Where the result is NULL, the old
 * object is as it was. */
void *heap_resize(void *object, size_t old_size, size_t new_size);

/* Takes NULL as well. */
void heap_free(void *object, size_t size);

#endif
