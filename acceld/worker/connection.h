/* One connection of the accelerator host: a client, the link to it and what it holds. */
#ifndef MAYFLY_ACCELD_CONNECTION_H
#define MAYFLY_ACCELD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "acceld/transports/transport.h"
#include "acceld/worker/client.h"

struct account;
struct admission;
struct serving;
struct tenants;

/* What all connections have in common. */
struct connection_options {
	struct client_options client;
	struct tenants *tenants;
	struct admission *admission;
	uint64_t op_limit_ns; /* no op may take longer */
};

/* Only `socket` is touched from other threads, to shut it down. */
struct connection {
	const struct connection_options *options;
	int socket; /* the caller's */
	const struct transport *transport;
	struct account *account; /* the client's */
	bool admitted;		 /* counted, until admission_leave() */
	struct serving *serving;
};

/* Serves the client until it hangs up or breaks the protocol, and releases all that it held: true.
 * False if another thread is to go on: this one yields to others and need not any more. */
bool connection_serve(struct connection *connection);

/* Releases all that the client held. */
void connection_end(struct connection *connection);

#endif
