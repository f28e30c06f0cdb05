/* Limits as files of control groups. */
#ifndef MAYFLY_OCI_CGROUP_LIMIT_FILES_H
#define MAYFLY_OCI_CGROUP_LIMIT_FILES_H

#include "oci/cgroup/cgroup.h"
#include "oci/config/resources.h"
#include "util/error.h"

/* Writes those limits that are given. */
int oci_limits_write(const struct oci_cgroup *group, const struct oci_resources *resources,
		     struct error *error);

#endif
