/* The root file system of a container: the bundle's, with the mounts of its configuration.
 *
 * It is built in a mount namespace of the caller's own, at the place where the bundle has it, and
 * stays a part of the host's tree: what reads there for the guest is mayfly-rootd, which never leaves
 * the directory (RESOLVE_IN_ROOT), and monitor and rootd are started from outside. What an image has
 * in it is hostile: every destination is looked up as if the root were "/", so that no link and no
 * ".." leads out of it; what is not there is made within.
 *
 * Not thread-safe. References: OCI runtime specification 1.1, config.md ("Root", "Mounts") and
 * config-linux.md; openat2(2), mount_setattr(2), move_mount(2).
 */
#ifndef MAYFLY_OCI_ROOT_H
#define MAYFLY_OCI_ROOT_H

#include <limits.h>

#include "oci/config/config.h"
#include "util/error.h"

struct oci_root {
	int directory;	     /* it, O_PATH; -1: not built */
	char path[PATH_MAX]; /* absolute and without links, for mayfly_description.root */
};

#define OCI_ROOT_NONE                                                                              \
	{                                                                                          \
		.directory = -1                                                                    \
	}

/* What can be found out about the root before there is a namespace, for errors of `create` that
 * touch nothing: it is a directory, and not the host's own root; sources of mounts are there. */
int oci_root_check(const struct oci_config *config, const char *bundle, struct error *error);

/* Builds the root. `bundle` is absolute; sources and root.path may be relative to it. The caller has
 * unshared its mount namespace (CLONE_NEWNS) and has no thread beside; nothing that is mounted here
 * gets out of it. After an error the namespace is to be left: what was mounted goes with it.
 * -EINVAL, -ENOENT, -ENOTDIR or another negative errno, with a sentence that names the mount. */
int oci_root_build(const struct oci_config *config, const char *bundle, struct oci_root *root,
		   struct error *error);

void oci_root_close(struct oci_root *root);

#endif
