/* Our own protocol (mayfly/wire.h) in a stream, forwarded to the worker by way of a window. */
#ifndef MAYFLY_ACCELD_NATIVE_H
#define MAYFLY_ACCELD_NATIVE_H

#include <stdint.h>

#include "util/budget.h"

struct relay_host;
struct stream;

struct native_limits {
	uint64_t message;      /* bytes; what a client asks for beyond is not agreed to */
	uint64_t hello_ns;     /* how long it may take for the first packet */
	struct budget *memory; /* of messages, which all clients share */
};

/* Serves until the client or the worker hangs up, or one of them breaks the protocol. */
void native_serve(struct stream *stream, const struct relay_host *host,
		  const struct native_limits *limits);

#endif
