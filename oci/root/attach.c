#include "oci/root/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"

/* A guest has its own users and devices; the host's processes that read for it have no use for either. */
#define ALWAYS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

int attach_set(int mount, bool recursive, uint64_t flags, uint64_t propagation)
{
	struct mount_attr attributes = {.attr_set = flags, .propagation = propagation};
	const unsigned below = recursive ? AT_RECURSIVE : 0;
	if (!flags && !propagation)
		return 0;
	return mount_setattr(mount, "", AT_EMPTY_PATH | below, &attributes, sizeof(attributes))
		   ? -errno
		   : 0;
}

int attach_copy(int at, const char *path, bool recursive)
{
	const unsigned below = recursive ? AT_RECURSIVE : 0;
	cleanup_close int copy = open_tree(
	    at, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | below | (*path ? 0 : AT_EMPTY_PATH));
	if (copy < 0)
		return -errno;
	const int result = attach_set(copy, recursive, ALWAYS, 0);
	return result ? result : take_fd(&copy);
}

int attach_move(int copy, int destination)
{
	return move_mount(copy, "", destination, "",
			  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
		   ? -errno
		   : 0;
}

int attach_new(int destination, const char *type, uint64_t flags, const char *data)
{
	static const struct {
		uint64_t attribute;
		unsigned long flag;
	} same[] = {
	    {MOUNT_ATTR_NOSUID, MS_NOSUID}, {MOUNT_ATTR_NODEV, MS_NODEV},
	    {MOUNT_ATTR_NOEXEC, MS_NOEXEC}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
	    {MOUNT_ATTR_RDONLY, MS_RDONLY},
	};
	unsigned long bits = 0;
	char path[64];
	flags |= ALWAYS;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (flags & same[i].attribute)
			bits |= same[i].flag;
	/* By fsconfig(2) no option could be longer than 255 bytes, which lists of layers are. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", destination);
	return mount(type, path, type, bits, data) ? -errno : 0;
}
