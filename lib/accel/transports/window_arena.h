/* The part of a window that programs have for their arrays: blocks of whole pages. Thread-safe. */
#ifndef MAYFLY_ACCEL_TRANSPORTS_WINDOW_ARENA_H
#define MAYFLY_ACCEL_TRANSPORTS_WINDOW_ARENA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window_block;

struct window_arena {
	uint8_t *begin;
	size_t size;
	pthread_mutex_t lock;	     /* protects what follows */
	struct window_block *blocks; /* by their places */
};

/* `size` bytes of shared memory at `begin`, a page's; both stay the caller's. 0 bytes: nothing can be
 * had. */
void window_arena_begin(struct window_arena *arena, uint8_t *begin, size_t size);

/* At least `size` bytes, which begin a page; zeros, unless the other side writes there. NULL where
 * there is no place or no memory. */
void *window_arena_take(struct window_arena *arena, size_t size);

/* Gives the block back, and its memory to the system. False where there is no such block. */
bool window_arena_give(struct window_arena *arena, void *memory);

/* Forgets all blocks. */
void window_arena_end(struct window_arena *arena);

#endif
