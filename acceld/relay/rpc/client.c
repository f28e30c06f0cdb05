/* What a client has; see client.h. */
#include "acceld/relay/rpc/client.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/resource.h"
#include "acceld/relay/rpc/rpc.h"
#include "acceld/relay/stream.h"
#include "util/clock.h"
#include "util/lock.h"

/* Of a decoded message, beside what it had in the socket: its structs, and protobuf-c's lists of
 * fields. Enough for WIRE_ARGUMENTS_MAX of arguments. */
#define MESSAGE_OVERHEAD (1U << 20)

/* Between looks at whether a client is still there for whose calls there is no room. */
#define LOOK_NS (NANOSECONDS_PER_SECOND / 10)

void rpc_client_init(struct rpc_client *client, struct stream *stream,
		     const struct relay_host *host, const struct rpc_limits *limits)
{
	*client = (struct rpc_client){
	    .stream = stream,
	    .host = host,
	    .limits = limits,
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .room = PTHREAD_COND_INITIALIZER,
	};
}

void rpc_client_release(struct rpc_client *client)
{
	while (client->resources) {
		struct rpc_resource *resource = client->resources;
		client->resources = resource->next;
		rpc_resource_drop(resource);
	}
	pthread_cond_destroy(&client->room);
	pthread_mutex_destroy(&client->lock);
}

struct rpc_call *rpc_call_new(struct rpc_client *client, uint32_t id)
{
	struct rpc_call *call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->client = client;
	/* A message, what becomes of it, and its answer. */
	rpc_memory_init(&call->memory, client->limits->memory,
			3 * ((uint64_t)client->limits->frame_max + MESSAGE_OVERHEAD));
	call->reply = (struct rpc_reply){client->stream, id, &call->memory};
	return call;
}

/* Nobody reads meanwhile who would notice. */
static bool has_hung_up(const struct rpc_client *client)
{
	struct pollfd hangup = {.fd = stream_socket(client->stream), .events = POLLRDHUP};
	return poll(&hangup, 1, 0) == 1;
}

/* With the lock held. */
static bool wait_for_room(struct rpc_client *client)
{
	while (client->under_way >= client->limits->requests_max) {
		const struct timespec look = clock_timespec(clock_now_ns() + LOOK_NS);
		if (pthread_cond_clockwait(&client->room, &client->lock, CLOCK_MONOTONIC, &look) &&
		    has_hung_up(client))
			return false;
	}
	return true;
}

bool rpc_call_admit(struct rpc_call *call)
{
	struct rpc_client *client = call->client;
	lock_scoped(&client->lock);
	call->admitted = wait_for_room(client);
	client->under_way += call->admitted;
	return call->admitted;
}

void rpc_call_end(struct rpc_call *call)
{
	struct rpc_client *client = call->client;
	rpc_memory_free_message(&call->memory, call->request);
	lock_scoped(&client->lock);
	if (call->resource)
		rpc_resource_drop(call->resource);
	if (call->admitted)
		client->under_way--;
	pthread_cond_signal(&client->room);
	free(call);
}

static struct rpc_resource *find_resource(const struct rpc_client *client, int64_t id)
{
	struct rpc_resource *resource = client->resources;
	while (resource && resource->id != id)
		resource = resource->next;
	return resource;
}

struct rpc_resource *rpc_client_find_resource(struct rpc_client *client, int64_t id)
{
	lock_scoped(&client->lock);
	struct rpc_resource *resource = find_resource(client, id);
	if (resource)
		rpc_resource_hold(resource);
	return resource;
}
