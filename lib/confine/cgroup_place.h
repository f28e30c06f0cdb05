/* Where this process may make a control group (cgroup v2) of its own.
 *
 * A control group has one owner: on a machine that systemd rules, a group and what is below it are
 * ours only where the unit says Delegate=, and systemd marks them (a user's own systemd does not).
 * Elsewhere they are ours as far up as this user owns them; root's is the one that it is in.
 *
 * Nothing is changed here. References: Documentation/admin-guide/cgroup-v2.rst, and systemd's
 * "Control Group APIs and Delegation".
 */
#ifndef MAYFLY_CONFINE_CGROUP_PLACE_H
#define MAYFLY_CONFINE_CGROUP_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"

enum cgroup_controller { /* bits */
			 CGROUP_MEMORY = 1,
			 CGROUP_PIDS = 2,
			 CGROUP_CPU = 4,
};

/* What decides about the place. Tests fill it with made-up values. */
struct cgroup_surroundings {
	const char *membership; /* /proc/self/cgroup */
	const char *mounts;	/* /proc/self/mountinfo */
	bool systemd;		/* it rules this machine's groups */
	uid_t user;		/* effective */
};

struct cgroup_place {
	char path[PATH_MAX]; /* of the group below which one may be made */
	/* Controllers that it does not pass on to groups below it yet. It can only do so while no
	 * process is in it. */
	unsigned missing;
	bool own; /* this process is in it */
};

/* Finds the nearest group that passes the `controllers` (bits) on, or else the one highest up that
 * has them. -ENOTSUP where there is none; the error says why. */
int cgroup_place_find(const struct cgroup_surroundings *surroundings, unsigned controllers,
		      struct cgroup_place *place, struct error *error);

/* Takes the group that this process is in, whosever it is. */
int cgroup_place_own(const struct cgroup_surroundings *surroundings, unsigned controllers,
		     struct cgroup_place *place, struct error *error);

/* Takes the directory `path` as the place; it must be a control group that has the controllers. */
int cgroup_place_named(const char *path, unsigned controllers, struct cgroup_place *place,
		       struct error *error);

/* The names of controllers with `prefix` before each, parted by spaces. */
void cgroup_controllers_format(unsigned controllers, const char *prefix, char *out, size_t size);

#endif
