/* A call of a client: a request that has been decoded, on its way to its answer. */
#ifndef MAYFLY_ACCELD_RPC_CALL_H
#define MAYFLY_ACCELD_RPC_CALL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "acceld/relay/rpc/answer.h"
#include "acceld/relay/rpc/memory.h"

struct rpc_client;
struct rpc_method;
struct rpc_resource;
struct rpc_session;

struct rpc_call {
	struct rpc_call *next; /* of its session's */
	struct rpc_client *client;
	const struct rpc_method *method;
	struct rpc_session *session;   /* NULL: none is needed */
	struct rpc_resource *resource; /* referenced; NULL: none is named */
	ProtobufCMessage *request;     /* of the method's type; of `memory` */
	struct rpc_memory memory;
	struct rpc_reply reply;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
	bool admitted;	      /* it counts as under way */
};

#endif
