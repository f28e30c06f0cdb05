/* Putting a Genop together; see genop_stream.h. */
#include "acceld/relay/rpc/genop_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/client.h"
#include "acceld/relay/rpc/dispatch.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/rpc.h"
#include "acceld/relay/rpc/ttrpc/frame.h"
#include "acceld/relay/stream.h"
#include "mayfly/wire.h"
#include "messages.pb-c.h"
#include "util/log.h"
#include "vaccel/error.h"

struct rpc_stream {
	struct rpc_stream *next;
	uint32_t id;
	struct rpc_call *call;		      /* does not count as under way yet */
	uint64_t bytes;			      /* of arguments, so far */
	bool input_in_parts, output_in_parts; /* of the last one more are to come */
};

static struct rpc_stream **find_place(struct rpc_client *client, uint32_t id)
{
	struct rpc_stream **place = &client->streams;
	while (*place && (*place)->id != id)
		place = &(*place)->next;
	return place;
}

/* Takes it out; its call is the caller's. */
static struct rpc_call *take_stream(struct rpc_client *client, struct rpc_stream **place)
{
	struct rpc_stream *stream = *place;
	struct rpc_call *call = stream->call;
	*place = stream->next;
	client->stream_count--;
	free(stream);
	return call;
}

void rpc_stream_end_all(struct rpc_client *client)
{
	while (client->streams)
		rpc_call_end(take_stream(client, &client->streams));
}

static Rpc__Genop *new_request(struct rpc_memory *memory)
{
	Rpc__Genop *request = rpc_memory_allocate(memory, sizeof(*request));
	if (request)
		rpc__genop__init(request);
	return request;
}

static void open_stream(struct rpc_client *client, struct rpc_call *call)
{
	if (client->stream_count >= RPC_STREAMS_MAX || *find_place(client, call->reply.id)) {
		rpc_refuse(&call->reply, RPC_RESOURCE_EXHAUSTED,
			   "stream %u is open already, or there are %d others", call->reply.id,
			   RPC_STREAMS_MAX);
		rpc_call_end(call);
		return;
	}
	struct rpc_stream *stream = calloc(1, sizeof(*stream));
	Rpc__Genop *request = new_request(&call->memory);
	call->request = request ? &request->base : NULL;
	if (!stream || !request) {
		free(stream);
		rpc_fail(&call->reply, VACCEL_ENOMEM);
		rpc_call_end(call);
		return;
	}
	*stream = (struct rpc_stream){.next = client->streams, .id = call->reply.id, .call = call};
	client->streams = stream;
	client->stream_count++;
}

void rpc_stream_begin(struct rpc_client *client, uint32_t id, uint64_t deadline_ns)
{
	struct rpc_call *call = rpc_call_new(client, id);
	if (!call)
		return;
	call->method = rpc_method_genop;
	call->deadline_ns = deadline_ns;
	open_stream(client, call);
}

/* Adds one more part. The last one has to be there by its number, and all announce the same. */
static int append_part(struct rpc_memory *memory, Rpc__Argument *argument,
		       const Rpc__Argument *part)
{
	if (part->part != argument->part + 1 || part->parts != argument->parts ||
	    part->size != argument->size)
		return VACCEL_EINVAL;
	if (part->data.len) {
		uint8_t *data = rpc_memory_resize(memory, argument->data.data,
						  argument->data.len + part->data.len);
		if (!data)
			return VACCEL_ENOMEM;
		memcpy(data + argument->data.len, part->data.data, part->data.len);
		argument->data.data = data;
		argument->data.len += part->data.len;
		argument->has_data = true;
	}
	argument->part = part->part;
	return 0;
}

static int append_argument(struct rpc_memory *memory, Rpc__Argument ***list, size_t *count,
			   Rpc__Argument *argument)
{
	if (*count >= WIRE_ARGUMENTS_MAX || (argument->parts && argument->part != 1))
		return VACCEL_EINVAL;
	Rpc__Argument **longer = rpc_memory_resize(memory, *list, (*count + 1) * sizeof(void *));
	if (!longer)
		return VACCEL_ENOMEM;
	longer[(*count)++] = argument;
	*list = longer;
	return 0;
}

/* Moves what came to the end of what is there; what has been moved is NULL in `from`. */
static int append_all(struct rpc_memory *memory, Rpc__Argument ***list, size_t *count,
		      bool *in_parts, Rpc__Argument **from, size_t from_count)
{
	for (size_t i = 0; i < from_count; i++) {
		Rpc__Argument *argument = from[i];
		int result;
		if (*in_parts) {
			result = append_part(memory, (*list)[*count - 1], argument);
		} else {
			result = append_argument(memory, list, count, argument);
			if (!result)
				from[i] = NULL;
		}
		if (result)
			return result;
		const Rpc__Argument *last = (*list)[*count - 1];
		*in_parts = last->parts && last->part < last->parts;
	}
	return 0;
}

static uint64_t count_bytes(Rpc__Argument *const *arguments, size_t count)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += arguments[i]->data.len;
	return bytes;
}

static int add_piece(struct rpc_stream *stream, Rpc__Genop *piece)
{
	struct rpc_call *call = stream->call;
	Rpc__Genop *request = (Rpc__Genop *)call->request;
	stream->bytes += count_bytes(piece->inputs, piece->n_inputs) +
			 count_bytes(piece->outputs, piece->n_outputs);
	if (stream->bytes > call->client->limits->frame_max)
		return VACCEL_ENOSPC;
	request->session_id = piece->session_id;
	int result = append_all(&call->memory, &request->inputs, &request->n_inputs,
				&stream->input_in_parts, piece->inputs, piece->n_inputs);
	return result ? result
		      : append_all(&call->memory, &request->outputs, &request->n_outputs,
				   &stream->output_in_parts, piece->outputs, piece->n_outputs);
}

/* What append_all() has moved away must not be freed with the rest, and protobuf-c wants no holes. */
static void close_holes(Rpc__Argument **arguments, size_t *count)
{
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++)
		if (arguments[i])
			arguments[kept++] = arguments[i];
	*count = kept;
}

/* 0 or a VACCEL_E… code. */
static int add_data(struct rpc_stream *stream, const uint8_t *data, size_t length)
{
	struct rpc_memory *memory = &stream->call->memory;
	Rpc__Genop *piece = rpc__genop__unpack(&memory->allocator, length, data);
	if (!piece)
		return VACCEL_EINVAL;
	int result = add_piece(stream, piece);
	close_holes(piece->inputs, &piece->n_inputs);
	close_holes(piece->outputs, &piece->n_outputs);
	rpc_memory_free_message(memory, &piece->base);
	return result;
}

static void fail_stream(struct rpc_client *client, struct rpc_stream **place, int code)
{
	struct rpc_call *call = take_stream(client, place);
	log_info("a stream is refused: its pieces make no call (error %d)", code);
	rpc_fail(&call->reply, code);
	rpc_call_end(call);
}

/* A negative errno where the client has hung up. */
static int end_stream(struct rpc_client *client, struct rpc_stream **place)
{
	if ((*place)->input_in_parts || (*place)->output_in_parts) {
		fail_stream(client, place, VACCEL_EINVAL);
		return 0;
	}
	struct rpc_call *call = take_stream(client, place);
	if (!rpc_call_admit(call)) {
		rpc_call_end(call);
		return -EPIPE;
	}
	rpc_dispatch(call);
	return 0;
}

int rpc_stream_data(struct rpc_client *client, const struct rpc_frame *frame)
{
	struct rpc_stream **place = find_place(client, frame->stream);
	if (!*place)
		return rpc_frame_skip_data(client->stream, frame);
	if (frame->length > client->limits->frame_max) {
		fail_stream(client, place, VACCEL_ENOSPC);
		return rpc_frame_skip_data(client->stream, frame);
	}
	struct rpc_memory *memory = &(*place)->call->memory;
	uint8_t *data;
	int result = rpc_frame_read_data(client->stream, frame, memory, &data);
	if (result && result != -ENOMEM)
		return result;
	int code = result			     ? VACCEL_ENOMEM
		   : frame->flags & RPC_FLAG_NO_DATA ? 0
						     : add_data(*place, data, frame->length);
	rpc_memory_free(memory, data);
	if (code)
		fail_stream(client, place, code);
	else if (frame->flags & RPC_FLAG_CLOSED)
		return end_stream(client, place);
	return 0;
}
