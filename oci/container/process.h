/* A container's process, as it sees itself: `mayfly-oci process`, which the commands start.
 *
 * It makes the container's namespaces and root, waits for `start`, and then is a front of libmayfly:
 * it has the program run in a machine, passes its streams on, and ends as the program did. It stays
 * in the host's tree: nothing of the image's is executed by it. Its descriptors are the standard
 * streams and those below. */
#ifndef MAYFLY_OCI_CONTAINER_PROCESS_H
#define MAYFLY_OCI_CONTAINER_PROCESS_H

#include <stdbool.h>

#include "oci/container/state.h"
#include "util/error.h"

enum process_descriptor {
	PROCESS_SYNC = 3, /* see sync.h */
	PROCESS_CONSOLE,  /* to whoever gets the terminal, or /dev/null */
	PROCESS_TEXT,	  /* of exec: a file, a "process" object; else /dev/null */
	PROCESS_DESCRIPTORS,
};

#define PROCESS_FAILED 1 /* exit status where no program ran */

/* The first process of a container: returns when its program has ended, with the exit status. What
 * went wrong before it ran is told over PROCESS_SYNC or to `start`, and is no error here. */
int process_create(struct container *container, bool console, int *exit_status,
		   struct error *error);

/* Another process in it, beside the first. */
int process_exec(struct container *container, bool console, int *exit_status, struct error *error);

#endif
