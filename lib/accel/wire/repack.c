/* Passing a decoded message on to a process that does not share the sender's memory; see wire.h. */
#include <errno.h>
#include <string.h>

#include "accel/wire/wire.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"

static size_t count_arguments(const struct wire_message *message)
{
	return (size_t)message->header.inputs + message->header.outputs;
}

static uint64_t data_offset(const struct wire_message *message)
{
	return round_up(sizeof(struct wire_header) +
			    count_arguments(message) * sizeof(struct wire_argument),
			WIRE_ALIGNMENT);
}

/* No sum overflows: each argument is of WIRE_WINDOW_MAX bytes at most. */
static uint64_t place(uint64_t *cursor, uint64_t size)
{
	uint64_t offset = round_up(*cursor, WIRE_ALIGNMENT);
	*cursor = offset + size;
	return offset;
}

uint64_t wire_packed_size(const struct wire_message *message)
{
	uint64_t cursor = data_offset(message);
	for (size_t i = 0; i < count_arguments(message); i++)
		if (!(message->descriptors[i].flags & WIRE_ARGUMENT_GROWS))
			place(&cursor, message->arguments[i].size);
	return cursor;
}

int wire_repack(const struct wire_message *message, void *to, uint64_t capacity)
{
	uint8_t *packed = to;
	struct wire_argument *descriptors = (void *)(packed + sizeof(struct wire_header));
	if (wire_packed_size(message) > capacity)
		return -ENOSPC;
	struct wire_header header = message->header;
	header.data_offset = header.data_end = data_offset(message);
	for (size_t i = 0; i < count_arguments(message); i++) {
		/* Private until it is done: that process may write there already. */
		struct wire_argument argument = message->descriptors[i];
		const struct vaccel_arg *decoded = &message->arguments[i];
		if (!(argument.flags & WIRE_ARGUMENT_GROWS)) {
			argument.flags &= ~WIRE_ARGUMENT_IN_WINDOW;
			argument.offset = place(&header.data_end, decoded->size);
			bool comes_in =
			    i < header.inputs || (argument.flags & WIRE_ARGUMENT_CARRIES);
			if (comes_in && decoded->size)
				memcpy(packed + argument.offset, decoded->buf, decoded->size);
		}
		descriptors[i] = argument;
	}
	memcpy(packed, &header, sizeof(header));
	return 0;
}

void wire_answer_from(struct wire_message *message, const void *from, uint64_t capacity)
{
	const uint8_t *packed = from;
	struct wire_header header;
	memcpy(&header, packed, sizeof(header));
	int status = header.status;
	for (size_t i = message->header.inputs; !status && i < count_arguments(message); i++) {
		struct wire_argument answered;
		memcpy(&answered, packed + sizeof(header) + i * sizeof(answered), sizeof(answered));
		if (!range_within(answered.offset, answered.length, capacity)) {
			status = VACCEL_EBACKEND;
			break;
		}
		message->arguments[i].buf = (uint8_t *)packed + answered.offset;
		message->arguments[i].size = answered.length;
	}
	int told = wire_answer(message, status, header.op_ns);
	if (!told || told != header.status)
		return;
	char reason[WIRE_REASON_MAX];
	wire_read_reason(packed, capacity, reason, sizeof(reason));
	wire_explain(message, reason);
}
