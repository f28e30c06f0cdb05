/* The supervisor: what `mayfly-acceld` is while plugins and clients are a worker's business.
 *
 * It holds the lock and the socket, has no plugin in it and reads nothing that a client sends. It
 * forks a worker, which inherits the listening socket, loads the plugins and serves the clients by
 * itself, so that nothing stands between them. A worker that dies is replaced; whoever connects
 * meanwhile waits in the socket's queue. Supervisor and worker end together.
 */
#ifndef MAYFLY_ACCELD_SUPERVISOR_H
#define MAYFLY_ACCELD_SUPERVISOR_H

#include "util/error.h"

struct ledger;

struct supervisor_options {
	const char *socket_path;
	int ready_fd; /* launch_report() goes there, for the first worker; -1: nobody waits */
};

/* What a worker has of its supervisor, and owns. */
struct worker_seat {
	int listener;
	int report; /* launch_report() through it: the supervisor waits for that */
	struct ledger *ledger;
};

#define SUPERVISOR_FORKED 1

/* Opens the door at `socket_path`, gives up its rights and keeps a worker there, until one ends by
 * itself or a signal ends it all (0); until something cannot be had, the first worker cannot start
 * or several in a row die before they have served (a negative errno; -EADDRINUSE where another host
 * is at `socket_path`).
 *
 * Returns SUPERVISOR_FORKED in each worker, with `seat` filled in and the signals that end a host
 * blocked. To be called while there is one thread. */
int supervisor_run(const struct supervisor_options *options, struct worker_seat *seat,
		   struct error *error);

#endif
