/* A control group (cgroup v2) for a confined child and all that it starts: a wall around what they
 * may take of the machine's memory, processes and processor time.
 *
 * The group is made before the child, with its limits; the child starts in it (confine_fork());
 * whoever made it stays outside, and removes it. It is locked (flock(2)) while its maker lives. A
 * group without a lock was left by a maker that was killed, and is removed when the next one is
 * made beside it.
 *
 * Not thread-safe.
 */
#ifndef MAYFLY_CONFINE_CGROUP_H
#define MAYFLY_CONFINE_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* In place of a directory: the group that this process is in. */
#define CONFINE_CGROUP_SELF "self"
/* The same, after systemd has moved this process into a group of its own (systemd_scope.h). */
#define CONFINE_CGROUP_SYSTEMD "systemd"

#define CONFINE_CPU_SCALE 1000 /* struct confine_cgroup_limits has thousandths of a processor */

struct confine_cgroup_limits {
	uint64_t memory; /* bytes; UINT64_MAX: no limit. Nothing is swapped out. */
	uint64_t processes;
	uint64_t cpus; /* thousandths of a processor; 0: no limit */
};

struct confine_cgroup {
	int group, parent; /* directories; -1: there is no group */
	int broker;	   /* a group that this process had to move to; else -1 */
	char name[64];	   /* in `parent` */
	char path[PATH_MAX];
	struct error missing; /* why there is none */
	uint64_t memory;      /* its limit */
	bool required;	      /* for confine_fork(): without the group, start no child */
};

#define CONFINE_CGROUP_NONE                                                                        \
	{                                                                                          \
		.group = -1, .parent = -1, .broker = -1                                            \
	}

/* Makes a group with these limits below `named`, the directory of a control group,
 * CONFINE_CGROUP_SELF or CONFINE_CGROUP_SYSTEMD; or where that is NULL, below the nearest one in
 * which this process may. Where there is none, but limits->cpus, systemd is asked for one.
 * A group either has processes or passes limits on: where this process alone is in that one, with
 * `companions` (ends with 0), they move into a group beside the new one, and stay there; NULL: they
 * may not. The reason of a failure is also kept in group->missing.
 *
 * Release by confine_cgroup_remove(). To be called while there is one thread. */
int confine_cgroup_make(struct confine_cgroup *group, const char *named,
			const struct confine_cgroup_limits *limits, const pid_t *companions,
			struct error *error);

/* Kills what is still in the group, and removes it. Nothing where there is none. */
void confine_cgroup_remove(struct confine_cgroup *group);

/* Closes what this process, a child, has of the group; it stays where it is. */
void confine_cgroup_forget(struct confine_cgroup *group);

/* Moves a process into the group. 0 or a negative errno; 0 where there is no group. */
int confine_cgroup_add(const struct confine_cgroup *group, pid_t pid);

enum confine_memory {
	CONFINE_MEMORY_ENOUGH,
	CONFINE_MEMORY_USED_UP, /* the group reached its limit, and the kernel killed it */
	CONFINE_MEMORY_OUTSIDE, /* it was killed because a group above or the machine had no more */
};

/* What became of the processes in the group. */
enum confine_memory confine_cgroup_memory(const struct confine_cgroup *group);

#endif
