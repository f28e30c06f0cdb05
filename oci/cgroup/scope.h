/* Limits as systemd has them, for groups that are its scopes: what is only written to files, it sets back
 * when it likes. */
#ifndef MAYFLY_OCI_CGROUP_SCOPE_H
#define MAYFLY_OCI_CGROUP_SCOPE_H

#include <sys/types.h>

#include "oci/cgroup/cgroup.h"
#include "oci/config/resources.h"
#include "util/error.h"

/* Has systemd make the scope that the path names, with a process in it. Nothing where systemd does not
 * rule. */
int oci_scope_start(const struct oci_cgroup *group, pid_t pid,
		    const struct oci_resources *resources, struct error *error);

/* Tells systemd of those limits that are given. Nothing where it does not rule, or has no such scope. */
int oci_scope_update(const struct oci_cgroup *group, const struct oci_resources *resources,
		     struct error *error);

#endif
