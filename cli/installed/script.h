/* Programs that are parts of Mayfly: what is done with packages is done by a script in Python. */
#ifndef MAYFLY_CLI_SCRIPT_H
#define MAYFLY_CLI_SCRIPT_H

#include "util/error.h"

/* Runs the script `part` (as for paths_part()) by python3 with `arguments`, a list that ends with
 * NULL, and this process's standard streams; the script says itself what went wrong. SIGINT, SIGTERM and
 * SIGHUP are passed on to it; it begins with them blocked, and unblocks them when it can be ended
 * (Ending in models/fetch.py). Returns its exit status, 128 and the signal's number where one ended it,
 * or a negative errno. */
int script_run(const char *part, const char *const *arguments, struct error *error);

/* The same for a program that needs no interpreter; it begins with the caller's signals. */
int program_run(const char *part, const char *const *arguments, struct error *error);

#endif
