/* Hooks: programs of the host that an engine wants to be run at points of a container's life. */
#ifndef MAYFLY_OCI_CONTAINER_HOOKS_H
#define MAYFLY_OCI_CONTAINER_HOOKS_H

#include "oci/config/config.h"
#include "oci/container/state.h"
#include "util/error.h"

extern const char *const hook_names[OCI_HOOKS];

/* Runs the hooks of one kind, one after the other, with the container's state on their standard
 * input. What they write goes to standard error. The first one that fails, or is not over in its
 * time (it is killed then, with its process group), is the error, and those behind it do not run. */
int hooks_run(const struct oci_config *config, enum oci_hook_kind kind,
	      const struct container *container, enum container_status status, struct error *error);

/* The same for those whose failure changes nothing: all run, and failures are logged. */
void hooks_run_all(const struct oci_config *config, enum oci_hook_kind kind,
		   const struct container *container, enum container_status status);

#endif
