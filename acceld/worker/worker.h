/* A worker of the accelerator host: the process that has plugins, models and devices, and runs ops
 * for clients. */
#ifndef MAYFLY_ACCELD_WORKER_H
#define MAYFLY_ACCELD_WORKER_H

#include <stdint.h>

#include "util/error.h"

struct worker_handoff;

struct worker_options {
	const char *socket_path;
	unsigned connections_max;
	int log;	      /* to be kept short; -1: none */
	uint64_t idle_ns;     /* leave after so long without a connection; 0: stay */
	uint64_t op_limit_ns; /* no op may take longer */
	uint64_t memory;      /* bytes that the process may take, without windows */
	unsigned tenants_max; /* workers for what clients send, at once */
	/* Bytes that resources and messages of all connections may take. */
	uint64_t resource_memory;
};

/* Loads the plugins, gives up the rights that are left, tells the supervisor how the start went,
 * and serves clients until nobody has been there for a while or a signal ends it; in the middle of
 * an op that goes on for too long, it ends without returning. To be called once, while there is one
 * thread, with the signals that end a host blocked.
 *
 * Returns the exit status: a start that failed has been told to the supervisor; or a negative
 * errno.
 */
int worker_run(const struct worker_options *options, const struct worker_handoff *handoff,
	       struct error *error);

#endif
