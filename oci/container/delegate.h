/* Containers that are left to another runtime: the pause containers of pods. They only hold a pod's
 * namespaces, run no code of anybody's, and a machine for each would be a waste. crun or runc has them,
 * with a state directory of its own below the container's. */
#ifndef MAYFLY_OCI_CONTAINER_DELEGATE_H
#define MAYFLY_OCI_CONTAINER_DELEGATE_H

#include <stdbool.h>

#include "oci/config/config.h"
#include "oci/container/launch_options.h"
#include "oci/container/state.h"
#include "util/error.h"

/* Whether the configuration is of such a container, and another runtime is installed, whose name
 * then is in container->runtime. */
bool delegate_is_wanted(struct container *container, const struct oci_config *config);

/* Has it created by that runtime. */
int delegate_create(const struct container *container, const struct launch_options *options,
		    struct error *error);

/* Has that runtime run a command on it: `words` are the command and its arguments as they were given,
 * NULL-terminated. *status: its exit status. */
int delegate_run(const struct container *container, const struct launch_options *options,
		 const char *const *words, int *status, struct error *error);

#endif
