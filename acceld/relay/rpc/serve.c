/* Reading what a client sends; see rpc.h. */
#include <errno.h>
#include <string.h>

#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/client.h"
#include "acceld/relay/rpc/dispatch.h"
#include "acceld/relay/rpc/genop_stream.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/rpc.h"
#include "acceld/relay/rpc/session.h"
#include "acceld/relay/rpc/ttrpc/frame.h"
#include "acceld/relay/rpc/ttrpc/request.h"
#include "acceld/relay/stream.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"
#include "vaccel/error.h"

bool rpc_is_greeting(const uint8_t first[4])
{
	return first[0] < RPC_FRAME_MAX >> 24 ||
	       (first[0] == RPC_FRAME_MAX >> 24 && !first[1] && !first[2] && !first[3]);
}

/* Names of the client's in an answer: as long as is sensible. */
#define NAME_MAX_SHOWN 100

static const char *cut_name(char out[NAME_MAX_SHOWN + 1], struct rpc_bytes name)
{
	size_t length = name.length < NAME_MAX_SHOWN ? name.length : NAME_MAX_SHOWN;
	if (length)
		memcpy(out, name.bytes, length);
	out[length] = 0;
	text_make_line(out, strlen(out));
	return out;
}

static void refuse_method(const struct rpc_call *call, const struct rpc_request *request)
{
	char service[NAME_MAX_SHOWN + 1], method[NAME_MAX_SHOWN + 1];
	cut_name(service, request->service);
	cut_name(method, request->method);
	log_info("a client calls /%s/%s, which does not exist", service, method);
	rpc_refuse(&call->reply, RPC_INVALID_ARGUMENT, "/%s/%s does not exist", service, method);
}

/* The call is not the caller's any more. */
static void begin_stream(struct rpc_call *call, uint64_t deadline_ns)
{
	struct rpc_client *client = call->client;
	uint32_t id = call->reply.id;
	rpc_call_end(call);
	rpc_stream_begin(client, id, deadline_ns);
}

/* True where the call has what it takes to be served; else it has been answered. */
static bool decode(struct rpc_call *call, const struct rpc_request *request)
{
	call->method = rpc_method_find(request);
	if (!call->method) {
		refuse_method(call, request);
		return false;
	}
	call->request = protobuf_c_message_unpack(call->method->request, &call->memory.allocator,
						  request->payload.length, request->payload.bytes);
	if (!call->request)
		rpc_refuse(&call->reply, RPC_INVALID_ARGUMENT,
			   "The payload of %s cannot be decoded, or takes too much memory",
			   call->method->name);
	return call->request;
}

static void take_request(struct rpc_call *call, uint8_t *data, const struct rpc_frame *frame)
{
	struct rpc_request request;
	if (rpc_request_parse(data, frame->length, &request)) {
		rpc_memory_free(&call->memory, data);
		rpc_refuse(&call->reply, RPC_INVALID_ARGUMENT, "The request cannot be decoded");
		rpc_call_end(call);
		return;
	}
	call->deadline_ns = clock_deadline_after(clock_now_ns(), request.timeout_ns);
	bool is_stream = (frame->flags & RPC_FLAG_OPEN) && rpc_method_is_stream(&request);
	bool decoded = !is_stream && decode(call, &request);
	/* The decoded message has all of it. */
	rpc_memory_free(&call->memory, data);
	if (is_stream)
		begin_stream(call, call->deadline_ns);
	else if (decoded)
		rpc_dispatch(call);
	else
		rpc_call_end(call);
}

/* Once its data has been read, or thrown away. */
static int read_request(struct rpc_call *call, const struct rpc_frame *frame)
{
	struct rpc_client *client = call->client;
	uint8_t *data = NULL;
	if (frame->length > client->limits->frame_max) {
		int result = rpc_frame_skip_data(client->stream, frame);
		if (!result)
			rpc_refuse(&call->reply, RPC_INVALID_ARGUMENT,
				   "A message of %u bytes is longer than the %u that are taken",
				   frame->length, client->limits->frame_max);
		rpc_call_end(call);
		return result;
	}
	int result = rpc_frame_read_data(client->stream, frame, &call->memory, &data);
	if (!result) {
		take_request(call, data, frame);
		return 0;
	}
	if (result == -ENOMEM) {
		log_warn("a message of %u bytes is refused: the relay holds as much as it may",
			 frame->length);
		rpc_fail(&call->reply, VACCEL_ENOMEM);
		result = 0;
	}
	rpc_call_end(call);
	return result;
}

static int serve_frame(struct rpc_client *client, const struct rpc_frame *frame)
{
	if (frame->type == RPC_FRAME_DATA)
		return rpc_stream_data(client, frame);
	if (frame->type != RPC_FRAME_REQUEST) {
		log_info("a connection is ended: a client sent a frame of type %u", frame->type);
		return -EPROTO;
	}
	struct rpc_call *call = rpc_call_new(client, frame->stream);
	if (!call)
		return -ENOMEM;
	if (rpc_call_admit(call))
		return read_request(call, frame);
	rpc_call_end(call);
	return -EPIPE;
}

void rpc_serve(struct stream *stream, const struct relay_host *host,
	       const struct rpc_limits *limits)
{
	struct rpc_client client;
	struct rpc_frame frame;
	rpc_client_init(&client, stream, host, limits);
	int result;
	while ((result = rpc_frame_read_head(stream, &frame)) > 0) {
		result = serve_frame(&client, &frame);
		if (result)
			break;
	}
	if (result)
		log_info("a connection is ended: %s", strerror(-result));
	/* Whoever is about to answer does not wait for a client that has gone. */
	stream_break(stream);
	rpc_stream_end_all(&client);
	rpc_session_end_all(&client);
	rpc_client_release(&client);
}
