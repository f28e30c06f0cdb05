/* For tests: a client of vAccel's RPC protocol, byte by byte, that rpc_serve() serves in a thread of
 * this process; its sessions are those of a real mayfly-acceld (tests/acceld/host.h). */
#ifndef MAYFLY_TESTS_RPC_PEER_H
#define MAYFLY_TESTS_RPC_PEER_H

#include <protobuf-c/protobuf-c.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acceld/relay/host.h"
#include "acceld/relay/rpc/rpc.h"
#include "messages.pb-c.h"

#define RPC_PEER_PATIENCE_MS 20000 /* for an answer, which a slow machine may take long for */

struct rpc_peer {
	int socket;
	uint32_t id;		 /* of the request sent last */
	const char *host_socket; /* the accelerator host's */
	struct relay_host host;
	struct rpc_limits limits;
	struct stream *stream; /* NULL: the relay is a process of its own */
	pthread_t thread;
};

/* `socket` is the path of the accelerator host's, which stays the caller's. 0 or -1, which it has told about. */
int rpc_peer_open(struct rpc_peer *peer, const char *socket, const struct rpc_limits *limits);

/* The same at a tenant's socket, with the relay of an accelerator host behind it. It waits until there
 * is one. */
int rpc_peer_connect(struct rpc_peer *peer, const char *path);

/* Hangs up, and waits until rpc_serve(), where that is in this process, has returned. */
void rpc_peer_close(struct rpc_peer *peer);

bool rpc_peer_send(struct rpc_peer *peer, const void *bytes, size_t length);
bool rpc_peer_send_frame(struct rpc_peer *peer, uint32_t id, uint8_t type, uint8_t flags,
			 const void *data, size_t length);

/* Sends a request to the synchronous service and returns its id; 0: it could not be sent. */
uint32_t rpc_peer_ask(struct rpc_peer *peer, const char *method, const ProtobufCMessage *request);

/* An answer. */
struct rpc_said {
	uint32_t id;
	uint8_t type, flags;
	uint8_t *data; /* all of it */
	size_t length;
	Rpc__AnswerStatus *status; /* NULL where it cannot be decoded */
	const uint8_t *payload;
	size_t payload_length;
};

/* Waits for the next answer. False where there is none. Release it if there is. */
bool rpc_peer_listen(struct rpc_peer *peer, struct rpc_said *said, int patience_ms);
void rpc_said_release(struct rpc_said *said);

/* Asks and waits for the answer: its payload decoded as `type`, or NULL where it failed; then *code is
 * vAccel's error code, or the negative of ttrpc's where there is none of vAccel's. */
void *rpc_peer_call(struct rpc_peer *peer, const char *method, const ProtobufCMessage *request,
		    const ProtobufCMessageDescriptor *type, int *code);

/* The same where only the code matters: 0 where it went well. */
int rpc_peer_try(struct rpc_peer *peer, const char *method, const ProtobufCMessage *request);

/* Ids, or 0. */
int64_t rpc_peer_session(struct rpc_peer *peer);
int64_t rpc_peer_resource(struct rpc_peer *peer, int64_t session, uint32_t type, const char *name,
			  const void *content, size_t length);

#endif
