/* A control group of one's own from systemd, where it rules this machine's control groups. */
#ifndef MAYFLY_CONFINE_SYSTEMD_SCOPE_H
#define MAYFLY_CONFINE_SYSTEMD_SCOPE_H

#include <sys/types.h>

#include "util/error.h"

/* Moves this process and its `companions` (two at most, ends with 0) into a transient scope unit,
 * mayfly-PID.scope, that is delegated to it
 * (Delegate=yes): for root by the system's manager, else by the user's. So does
 * `systemd-run --scope -p Delegate=yes`. The scope is gone when no process is in it any more.
 *
 * Takes as long as systemd needs, some milliseconds mostly and 10 s at most. -ENOTSUP where
 * libsystemd is not installed; or another negative errno. Not thread-safe. */
int systemd_scope_enter(const pid_t *companions, struct error *error);

#endif
