/* Reading and writing ttrpc's frames; see frame.h. */
#include "acceld/relay/rpc/ttrpc/frame.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "acceld/relay/rpc/memory.h"
#include "acceld/relay/stream.h"
#include "sizes/sizes.h"

/* Of data, at a time: each piece may take as long as this. */
#define PIECE_MAX	(1U << 20)
#define PIECE_LIMIT_NS	(60 * 1000000000ULL)
#define FIRST_ALLOCATED (64U << 10)

int rpc_frame_read_head(struct stream *stream, struct rpc_frame *frame)
{
	uint8_t head[RPC_FRAME_HEAD];
	int result = stream_read(stream, head, sizeof(head), 0);
	if (result <= 0)
		return result;
	uint32_t length, id;
	memcpy(&length, head, sizeof(length));
	memcpy(&id, head + 4, sizeof(id));
	*frame = (struct rpc_frame){
	    .length = be32toh(length),
	    .stream = be32toh(id),
	    .type = head[8],
	    .flags = head[9],
	};
	return 1;
}

static int read_piece(struct stream *stream, void *bytes, size_t length)
{
	int result = stream_read(stream, bytes, length, PIECE_LIMIT_NS);
	return result > 0 ? 0 : result ? result : -EPROTO;
}

static int skip(struct stream *stream, uint32_t length)
{
	uint8_t away[16384];
	while (length) {
		uint32_t piece = length < sizeof(away) ? length : sizeof(away);
		int result = read_piece(stream, away, piece);
		if (result)
			return result;
		length -= piece;
	}
	return 0;
}

int rpc_frame_skip_data(struct stream *stream, const struct rpc_frame *frame)
{
	return skip(stream, frame->length);
}

/* Room for twice as much, so that what is taken is never much more than what has come. */
static bool grow(struct rpc_memory *memory, uint8_t **data, uint32_t *room, uint32_t length)
{
	uint32_t wanted = *room			     ? (*room > length / 2 ? length : 2 * *room)
			  : length < FIRST_ALLOCATED ? length
						     : FIRST_ALLOCATED;
	uint8_t *grown = rpc_memory_resize(memory, *data, wanted);
	if (!grown)
		return false;
	*data = grown;
	*room = wanted;
	return true;
}

int rpc_frame_read_data(struct stream *stream, const struct rpc_frame *frame,
			struct rpc_memory *memory, uint8_t **data)
{
	uint32_t room = 0, done = 0;
	int result = 0;
	*data = NULL;
	while (!result && done < frame->length) {
		if (done == room && !grow(memory, data, &room, frame->length)) {
			result = skip(stream, frame->length - done);
			if (!result)
				result = -ENOMEM;
			break;
		}
		uint32_t piece = room - done < PIECE_MAX ? room - done : PIECE_MAX;
		result = read_piece(stream, *data + done, piece);
		done += piece;
	}
	if (result) {
		rpc_memory_free(memory, *data);
		*data = NULL;
	}
	return result;
}

#define VARINT_MAX 5 /* bytes of one of 32 bits */

static size_t put_varint(uint8_t *place, uint32_t value)
{
	size_t length = 0;
	for (; value >= 0x80; value >>= 7)
		place[length++] = (uint8_t)(value | 0x80);
	place[length++] = (uint8_t)value;
	return length;
}

/* The tag of a field of bytes, and their length. */
static size_t put_field(uint8_t *place, uint8_t field, uint32_t length)
{
	*place = (uint8_t)(field << 3 | 2);
	return 1 + put_varint(place + 1, length);
}

int rpc_frame_write_response(struct stream *stream, uint32_t id, const void *status,
			     size_t status_length, struct iovec *pieces, size_t count,
			     size_t payload_length)
{
	if (status_length > RPC_FRAME_MAX || payload_length > RPC_FRAME_MAX)
		return -EMSGSIZE;
	uint8_t front[RPC_FRAME_HEAD + 1 + VARINT_MAX], middle[1 + VARINT_MAX];
	size_t front_length =
	    RPC_FRAME_HEAD + put_field(front + RPC_FRAME_HEAD, 1, (uint32_t)status_length);
	size_t middle_length = payload_length ? put_field(middle, 2, (uint32_t)payload_length) : 0;
	size_t length =
	    front_length - RPC_FRAME_HEAD + status_length + middle_length + payload_length;
	if (length > RPC_FRAME_MAX)
		return -EMSGSIZE;
	uint32_t wire_length = htobe32((uint32_t)length), wire_id = htobe32(id);
	memcpy(front, &wire_length, sizeof(wire_length));
	memcpy(front + 4, &wire_id, sizeof(wire_id));
	front[8] = RPC_FRAME_RESPONSE;
	front[9] = 0;
	pieces[0] = (struct iovec){front, front_length};
	pieces[1] = (struct iovec){(void *)status, status_length};
	pieces[2] = (struct iovec){middle, middle_length};
	return stream_write(stream, pieces, (int)count);
}
