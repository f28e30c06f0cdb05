/* System calls that open files and close them. */
#include <errno.h>
#include <fcntl.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/layer.h"
#include "guest/fs/path.h"
#include "guest/fs/regular.h"
#include "guest/lib/system_call.h"

/* Flags that stay with a file; the rest concerns open() only. */
#define FILE_FLAGS                                                                                 \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_ASYNC | O_SYNC | O_DIRECT | O_NOATIME | O_PATH |    \
	 O_DIRECTORY | O_NOFOLLOW | O_TMPFILE)
#define NAMELESS (O_TMPFILE & ~O_DIRECTORY)

/* Makes the regular file that O_CREAT asks for. */
static int create_file(struct walk *walk, uint64_t mode)
{
	const struct layer_changes *changes = inode_changes(walk->parent);
	if (walk->parent->read_only)
		return -EROFS;
	if (changes)
		return changes->make(walk->parent, walk->name, walk->length,
				     S_IFREG | path_apply_mask(mode), NULL);
	struct inode *inode = regular_create(path_apply_mask(mode));
	if (!inode)
		return -ENOSPC;
	int error = directory_add(walk->parent, walk->name, walk->length, inode);
	if (!error)
		walk->inode = inode;
	inode_drop(inode);
	return error;
}

/* May what exists be opened in this way? */
static int check_open(const struct inode *inode, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
	if (flags & O_DIRECTORY && !S_ISDIR(inode->mode))
		return -ENOTDIR;
	if (S_ISLNK(inode->mode))
		return flags & O_PATH ? 0 : -ELOOP;
	int error = inode->layer && inode->layer->permission && !(flags & (O_PATH | O_TRUNC))
			? inode->layer->permission(inode)
			: 0;
	if (error)
		return error;
	if (S_ISDIR(inode->mode) && (writes || flags & O_CREAT) && !(flags & O_PATH))
		return -EISDIR;
	return inode->read_only && writes && !(flags & O_PATH) ? -EROFS : 0;
}

/* `directory`: where it was found; NULL: in none. */
static int64_t open_inode(struct inode *inode, struct inode *directory, int flags)
{
	int error = check_open(inode, flags);
	if (error)
		return error;
	if (flags & O_TRUNC && S_ISREG(inode->mode) && !(flags & O_PATH) && inode->size) {
		error = inode->operations->resize(inode, 0);
		if (error)
			return error;
	}
	struct file *file = file_open(inode, flags & FILE_FLAGS);
	if (!file)
		return -ENOMEM;
	if (directory)
		file_set_directory(file, directory);
	error = flags & O_PATH ? 0 : file_start(file);
	if (error) {
		file_drop(file);
		return error;
	}
	return descriptor_install(file, 0, flags & O_CLOEXEC);
}

/* A file without a name, for O_TMPFILE. */
static int64_t open_nameless(const struct inode *directory, int flags, uint64_t mode)
{
	if (!S_ISDIR(directory->mode))
		return -ENOTDIR;
	if (directory->read_only)
		return -EROFS;
	struct inode *inode = regular_create(path_apply_mask(mode));
	if (!inode)
		return -ENOSPC;
	int64_t descriptor = open_inode(inode, NULL, flags & ~O_TMPFILE);
	inode_drop(inode);
	if (descriptor >= 0)
		descriptor_file((uint64_t)descriptor)->flags |= O_TMPFILE;
	return descriptor;
}

static int64_t open_path(uint64_t directory, uint64_t path, int flags, uint64_t mode)
{
	struct walk walk;
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (flags & O_SYNC & ~O_DSYNC)
		flags |= O_DSYNC;
	bool nameless = flags & NAMELESS;
	if (nameless ? (flags & O_ACCMODE) == O_RDONLY || flags & O_CREAT || !(flags & O_DIRECTORY)
		     : flags & O_CREAT && flags & O_DIRECTORY)
		return -EINVAL;
	bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
	int error = path_walk(&walk, directory, path,
			      (follow ? WALK_FOLLOW : 0) | (flags & O_CREAT ? WALK_CREATE : 0));
	if (error)
		return error;
	if (nameless)
		return walk.inode ? open_nameless(walk.inode, flags, mode) : -ENOENT;
	if (walk.inode && flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (!walk.inode) {
		error = flags & O_CREAT ? create_file(&walk, mode) : -ENOENT;
		/* On the host somebody else may have made it meanwhile. */
		if (error == -EEXIST && !(flags & O_EXCL))
			error = 0;
		if (!error && !walk.inode)
			error = walk.parent->operations->lookup(walk.parent, walk.name, walk.length,
								&walk.inode);
		if (!error && !walk.inode)
			error = -ENOENT;
		if (error)
			return error;
	}
	return open_inode(walk.inode, walk.leapt ? NULL : walk.parent, flags);
}

SYSTEM_CALL(open)
{
	return open_path(PATH_HERE, arguments[0], (int)arguments[1], arguments[2]);
}

SYSTEM_CALL(openat)
{
	return open_path(arguments[0], arguments[1], (int)arguments[2], arguments[3]);
}

SYSTEM_CALL(creat)
{
	return open_path(PATH_HERE, arguments[0], O_CREAT | O_WRONLY | O_TRUNC, arguments[1]);
}

SYSTEM_CALL(close)
{
	return descriptor_close((uint32_t)arguments[0]);
}

SYSTEM_CALL(close_range)
{
	uint32_t first = (uint32_t)arguments[0], last = (uint32_t)arguments[1];
	uint64_t flags = arguments[2];
	const uint64_t unshare = 2, close_on_exec = 4; /* CLOSE_RANGE_UNSHARE, _CLOEXEC */
	if (first > last || flags & ~(unshare | close_on_exec))
		return -EINVAL;
	for (uint64_t i = first; i <= last && i < DESCRIPTOR_COUNT; i++) {
		if (!descriptor_file(i))
			continue;
		if (flags & close_on_exec)
			descriptor_set_close_on_exec(i, true);
		else
			descriptor_close(i);
	}
	return 0;
}
