/* Looks for tensors with external data in an ONNX model; see external_data.h.
 *
 * A model is a protobuf message: a sequence of fields, each with a number and a kind. Tensors lie
 * at many places (initialisers, attributes, functions, graphs within nodes), so the walk follows a
 * table of which field of which message leads to which message. Only sizes are looked at; tensor
 * contents are skipped.
 */
#include "external_data.h"

#include <errno.h>
#include <stdbool.h>

#define DEPTH_MAX 64 /* of messages in messages; real models stay below 20 */

enum message {
	MESSAGE_NONE,
	MESSAGE_MODEL,
	MESSAGE_TRAINING,
	MESSAGE_FUNCTION,
	MESSAGE_GRAPH,
	MESSAGE_NODE,
	MESSAGE_ATTRIBUTE,
	MESSAGE_SPARSE_TENSOR,
	MESSAGE_TENSOR,
};

static const struct edge {
	enum message from;
	uint32_t field;
	enum message to;
} edges[] = {
    {MESSAGE_MODEL, 7, MESSAGE_GRAPH},
    {MESSAGE_MODEL, 20, MESSAGE_TRAINING},
    {MESSAGE_MODEL, 25, MESSAGE_FUNCTION},
    {MESSAGE_TRAINING, 1, MESSAGE_GRAPH},
    {MESSAGE_TRAINING, 2, MESSAGE_GRAPH},
    {MESSAGE_FUNCTION, 7, MESSAGE_NODE},
    {MESSAGE_FUNCTION, 11, MESSAGE_ATTRIBUTE},
    {MESSAGE_GRAPH, 1, MESSAGE_NODE},
    {MESSAGE_GRAPH, 5, MESSAGE_TENSOR},
    {MESSAGE_GRAPH, 15, MESSAGE_SPARSE_TENSOR},
    {MESSAGE_NODE, 5, MESSAGE_ATTRIBUTE},
    {MESSAGE_ATTRIBUTE, 5, MESSAGE_TENSOR},
    {MESSAGE_ATTRIBUTE, 6, MESSAGE_GRAPH},
    {MESSAGE_ATTRIBUTE, 10, MESSAGE_TENSOR},
    {MESSAGE_ATTRIBUTE, 11, MESSAGE_GRAPH},
    {MESSAGE_ATTRIBUTE, 22, MESSAGE_SPARSE_TENSOR},
    {MESSAGE_ATTRIBUTE, 23, MESSAGE_SPARSE_TENSOR},
    {MESSAGE_SPARSE_TENSOR, 1, MESSAGE_TENSOR},
    {MESSAGE_SPARSE_TENSOR, 2, MESSAGE_TENSOR},
};

/* Fields of a tensor that only one with external data has. */
enum { TENSOR_EXTERNAL_DATA = 13, TENSOR_DATA_LOCATION = 14 };
enum { KIND_VARINT = 0, KIND_FIXED64 = 1, KIND_BYTES = 2, KIND_FIXED32 = 5 };

struct span {
	const uint8_t *next, *end;
};

static bool read_varint(struct span *span, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64 && span->next < span->end; shift += 7) {
		uint8_t byte = *span->next++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static enum message message_at(enum message from, uint32_t field)
{
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		if (edges[i].from == from && edges[i].field == field)
			return edges[i].to;
	return MESSAGE_NONE;
}

/* Reads one field's head and, for bytes, where they are; skips the rest. */
static bool read_field(struct span *span, uint32_t *field, unsigned *kind, uint64_t *value,
		       struct span *bytes)
{
	uint64_t head;
	if (!read_varint(span, &head) || head >> 3 > UINT32_MAX)
		return false;
	*field = (uint32_t)(head >> 3);
	*kind = head & 7;
	*value = 0;
	size_t left = (size_t)(span->end - span->next), size;
	switch (*kind) {
	case KIND_VARINT:
		return read_varint(span, value);
	case KIND_FIXED64:
		size = 8;
		break;
	case KIND_FIXED32:
		size = 4;
		break;
	case KIND_BYTES:
		if (!read_varint(span, value))
			return false;
		left = (size_t)(span->end - span->next);
		if (*value > left)
			return false;
		size = (size_t)*value;
		break;
	default:
		return false;
	}
	if (size > left)
		return false;
	*bytes = (struct span){span->next, span->next + size};
	span->next += size;
	return true;
}

static int walk(struct span span, enum message message, unsigned depth, struct error *error)
{
	if (depth > DEPTH_MAX)
		return error_set(error, EINVAL, "the ONNX model is nested too deeply");
	while (span.next < span.end) {
		uint32_t field;
		unsigned kind;
		uint64_t value;
		struct span bytes;
		if (!read_field(&span, &field, &kind, &value, &bytes))
			return error_set(error, EINVAL, "this is no ONNX model, or a broken one");
		if (message == MESSAGE_TENSOR &&
		    (field == TENSOR_EXTERNAL_DATA || (field == TENSOR_DATA_LOCATION && value)))
			return error_set(error, EINVAL,
					 "the ONNX model keeps weights in other files: save it as "
					 "one file");
		enum message inner = kind == KIND_BYTES ? message_at(message, field) : MESSAGE_NONE;
		if (inner != MESSAGE_NONE) {
			int result = walk(bytes, inner, depth + 1, error);
			if (result)
				return result;
		}
	}
	return 0;
}

int external_data_refuse(const uint8_t *model, size_t length, struct error *error)
{
	if (!length)
		return error_set(error, EINVAL, "the ONNX model is empty");
	return walk((struct span){model, model + length}, MESSAGE_MODEL, 0, error);
}
