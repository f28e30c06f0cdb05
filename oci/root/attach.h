/* Mounting onto what was found in a root (resolve.h): by descriptors, so that nobody's renaming
 * changes where. All return 0 or a negative errno. */
#ifndef MAYFLY_OCI_ROOT_ATTACH_H
#define MAYFLY_OCI_ROOT_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

/* A copy of a mount, or of a part of one, that is mounted nowhere yet; what is in it has no set-user-id
 * programs and no devices. `path` is relative to the directory `at`, or "" for what `at` itself is. A
 * descriptor or a negative errno. */
int attach_copy(int at, const char *path, bool recursive);

/* Sets flags (MOUNT_ATTR_…) of a mount, and how it propagates (MS_…; 0: as it does). */
int attach_set(int mount, bool recursive, uint64_t flags, uint64_t propagation);

/* Mounts a copy there. */
int attach_move(int copy, int destination);

/* Mounts a new file system of a type, with options for it. `flags` are MOUNT_ATTR_NOSUID, _NODEV,
 * _NOEXEC, _NOSYMFOLLOW and _RDONLY. */
int attach_new(int destination, const char *type, uint64_t flags, const char *data);

#endif
