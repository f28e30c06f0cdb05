/* Looking for a container's program before its machine starts, so that an engine hears of a missing
 * one when it makes the container, in the words that it looks for. */
#ifndef MAYFLY_OCI_CONTAINER_PROGRAM_H
#define MAYFLY_OCI_CONTAINER_PROGRAM_H

#include "oci/config/config.h"
#include "util/error.h"

/* Looks for the program in the root `directory`, as execvp(3) does with the process' own PATH.
 * -ENOENT, -EACCES. It is looked for again when it is run. */
int program_check(int directory, const struct oci_process *process, struct error *error);

#endif
