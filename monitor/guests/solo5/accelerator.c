/* The accelerator host's block device; see accelerator.h. */
#include "accelerator.h"

#include <string.h>

#include "mayfly/wire.h"

_Static_assert(WINDOW_ARENA_OFFSET % ACCEL_DEVICE_BLOCK_SIZE == 0 &&
		   WINDOW_SIZE % ACCEL_DEVICE_BLOCK_SIZE == 0,
	       "the arena is whole blocks");

struct accel_device_head solo5_accelerator_head(const struct solo5_accelerator *self)
{
	return (struct accel_device_head){
	    .magic = ACCEL_DEVICE_MAGIC,
	    .version = ACCEL_DEVICE_VERSION,
	    .result = self->result,
	    .message_offset = WINDOW_ARENA_OFFSET,
	    .message_size = WINDOW_ARENA_SIZE,
	};
}

/* The message has all of the arena, so that a guest need not say where it ends. */
bool solo5_accelerator_serve(struct solo5_accelerator *self, struct slot *slot,
			     enum guest_next *next)
{
	struct wire_header header;
	bool over;
	memcpy(&header, slot->window.memory + WINDOW_ARENA_OFFSET, sizeof(header));
	if (!header.request || header.request == self->served)
		return true;
	self->served = header.request;
	self->result = slot_accelerate(slot, 0, WINDOW_ARENA_SIZE, &over);
	if (over)
		*next = GUEST_FINISHED;
	return !self->result;
}

bool solo5_accelerator_transfer(struct solo5_accelerator *self, struct slot *slot, bool is_write,
				uint64_t offset, uint8_t *data, uint64_t length,
				enum guest_next *next)
{
	uint8_t *place = slot->window.memory + offset;
	if (length != ACCEL_DEVICE_BLOCK_SIZE)
		return false;
	if (offset >= WINDOW_ARENA_OFFSET) {
		if (offset == WINDOW_ARENA_OFFSET && !is_write &&
		    !solo5_accelerator_serve(self, slot, next))
			return false;
		memcpy(is_write ? place : data, is_write ? data : place, length);
		return true;
	}
	if (offset || is_write)
		return false;
	const struct accel_device_head head = solo5_accelerator_head(self);
	memset(data, 0, length);
	memcpy(data, &head, sizeof(head));
	return true;
}
