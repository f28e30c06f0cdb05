/* The namespaces of a container: of a new one, and those of one that is there. */
#ifndef MAYFLY_OCI_CONTAINER_NAMESPACES_H
#define MAYFLY_OCI_CONTAINER_NAMESPACES_H

#include <sys/types.h>

#include "oci/config/config.h"
#include "util/error.h"

/* Moves this process, which has one thread, into the namespaces that the configuration names by a
 * path, and makes those that are to be new. The mount namespace is a new one in any case, from which
 * no mount gets out. In a new UTS namespace the host's name is set. There are none for process ids,
 * users and time: a guest's machine has its own of these. */
int namespaces_enter(const struct oci_config *config, struct error *error);

/* Moves this process into those of another one: mount, network, IPC, UTS. `pidfd` is of that. */
int namespaces_join(int pidfd, struct error *error);

#endif
