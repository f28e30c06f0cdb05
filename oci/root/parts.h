/* Which parts of a container's root its machines may write, and which not: what libmayfly is told
 * (mayfly_description.writable and .read_only). What is in neither is the machine's own memory. */
#ifndef MAYFLY_OCI_ROOT_PARTS_H
#define MAYFLY_OCI_ROOT_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "oci/config/config.h"
#include "util/error.h"

#define OCI_PARTS_MAX 64 /* that a machine has: mayfly/function.h */

struct oci_parts {
	/* NULL-terminated; texts are the configuration's, or "/". */
	const char *writable[OCI_PARTS_MAX + 1], *read_only[OCI_PARTS_MAX + 1];
	size_t writable_count, read_only_count;
};

/* Looks at the root (O_PATH) that oci_root_build() has built, in its mount namespace: at what is mounted
 * and at readonlyPaths, and which of that the kernel lets nobody write. `write_root`: the rest may be
 * written, too, if it can. What is not there any more, and devices, are left out. The configuration
 * is to live as long as *parts. E2BIG: there are too many. */
int oci_parts_find(const struct oci_config *config, int root, bool write_root,
		   struct oci_parts *parts, struct error *error);

#endif
