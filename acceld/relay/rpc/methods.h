/* The methods that there are, and the functions that serve them. */
#ifndef MAYFLY_ACCELD_RPC_METHODS_H
#define MAYFLY_ACCELD_RPC_METHODS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acceld/relay/rpc/ttrpc/request.h"

struct rpc_call;

struct rpc_method {
	const char *name;
	const ProtobufCMessageDescriptor *request;
	void (*serve)(struct rpc_call *call);
	size_t session, resource; /* where the request has the ids; 0: it names none */
	const char *noun;	  /* what an answer calls a resource that is not there */
};

/* Each answers the call. Those with a session run in its thread, the others in the one that reads. */
#define METHOD(name, function, Request, request) void rpc_serve_##function(struct rpc_call *call);
#define SESSION_METHOD(name, function, Request, request)                                           \
	void rpc_serve_##function(struct rpc_call *call);
#define RESOURCE_METHOD(name, function, Request, request, noun)                                    \
	void rpc_serve_##function(struct rpc_call *call);
#include "acceld/relay/rpc/methods.def"

/* NULL where there is none. */
const struct rpc_method *rpc_method_find(const struct rpc_request *request);

/* True for GenopStream, which rpc_method_find() does not know. */
bool rpc_method_is_stream(const struct rpc_request *request);

/* That of Genop, which streams end as. */
extern const struct rpc_method *const rpc_method_genop;
extern const struct rpc_method *const rpc_method_create_session;

/* The ids in a request of that method; 0 where it has none. */
int64_t rpc_method_session_id(const struct rpc_method *method, const ProtobufCMessage *request);
int64_t rpc_method_resource_id(const struct rpc_method *method, const ProtobufCMessage *request);

#endif
