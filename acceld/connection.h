/* One connection of the accelerator host: a peer, its window and what it holds. */
#ifndef MAYFLY_ACCELD_CONNECTION_H
#define MAYFLY_ACCELD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

/* Belongs to the server's list; only `socket` is touched from other threads, to shut it down. */
struct connection {
	struct connection *next, *previous;
	int socket;
	bool admitted; /* counted by the server, until it ends */
	struct server *server;
};

/* Serves the peer until it hangs up or breaks the protocol, and releases all that it held. */
void connection_serve(struct connection *connection);

#endif
