/* Encoded messages as pieces for writev(2): what is large is not copied. */
#ifndef MAYFLY_ACCELD_RPC_GATHER_H
#define MAYFLY_ACCELD_RPC_GATHER_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct rpc_memory;

struct rpc_gathered {
	struct iovec *pieces; /* the first `spare` are the caller's to fill in */
	size_t count;	      /* with those */
	size_t length;	      /* of the message */
	uint8_t *small;	      /* what is not large */
};

/* Encodes the message. The pieces refer to it: it has to stay as long. 0 or -ENOMEM. */
int rpc_gather(const ProtobufCMessage *message, size_t spare, struct rpc_memory *memory,
	       struct rpc_gathered *gathered);
void rpc_gathered_release(struct rpc_gathered *gathered, struct rpc_memory *memory);

#endif
