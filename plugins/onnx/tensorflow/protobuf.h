/* Reading messages of Protocol Buffers, field by field: the little that is wanted of TensorFlow's
 * own messages. */
#ifndef MAYFLY_ONNX_PROTOBUF_H
#define MAYFLY_ONNX_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct protobuf {
	const uint8_t *next, *end;
};

struct protobuf_field {
	uint32_t number;
	bool is_bytes;	/* a string, bytes or a message: `content`; else a number */
	uint64_t value; /* of a number, whatever its kind */
	struct protobuf content;
};

static inline struct protobuf protobuf_of(const void *bytes, size_t length)
{
	return (struct protobuf){bytes, (const uint8_t *)bytes + length};
}

/* Takes the next field; 1 for one, 0 at the end, -EINVAL for what is no message. */
int protobuf_next(struct protobuf *message, struct protobuf_field *field);

#endif
