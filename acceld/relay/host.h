/* The way from a relay to the worker that serves its tenant. */
#ifndef MAYFLY_ACCELD_RELAY_HOST_H
#define MAYFLY_ACCELD_RELAY_HOST_H

#include "util/error.h"

/* A tenant's: the socket by which connections are handed to the worker. Thread-safe. */
struct relay_host {
	int handover;
};

/* A new connection to the worker, of this relay's tenant: a Unix socket (SOCK_SEQPACKET) that speaks
 * mayfly/wire.h, with nothing said yet. It is the caller's. Where the worker has just died this waits
 * in its successor's queue. 0 or a negative errno. */
int relay_host_connect(const struct relay_host *host, int *connection, struct error *error);

#endif
