/* A control group of one's own from systemd, where it rules this machine's control groups. */
#ifndef MAYFLY_CONFINE_SYSTEMD_SCOPE_H
#define MAYFLY_CONFINE_SYSTEMD_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* A property of a unit that is a number, as org.freedesktop.systemd1(5) names them; UINT64_MAX is
 * "infinity". */
struct systemd_property {
	const char *name;
	uint64_t value;
};

struct systemd_scope {
	const char *name;	 /* "a.scope" */
	const char *slice;	 /* "b.slice"; NULL: the usual one */
	const char *description; /* for who lists units */
	const pid_t *pids;	 /* move there; one at least */
	size_t pid_count;
	const struct systemd_property *properties;
	size_t property_count;
};

/* Whether systemd rules this machine's control groups. */
bool systemd_rules(void);

/* Starts a transient scope unit that is delegated, in the way and with the errors of
 * systemd_scope_enter(). -EEXIST where there is a unit of that name. */
int systemd_scope_start(const struct systemd_scope *scope, struct error *error);

/* Changes properties of a unit that runs. -ENOENT where systemd knows none of that name. */
int systemd_scope_set(const char *name, const struct systemd_property *properties, size_t count,
		      struct error *error);

#endif
