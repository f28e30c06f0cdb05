/* Named pipes, and the other files that mknod(2) makes. */
#include <errno.h>
#include <sys/stat.h>

#include "guest/fs/directory.h"
#include "guest/fs/layer.h"
#include "guest/fs/path.h"
#include "guest/fs/regular.h"
#include "guest/lib/system_call.h"
#include "pipes.h"

/* Nobody may make devices, as in a container: those that a machine has are there. */
static int check_kind(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFIFO:
		return 0;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFSOCK:
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

static int64_t make_node(uint64_t directory, uint64_t path, uint32_t mode)
{
	struct walk walk;
	int error = check_kind(mode);
	if (!error)
		error = path_walk(&walk, directory, path, WALK_NAME);
	if (!error && walk.inode)
		error = -EEXIST;
	if (!error && walk.trailing_slash)
		error = -ENOENT;
	if (!error && walk.parent->read_only)
		error = -EROFS;
	if (error)
		return error;
	const uint32_t permissions = path_apply_mask(mode);
	const struct layer_changes *changes = inode_changes(walk.parent);
	if (changes && !S_ISFIFO(mode))
		return changes->make(walk.parent, walk.name, walk.length, S_IFREG | permissions,
				     NULL);
	struct inode *inode =
	    S_ISFIFO(mode) ? pipe_create(permissions, true) : regular_create(permissions);
	if (!inode)
		return -ENOSPC;
	error = directory_add(walk.parent, walk.name, walk.length, inode);
	inode_drop(inode);
	return error;
}

SYSTEM_CALL(mknod)
{
	return make_node(PATH_HERE, arguments[0], (uint32_t)arguments[1]);
}

SYSTEM_CALL(mknodat)
{
	return make_node(arguments[0], arguments[1], (uint32_t)arguments[2]);
}
