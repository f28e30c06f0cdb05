/* From the command line to the verb. */
#ifndef MAYFLY_CLI_COMMAND_H
#define MAYFLY_CLI_COMMAND_H

#include "util/error.h"

#define COMMAND_FAILED 1 /* exit status of a verb that failed and has none of its own for that */
#define COMMAND_MISUSE 2 /* exit status for an unknown verb or option */

/* Runs the verb that argv[0] names; argv has no program name in front, and its words may be
 * moved about. Returns 0 or a negative errno with a sentence in `error`; in both cases
 * *exit_status is what the process should exit with. */
int command_run(int argc, char **argv, int *exit_status, struct error *error);

#endif
