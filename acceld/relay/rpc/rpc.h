/* vAccel's own RPC protocol (ttrpc with protobuf, of vAccel 0.8), served on the connection of one
 * client: sessions, resources and ops that it names are opened in a connection of its own to the
 * worker (relay/host.h), and end with it. docs/vaccel-rpc.md says how it differs from vAccel's agent. */
#ifndef MAYFLY_ACCELD_RPC_H
#define MAYFLY_ACCELD_RPC_H

#include <stdbool.h>
#include <stdint.h>

struct budget;
struct relay_host;
struct stream;

struct rpc_limits {
	uint32_t frame_max; /* bytes of a request; longer ones are read, thrown away and refused */
	unsigned requests_max; /* of one client, at once; more wait in its socket */
	/* Bytes of messages, and of resources, that are held for clients; what goes beyond is refused.
	 * NULL: no limit. */
	struct budget *memory;
};

/* True if a client that begins with these four bytes speaks this protocol: its first frame's length
 * (big-endian) is at most 1 GiB, and mayfly/wire.h begins with an M. */
bool rpc_is_greeting(const uint8_t first[4]);

/* Serves until the client hangs up or breaks the framing. Called in a thread of its own, which it does
 * not return from before all that the client had is released. */
void rpc_serve(struct stream *stream, const struct relay_host *host,
	       const struct rpc_limits *limits);

#endif
