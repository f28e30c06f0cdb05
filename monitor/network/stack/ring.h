/* A queue of bytes in a ring of fixed size. */
#ifndef MAYFLY_MONITOR_NETWORK_RING_H
#define MAYFLY_MONITOR_NETWORK_RING_H

#include <stddef.h>
#include <stdint.h>

#define RING_SIZE 65536U /* a power of two */

struct ring {
	size_t first, count;
	uint8_t bytes[RING_SIZE];
};

static inline size_t ring_room(const struct ring *ring)
{
	return RING_SIZE - ring->count;
}

/* Adds as many bytes as there is room for; returns how many. */
size_t ring_add(struct ring *ring, const uint8_t *data, size_t length);

/* Copies up to `length` bytes that are `offset` behind the first; returns how many. */
size_t ring_copy(const struct ring *ring, size_t offset, uint8_t *out, size_t length);

/* Takes the first bytes off, as many as there are at most. */
void ring_drop(struct ring *ring, size_t length);

#endif
