/* Addresses as a user writes them, and the sockets that listen there. */
#ifndef MAYFLY_GATEWAY_LISTEN_H
#define MAYFLY_GATEWAY_LISTEN_H

#include "util/error.h"

struct listening {
	int socket;
	char address[64]; /* as numbers, without the port */
	unsigned port;
};

/* Listens at ADDRESS:PORT ("127.0.0.1:8080", "[::1]:0", ":8080" for all addresses). EINVAL for what is none;
 * EADDRINUSE and others with what to change: `option` is the one that names it. */
int listen_open(struct listening *listening, const char *where, const char *option,
		struct error *error);

#endif
