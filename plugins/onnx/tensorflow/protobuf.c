/* Fields of messages; see protobuf.h. */
#include "protobuf.h"

#include <errno.h>
#include <string.h>

static int take_varint(struct protobuf *message, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (message->next == message->end)
			return -EINVAL;
		const uint8_t byte = *message->next++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return 0;
	}
	return -EINVAL;
}

static int take_fixed(struct protobuf *message, size_t size, uint64_t *value)
{
	*value = 0;
	if ((size_t)(message->end - message->next) < size)
		return -EINVAL;
	memcpy(value, message->next, size);
	message->next += size;
	return 0;
}

int protobuf_next(struct protobuf *message, struct protobuf_field *field)
{
	enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
	uint64_t key;
	*field = (struct protobuf_field){0};
	if (message->next == message->end)
		return 0;
	if (take_varint(message, &key) || key >> 3 > UINT32_MAX || !(key >> 3))
		return -EINVAL;
	field->number = (uint32_t)(key >> 3);
	int result;
	switch (key & 7) {
	case VARINT:
		result = take_varint(message, &field->value);
		break;
	case FIXED64:
		result = take_fixed(message, sizeof(uint64_t), &field->value);
		break;
	case FIXED32:
		result = take_fixed(message, sizeof(uint32_t), &field->value);
		break;
	case BYTES:
		result = take_varint(message, &field->value);
		if (!result && field->value > (uint64_t)(message->end - message->next))
			result = -EINVAL;
		if (result)
			break;
		field->is_bytes = true;
		field->content = protobuf_of(message->next, (size_t)field->value);
		message->next += field->value;
		break;
	default:
		result = -EINVAL;
	}
	return result ? result : 1;
}
