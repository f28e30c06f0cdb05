/* Starting a container's processes, as the commands see it; process.h has the other side. */
#ifndef MAYFLY_OCI_CONTAINER_LAUNCH_H
#define MAYFLY_OCI_CONTAINER_LAUNCH_H

#include <stdbool.h>

#include "oci/container/launch_options.h"
#include "oci/container/state.h"
#include "util/error.h"
#include "util/spawn.h"

/* Makes a container up to where its process waits for `start`. The caller has its lock then, and the
 * process, which is its child, to wait for or to let go. After an error nothing is left. */
int launch_create(struct container *container, const char *id, const struct launch_options *options,
		  struct spawn_process *process, struct error *error);

/* Has the process of a created container start its program, and runs poststart hooks. The caller has
 * the lock. */
int launch_start(const struct container *container, struct error *error);

/* Starts another process in a container that runs: `text` is a "process" object. Returns when its
 * program runs. */
int launch_exec(const struct container *container, const char *text,
		const struct launch_options *options, struct spawn_process *process,
		struct error *error);

/* Ends what is left of a container, runs poststop hooks, and removes it. The caller has the lock. */
int launch_delete(struct container *container, struct error *error);

#endif
