/* A connection to a server in a container, and the machine that serves it. */
#ifndef MAYFLY_OCI_CONTAINER_CONNECTION_H
#define MAYFLY_OCI_CONTAINER_CONNECTION_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "mayfly/function.h"
#include "oci/container/streams.h"

struct connection {
	struct mayfly_function *function;
	int socket;
	bool http; /* each serves one request, whose head is looked at */
	struct streams streams;
	char *head; /* what came before there was a request; then what that begins with */
	size_t length;
	uint64_t head_until_ns;
	uint64_t serial;
	bool submitted;
	bool done;     /* the request is */
	bool broken;   /* nobody is there any more */
	bool answered; /* something of a response was sent */
	bool lingers;  /* all was sent, and what still comes is dropped */
	uint64_t linger_until_ns;
	struct connection *next;
};

/* Takes a socket that does not block, also after an error. NULL without memory. */
struct connection *connection_open(struct mayfly_function *function, int socket, bool http);

/* Only when connection_is_over(), or the function is closed. */
void connection_close(struct connection *connection);

/* What to poll for; -1 where nothing is to be. */
struct pollfd connection_wants(const struct connection *connection);

/* Does what the events ask for, and what its time asks for. */
void connection_process(struct connection *connection, short events, uint64_t now_ns);

/* Its request is done, or there will be none; all was sent, and the other side has closed it, or has had
 * time to: a socket that is closed with bytes in it takes back what was sent. Also begins to wait for
 * that; to be asked after anything was done. */
bool connection_is_over(struct connection *connection, uint64_t now_ns);

#endif
