/* Bytes of the response; see response_buffer.h. */
#include "response_buffer.h"

#include <errno.h>

#include "monitor/slot/slot.h"
#include "util/clock.h"

int response_buffer_flush(struct response_buffer *buffer, struct slot *slot, enum device_next *next,
			  struct error *error)
{
	bool beyond = false;
	const uint64_t length = buffer->length;
	buffer->length = 0;
	buffer->told |= length;
	int result = length ? slot_take_console(slot, buffer->bytes, length, &beyond, error) : 0;
	if (result == -ETIMEDOUT) {
		slot->result->outcome = OUTCOME_DEADLINE;
		*next = DEVICE_FINISHED;
		return 0;
	}
	if (beyond) {
		slot_end_beyond_limit(slot);
		*next = DEVICE_FINISHED;
	}
	return result;
}

static bool is_first(const struct response_buffer *buffer, const struct slot *slot)
{
	return !buffer->told && !(slot->setup ? slot->setup->output.length : slot->responded);
}

int response_buffer_put(struct response_buffer *buffer, struct slot *slot, uint8_t byte,
			enum device_next *next, struct error *error)
{
	if (!buffer->length)
		buffer->since_ns = clock_now_ns();
	buffer->bytes[buffer->length++] = byte;
	/* The first line is there at once: whoever waits for a sign of life has one. */
	const bool line = byte == '\n' && (slot->request->unbuffered || is_first(buffer, slot));
	return line || buffer->length == sizeof(buffer->bytes)
		   ? response_buffer_flush(buffer, slot, next, error)
		   : 0;
}
