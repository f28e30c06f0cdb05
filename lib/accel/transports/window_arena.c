/* Blocks in a window; see window_arena.h. */
#include "accel/transports/window_arena.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "sizes/sizes.h"
#include "util/lock.h"

#define PAGE 4096UL

struct window_block {
	struct window_block *next;
	size_t offset, size; /* whole pages */
};

void window_arena_begin(struct window_arena *arena, uint8_t *begin, size_t size)
{
	*arena =
	    (struct window_arena){.begin = begin, .size = size, .lock = PTHREAD_MUTEX_INITIALIZER};
}

void *window_arena_take(struct window_arena *arena, size_t size)
{
	uint64_t needed;
	if (!size || round_up_overflows(size, PAGE, &needed))
		return NULL;
	struct window_block *block = malloc(sizeof(*block));
	if (!block)
		return NULL;
	lock_scoped(&arena->lock);
	/* The first gap that is large enough: programs have a few large arrays. */
	struct window_block **place = &arena->blocks;
	size_t offset = 0;
	while (*place && (*place)->offset - offset < needed) {
		offset = (*place)->offset + (*place)->size;
		place = &(*place)->next;
	}
	if (needed > arena->size - offset) {
		free(block);
		return NULL;
	}
	*block = (struct window_block){.next = *place, .offset = offset, .size = needed};
	*place = block;
	return arena->begin + offset;
}

bool window_arena_give(struct window_arena *arena, void *memory)
{
	lock_scoped(&arena->lock);
	struct window_block **place = &arena->blocks;
	while (*place && arena->begin + (*place)->offset != memory)
		place = &(*place)->next;
	struct window_block *block = *place;
	if (!block)
		return false;
	*place = block->next;
	madvise(memory, block->size, MADV_REMOVE);
	free(block);
	return true;
}

void window_arena_end(struct window_arena *arena)
{
	while (arena->blocks) {
		struct window_block *block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
	pthread_mutex_destroy(&arena->lock);
}
