/* The supervisor: what `mayfly-acceld` is while plugins and clients are a worker's business.
 *
 * It holds the lock and the socket, has no plugin in it and reads nothing that a client sends. It
 * forks a worker, which inherits the listening socket, loads the plugins and serves the clients by
 * itself, so that nothing stands between them. A worker that dies is replaced; whoever connects
 * meanwhile waits in the socket's queue. Supervisor and worker end together. Beside the worker the
 * supervisor keeps a zygote (zygote.h), which forks tenants' workers, and a relay for each tenant
 * whose clients do not come with a window (relay/relay.h).
 */
#ifndef MAYFLY_ACCELD_SUPERVISOR_H
#define MAYFLY_ACCELD_SUPERVISOR_H

#include "acceld/common/worker_handoff.h"
#include "acceld/supervisor/tenancy.h"
#include "util/error.h"

struct supervisor_options {
	const char *socket_path;
	const char *description;	/* for listener_describe() */
	struct tenancy_options tenancy; /* beside the socket */
	int ready_fd; /* background_report() goes there, for the first worker; -1: nobody waits */
};

/* What supervisor_run() returns in a child. */
#define SUPERVISOR_FORKED_WORKER    1
#define SUPERVISOR_FORKED_ZYGOTE    2
#define SUPERVISOR_FORKED_OPTIMIZER 3
#define SUPERVISOR_FORKED_RELAY	    4

/* Listens at `socket_path`, gives up its rights and keeps a worker there, until one ends by
 * itself or a signal ends it all (0); until something cannot be had, the first worker cannot start
 * or several in a row die before they have served (a negative errno; -EADDRINUSE where another host
 * is at `socket_path`).
 *
 * Returns SUPERVISOR_FORKED_WORKER in each worker, with `handoff` filled in and the signals that
 * end a host blocked; SUPERVISOR_FORKED_ZYGOTE in each zygote, which is started when a worker has
 * come up and when one has died, with handoff->zygote as where its orders come from;
 * SUPERVISOR_FORKED_OPTIMIZER once, a while after the start, in a process that is to have plugins
 * keep models (mayfly_plugins_keep_models()) and end; SUPERVISOR_FORKED_RELAY in each relay, with
 * handoff->relay filled in. To be called while there is one thread. */
int supervisor_run(const struct supervisor_options *options, struct worker_handoff *handoff,
		   struct error *error);

#endif
