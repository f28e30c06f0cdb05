/* Starting the accelerator host in the background. */
#ifndef MAYFLY_ACCELD_BACKGROUND_H
#define MAYFLY_ACCELD_BACKGROUND_H

#include <stdbool.h>

#include "util/error.h"

/* Starts this program again in a session of its own, with `arguments` (NULL at the end) after
 * `--foreground --ready-fd=N`, its output appended to `log_path`; returns when it serves (0), when
 * another one serves already (0), or when it failed (negative errno, its words in `error`). */
int background_start(char *const arguments[], const char *log_path, struct error *error);

/* The host that was started so: lets the log at `log` begin anew where it has grown beyond a MiB,
 * which peers that send nonsense could make it do. */
void background_trim_log(int log);

/* Called by the host that was started so: reports the outcome through `ready_fd` (-1: nobody waits)
 * and closes it. `failure` is NULL where all is well. */
void background_report(int ready_fd, const struct error *failure);

/* True where that is what background_report() wrote for a good start. */
bool background_said_ready(const char *said);

#endif
