/* What one client has: sessions and resources, by ids that count from 1 as those of vAccel's agent
 * do, and calls on their way.
 *
 * The thread that reads takes calls in; each session's calls are served in a thread of its own
 * (session.h). Functions are thread-safe unless they say otherwise.
 */
#ifndef MAYFLY_ACCELD_RPC_CLIENT_H
#define MAYFLY_ACCELD_RPC_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct relay_host;
struct rpc_call;
struct rpc_limits;
struct rpc_resource;
struct rpc_session;
struct rpc_stream;
struct stream;

/* Of a client. */
#define RPC_SESSIONS_MAX  64
#define RPC_RESOURCES_MAX 256

struct rpc_client {
	struct stream *stream;
	const struct relay_host *host;
	const struct rpc_limits *limits;
	struct rpc_stream *streams; /* of the thread that reads: genop_stream.h */
	unsigned stream_count;
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t room;  /* a call has been answered */
	unsigned under_way;   /* calls */
	bool closing;	      /* the client has gone */
	struct rpc_session *sessions;
	unsigned session_count;
	int64_t last_session;
	struct rpc_resource *resources; /* those that have an id */
	unsigned resource_count;
	int64_t last_resource;
};

void rpc_client_init(struct rpc_client *client, struct stream *stream,
		     const struct relay_host *host, const struct rpc_limits *limits);

/* Releases what is left when streams and sessions have ended. By the thread that reads. */
void rpc_client_release(struct rpc_client *client);

/* A call without a request yet. NULL: no memory. */
struct rpc_call *rpc_call_new(struct rpc_client *client, uint32_t id);

/* From here on it counts as under way. Waits until fewer than limits->requests_max others do; false
 * where the client hangs up meanwhile. By the thread that reads. */
bool rpc_call_admit(struct rpc_call *call);

/* When it has been answered, or cannot be any more. */
void rpc_call_end(struct rpc_call *call);

/* The resource of that id, referenced; NULL: there is none. */
struct rpc_resource *rpc_client_find_resource(struct rpc_client *client, int64_t id);

#endif
