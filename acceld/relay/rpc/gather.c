/* Encoding without copying what is large; see gather.h. */
#include "acceld/relay/rpc/gather.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "acceld/relay/rpc/memory.h"

#define LARGE 4096 /* bytes, from which on a piece of its own is cheaper than a copy */

/* Takes what protobuf-c encodes, bit by bit: first to measure it, then to keep it. Bits that are large
 * are data of the message; small ones may be on protobuf-c's stack. */
struct gatherer {
	ProtobufCBuffer buffer; /* first: protobuf-c knows it by this */
	struct rpc_gathered *gathered;
	bool measures;
	bool in_small; /* the last piece is of small bits, and may grow */
	size_t small;  /* bytes so far */
};

static void add_piece(struct gatherer *gatherer, void *bytes, size_t length)
{
	struct rpc_gathered *gathered = gatherer->gathered;
	if (!gatherer->measures)
		gathered->pieces[gathered->count] = (struct iovec){bytes, length};
	gathered->count++;
}

static void append_small(struct gatherer *gatherer, size_t length, const uint8_t *data)
{
	struct rpc_gathered *gathered = gatherer->gathered;
	uint8_t *place = gatherer->measures ? NULL : gathered->small + gatherer->small;
	if (place)
		memcpy(place, data, length);
	if (!gatherer->in_small)
		add_piece(gatherer, place, length);
	else if (place)
		gathered->pieces[gathered->count - 1].iov_len += length;
	gatherer->in_small = true;
	gatherer->small += length;
}

static void append(ProtobufCBuffer *buffer, size_t length, const uint8_t *data)
{
	struct gatherer *gatherer = (struct gatherer *)buffer;
	if (!length)
		return;
	if (length < LARGE) {
		append_small(gatherer, length, data);
		return;
	}
	add_piece(gatherer, (void *)data, length);
	gatherer->in_small = false;
}

int rpc_gather(const ProtobufCMessage *message, size_t spare, struct rpc_memory *memory,
	       struct rpc_gathered *gathered)
{
	*gathered = (struct rpc_gathered){.count = spare};
	struct gatherer gatherer = {
	    .buffer = {.append = append}, .gathered = gathered, .measures = true};
	gathered->length = protobuf_c_message_pack_to_buffer(message, &gatherer.buffer);
	gathered->pieces = rpc_memory_allocate(memory, gathered->count * sizeof(*gathered->pieces));
	gathered->small = rpc_memory_allocate(memory, gatherer.small);
	if (!gathered->pieces || !gathered->small) {
		rpc_gathered_release(gathered, memory);
		return -ENOMEM;
	}
	gathered->count = spare;
	gatherer = (struct gatherer){.buffer = {.append = append}, .gathered = gathered};
	protobuf_c_message_pack_to_buffer(message, &gatherer.buffer);
	return 0;
}

void rpc_gathered_release(struct rpc_gathered *gathered, struct rpc_memory *memory)
{
	rpc_memory_free(memory, gathered->pieces);
	rpc_memory_free(memory, gathered->small);
	*gathered = (struct rpc_gathered){.count = 0};
}
