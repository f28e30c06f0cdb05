/* Terminals of containers: whoever started this has the master, and the container's process the
 * other end. */
#ifndef MAYFLY_OCI_CONTAINER_CONSOLE_H
#define MAYFLY_OCI_CONTAINER_CONSOLE_H

#include "oci/config/config.h"
#include "util/error.h"

/* Connects to the socket that --console-socket names. A descriptor or a negative errno. */
int console_connect(const char *path, struct error *error);

/* Makes a terminal, sends its master over the socket, and makes the other end this process'
 * standard streams and controlling terminal. The process leads a session without one. */
int console_take(int socket, const struct oci_process *process, struct error *error);

#endif
