#include "ring.h"

#include <string.h>

static size_t smaller(size_t one, size_t other)
{
	return one < other ? one : other;
}

size_t ring_add(struct ring *ring, const uint8_t *data, size_t length)
{
	const size_t end = (ring->first + ring->count) % RING_SIZE;
	length = smaller(length, ring_room(ring));
	const size_t until_wrap = smaller(length, RING_SIZE - end);
	memcpy(ring->bytes + end, data, until_wrap);
	memcpy(ring->bytes, data + until_wrap, length - until_wrap);
	ring->count += length;
	return length;
}

size_t ring_copy(const struct ring *ring, size_t offset, uint8_t *out, size_t length)
{
	if (offset >= ring->count)
		return 0;
	const size_t begin = (ring->first + offset) % RING_SIZE;
	length = smaller(length, ring->count - offset);
	const size_t until_wrap = smaller(length, RING_SIZE - begin);
	memcpy(out, ring->bytes + begin, until_wrap);
	memcpy(out + until_wrap, ring->bytes, length - until_wrap);
	return length;
}

void ring_drop(struct ring *ring, size_t length)
{
	length = smaller(length, ring->count);
	ring->first = (ring->first + length) % RING_SIZE;
	ring->count -= length;
}
