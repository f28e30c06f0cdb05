/* A program of a container that is a server: it is frozen where it waits for its first connection, and
 * each connection, or each request of HTTP, finds it there, in a machine of its own. */
#ifndef MAYFLY_OCI_CONTAINER_SERVING_H
#define MAYFLY_OCI_CONTAINER_SERVING_H

#include "oci/container/guest.h"
#include "util/error.h"

/* Serves at the port of the settings, in this process' network namespace, until a signal comes and
 * the connections that there are have ended, or a second one comes. Arguments and what comes back as
 * for guest_run(). */
int serving_run(const struct guest_run *run, int *exit_status, struct error *error);

#endif
