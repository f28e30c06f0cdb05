/* Parsing the envelope of a request; see request.h. By hand, because protobuf-c would copy the
 * payload, which may have a gigabyte. */
#include "acceld/relay/rpc/ttrpc/request.h"

#include <errno.h>
#include <stdbool.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

enum field { FIELD_SERVICE = 1, FIELD_METHOD = 2, FIELD_PAYLOAD = 3, FIELD_TIMEOUT = 4 };

static bool get_varint(struct rpc_bytes *rest, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (!rest->length)
			return false;
		uint8_t byte = *rest->bytes++;
		rest->length--;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool get_bytes(struct rpc_bytes *rest, uint64_t length, struct rpc_bytes *bytes)
{
	if (length > rest->length)
		return false;
	*bytes = (struct rpc_bytes){rest->bytes, (size_t)length};
	rest->bytes += length;
	rest->length -= (size_t)length;
	return true;
}

static void keep_bytes(struct rpc_request *request, uint64_t field, struct rpc_bytes bytes)
{
	if (field == FIELD_SERVICE)
		request->service = bytes;
	else if (field == FIELD_METHOD)
		request->method = bytes;
	else if (field == FIELD_PAYLOAD)
		request->payload = bytes;
}

/* An int64: less than nothing is none. */
static void keep_number(struct rpc_request *request, uint64_t field, uint64_t value)
{
	if (field == FIELD_TIMEOUT)
		request->timeout_ns = (int64_t)value > 0 ? value : 0;
}

static bool get_field(struct rpc_bytes *rest, struct rpc_request *request)
{
	uint64_t tag, value;
	struct rpc_bytes bytes;
	if (!get_varint(rest, &tag) || !(tag >> 3))
		return false;
	switch ((enum wire_type)(tag & 7)) {
	case WIRE_VARINT:
		if (!get_varint(rest, &value))
			return false;
		keep_number(request, tag >> 3, value);
		return true;
	case WIRE_BYTES:
		if (!get_varint(rest, &value) || !get_bytes(rest, value, &bytes))
			return false;
		keep_bytes(request, tag >> 3, bytes);
		return true;
	case WIRE_FIXED64:
		return get_bytes(rest, 8, &bytes);
	case WIRE_FIXED32:
		return get_bytes(rest, 4, &bytes);
	default:
		return false;
	}
}

int rpc_request_parse(const uint8_t *data, size_t length, struct rpc_request *request)
{
	struct rpc_bytes rest = {data, length};
	*request = (struct rpc_request){.timeout_ns = 0};
	while (rest.length)
		if (!get_field(&rest, request))
			return -EBADMSG;
	return 0;
}
