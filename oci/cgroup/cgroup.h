/* The control group of a container: of version 2, or one in each hierarchy of version 1 (and in the
 * one of version 2 beside them, where there is one).
 *
 * Its name, a path in every hierarchy, is all that has to be kept of it: `mayfly-oci create` makes
 * it, later commands open it by oci_cgroup_open(). It may have groups within, for example a
 * monitor's own; what is said of its processes holds for theirs.
 *
 * Paths are made below the mounts that /proc/self/mountinfo shows. Not thread-safe. References:
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/, OCI runtime specification 1.1,
 * config-linux.md.
 */
#ifndef MAYFLY_OCI_CGROUP_H
#define MAYFLY_OCI_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci/config/resources.h"
#include "util/error.h"

#define OCI_CGROUP_HIERARCHIES_MAX 16

struct oci_cgroup_hierarchy {
	char mount[PATH_MAX]; /* where it is mounted, and what is seen there is its root */
	unsigned controllers; /* bits, see hierarchies.h */
	bool unified;	      /* version 2 */
};

struct oci_cgroup {
	char path[PATH_MAX]; /* in each hierarchy: absolute, without "." and ".."; never "/" */
	struct oci_cgroup_hierarchy *hierarchies;
	size_t hierarchy_count;
};

/* The group's path for linux.cgroupsPath: an absolute one as it is; a relative one below
 * "/mayfly-oci/"; for "" it is "/mayfly-oci/ID"; with `systemd`, "SLICE:PREFIX:NAME" (and also "")
 * as systemd's driver lays it out: "/a.slice/a-b.slice/PREFIX-NAME.scope". -EINVAL for what leads
 * outside, or is none; -ENAMETOOLONG. */
int oci_cgroup_path(const char *cgroups_path, bool systemd, const char *id, char path[PATH_MAX],
		    struct error *error);

/* Makes the group, and groups above it that are not there, and sets its limits. -EBUSY where it,
 * or a group within it, has processes already; -ENOTSUP where a limit has no controller that is mounted; or another negative
 * errno. After an error nothing that was made is left.
 * Release by oci_cgroup_close(), which leaves the group alone. */
int oci_cgroup_make(const char *path, const struct oci_resources *resources,
		    struct oci_cgroup *group, struct error *error);

/* The same for a path that oci_cgroup_path() has made for systemd's driver: where systemd rules, it makes
 * the group, a scope that is delegated, and knows of its limits; otherwise it is made as above. `pid` is
 * in it afterwards. After an error the scope is gone when `pid` has ended. */
int oci_cgroup_make_scope(const char *path, pid_t pid, const struct oci_resources *resources,
			  struct oci_cgroup *group, struct error *error);

/* A group that was made before; it may be gone, or be gone in some hierarchies. */
int oci_cgroup_open(const char *path, struct oci_cgroup *group, struct error *error);

/* Nothing where it is all zero. */
void oci_cgroup_close(struct oci_cgroup *group);

/* Moves a process into it, with all its threads. 0: the one that calls. */
int oci_cgroup_add(const struct oci_cgroup *group, pid_t pid, struct error *error);

/* Changes those limits that are given; of a scope, systemd is told. Those that were set before an error stay. */
int oci_cgroup_update(const struct oci_cgroup *group, const struct oci_resources *resources,
		      struct error *error);

/* Stops all processes, or lets them go on; returns when the kernel says that they have, and
 * -ETIMEDOUT (and they go on) after 10 s. -ENOTSUP where there is no freezer. */
int oci_cgroup_freeze(const struct oci_cgroup *group, bool frozen, struct error *error);

/* Whether they are stopped; false also where there is no group. */
bool oci_cgroup_is_frozen(const struct oci_cgroup *group);

/* All processes, in fresh memory for free(): *pids of *count. None where the group is gone. */
int oci_cgroup_processes(const struct oci_cgroup *group, pid_t **pids, size_t *count,
			 struct error *error);

/* Sends a signal to all processes. For SIGKILL: also to those that are made meanwhile and those that
 * are frozen, and waits until none is left: -ETIMEDOUT after 10 s. */
int oci_cgroup_kill(const struct oci_cgroup *group, int signal, struct error *error);

/* Removes it in every hierarchy, with groups within; groups above it stay. 0 where it is gone
 * already. -EBUSY where it has processes. */
int oci_cgroup_remove(const struct oci_cgroup *group, struct error *error);

#define OCI_CGROUP_DEVICES_MAX 64

struct oci_cgroup_io {
	uint32_t major, minor;
	uint64_t read_bytes, written_bytes, reads, writes;
};

/* What it has used. A number that nobody counts here is 0; a limit that there is not, UINT64_MAX. */
struct oci_cgroup_statistics {
	uint64_t cpu_ns, cpu_user_ns, cpu_system_ns;
	uint64_t cpu_periods, cpu_throttled_periods, cpu_throttled_ns;
	uint64_t memory, memory_peak, memory_limit,
	    memory_failures; /* bytes; failures: at the limit */
	uint64_t memory_anonymous, memory_file, memory_kernel;
	uint64_t swap, swap_limit;
	uint64_t oom_kills;
	uint64_t processes, processes_limit;
	struct oci_cgroup_io io[OCI_CGROUP_DEVICES_MAX];
	size_t io_count;
};

int oci_cgroup_statistics(const struct oci_cgroup *group, struct oci_cgroup_statistics *statistics,
			  struct error *error);

#endif
