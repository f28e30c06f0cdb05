/* Waiting for a container's process in the foreground. */
#ifndef MAYFLY_OCI_COMMANDS_RELAY_H
#define MAYFLY_OCI_COMMANDS_RELAY_H

#include "util/error.h"
#include "util/spawn.h"

/* Waits for its end; signals that would end this process are sent to that one. *status: as a shell
 * says it. */
int relay_until_end(struct spawn_process *process, int *status, struct error *error);

#endif
