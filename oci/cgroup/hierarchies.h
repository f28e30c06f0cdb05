/* Where control groups are mounted, and the group's directories there. */
#ifndef MAYFLY_OCI_CGROUP_HIERARCHIES_H
#define MAYFLY_OCI_CGROUP_HIERARCHIES_H

#include <stdbool.h>

#include "oci/cgroup/cgroup.h"
#include "util/error.h"

/* Bits of controllers that we know; the rest are joined, and nothing else. */
enum oci_controller {
	OCI_CONTROLLER_CPU = 1,
	OCI_CONTROLLER_CPUACCT = 2, /* version 1; of "cpu" in version 2 */
	OCI_CONTROLLER_CPUSET = 4,
	OCI_CONTROLLER_MEMORY = 8,
	OCI_CONTROLLER_PIDS = 16,
	OCI_CONTROLLER_FREEZER = 32, /* version 1; all groups of version 2 can be frozen */
	OCI_CONTROLLER_IO = 64,	     /* "blkio" in version 1 */
	OCI_CONTROLLER_HUGETLB = 128,
};

/* Fills in the hierarchies of a text as /proc/self/mountinfo. A hierarchy that is mounted at several
 * places is there once. -ENOTSUP where there is none. */
int oci_hierarchies_read(const char *mounts, struct oci_cgroup *group, struct error *error);

/* The hierarchy that has the controller: of version 1, else that of version 2, which may have it. NULL:
 * there is none. */
const struct oci_cgroup_hierarchy *oci_hierarchy_of(const struct oci_cgroup *group,
						    enum oci_controller controller);

const struct oci_cgroup_hierarchy *oci_hierarchy_unified(const struct oci_cgroup *group);

/* Opens the group's directory there. A descriptor or a negative errno. */
int oci_hierarchy_open(const struct oci_cgroup_hierarchy *hierarchy, const char *path);

#endif
