/* System calls on names: those of directories, links and files, and the current directory. */
#include <errno.h>
#include <stdio.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/layer.h"
#include "guest/fs/path.h"
#include "guest/fs/symlink.h"
#include "guest/lib/system_call.h"
#include "guest/mm/user_memory.h"

/* Where a new name is to go: it must not exist, and its directory must. */
static int walk_to_new(struct walk *walk, uint64_t directory, uint64_t path)
{
	int error = path_walk(walk, directory, path, WALK_NAME);
	if (error)
		return error;
	if (walk->inode)
		return -EEXIST;
	return walk->parent->read_only ? -EROFS : 0;
}

/* Has the layer make it, where names in that directory are the layer's. */
static bool make_lower(const struct walk *walk, uint32_t mode, const char *target, int *error)
{
	const struct layer_changes *changes = inode_changes(walk->parent);
	if (changes)
		*error = changes->make(walk->parent, walk->name, walk->length, mode, target);
	return changes;
}

/* Gives an inode that the caller holds its name, and lets go of it. */
static int64_t add_and_drop(const struct walk *walk, struct inode *inode)
{
	if (!inode)
		return -ENOSPC;
	int error = directory_add(walk->parent, walk->name, walk->length, inode);
	inode_drop(inode);
	return error;
}

static int64_t make_directory(uint64_t directory, uint64_t path, uint64_t mode)
{
	struct walk walk;
	int error = walk_to_new(&walk, directory, path);
	if (error)
		return error;
	if (make_lower(&walk, S_IFDIR | (path_apply_mask(mode) & 01777), NULL, &error))
		return error;
	return add_and_drop(
	    &walk, directory_create(path_apply_mask(mode) & 01777, &directory_inode_operations));
}

static int64_t remove_name(uint64_t directory, uint64_t path, bool is_directory)
{
	struct walk walk;
	int error = path_walk(&walk, directory, path, WALK_NAME);
	if (error)
		return error;
	if (!walk.inode)
		return -ENOENT;
	if (!is_directory) {
		if (S_ISDIR(walk.inode->mode))
			return -EISDIR;
		if (walk.trailing_slash)
			return -ENOTDIR;
	} else {
		if (!S_ISDIR(walk.inode->mode))
			return -ENOTDIR;
		if (!walk.length)
			return -EBUSY;
		if (walk_names_dot(&walk))
			return walk.length == 1 ? -EINVAL : -ENOTEMPTY;
	}
	if (walk.parent->read_only)
		return -EROFS;
	/* What is in memory, as a socket, is not known to the layer. */
	const struct layer_name name = {walk.parent, walk.name, walk.length, walk.inode};
	if (inode_changes(walk.parent) && inode_changes(walk.inode))
		return inode_changes(walk.parent)->remove(&name, is_directory);
	/* A part that lives on the host stays. */
	if (inode_changes(walk.inode))
		return -EBUSY;
	error = is_directory ? directory_check_empty(walk.inode) : 0;
	if (!error)
		directory_remove(walk.parent, walk.name, walk.length);
	return error;
}

static int64_t make_symlink(uint64_t target, uint64_t directory, uint64_t path)
{
	char text[PATH_MAX];
	struct walk walk;
	int error = user_string(target, text, sizeof(text));
	if (!error && !text[0])
		error = -ENOENT;
	if (!error)
		error = walk_to_new(&walk, directory, path);
	if (!error && walk.trailing_slash)
		error = -ENOENT;
	if (error || make_lower(&walk, S_IFLNK | 0777, text, &error))
		return error;
	return add_and_drop(&walk, symlink_create(text));
}

/* From memory to what lives on the host, and back, there are no links. */
static int add_link(const struct walk *walk, struct inode *inode)
{
	const struct layer_changes *changes = inode_changes(walk->parent);
	if (changes != inode_changes(inode))
		return -EXDEV;
	return changes ? changes->link(inode, walk->parent, walk->name, walk->length)
		       : directory_add(walk->parent, walk->name, walk->length, inode);
}

static int64_t make_link(const uint64_t arguments[6])
{
	struct inode *inode;
	struct walk walk;
	uint64_t flags = arguments[4];
	if (flags & ~(uint64_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	uint64_t at_flags = flags & AT_EMPTY_PATH;
	at_flags |= flags & AT_SYMLINK_FOLLOW ? 0u : AT_SYMLINK_NOFOLLOW;
	int error = path_find(&inode, arguments[0], arguments[1], at_flags);
	if (error)
		return error;
	inode_hold(inode); /* looking for the other name may show that this one has gone */
	error = walk_to_new(&walk, arguments[2], arguments[3]);
	if (!error && walk.trailing_slash)
		error = -ENOENT;
	if (!error && S_ISDIR(inode->mode))
		error = -EPERM;
	if (!error)
		error = add_link(&walk, inode);
	inode_drop(inode);
	return error;
}

static bool directory_contains(const struct inode *outer, const struct inode *inner)
{
	while (inner != outer && inner != path_root() && inner)
		inner = inner->directory.parent;
	return inner == outer;
}

/* Checks that the name can be looked for at all. `flags` tell what may be missing, or must be. */
static int check_names(const struct walk *from, const struct walk *to, uint32_t flags)
{
	if (!from->length || walk_names_dot(from))
		return -EBUSY;
	if (!to->length || walk_names_dot(to))
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (from->length > NAME_MAX)
		return -ENAMETOOLONG;
	if (!from->inode)
		return -ENOENT;
	if (to->length > NAME_MAX)
		return -ENAMETOOLONG;
	if (to->inode && flags & RENAME_NOREPLACE)
		return -EEXIST;
	return !to->inode && flags & RENAME_EXCHANGE ? -ENOENT : 0;
}

/* May `from` take the name `to`? In the order in which Linux looks. */
static int check_rename(const struct walk *from, const struct walk *to, uint32_t flags)
{
	bool exchanges = flags & RENAME_EXCHANGE;
	int error = check_names(from, to, flags);
	if (error)
		return error;
	bool moves_directory = S_ISDIR(from->inode->mode);
	bool onto_directory = to->inode && S_ISDIR(to->inode->mode);
	if (exchanges && !onto_directory && to->trailing_slash)
		return -ENOTDIR;
	if (!moves_directory && (from->trailing_slash || (!exchanges && to->trailing_slash)))
		return -ENOTDIR;
	if (moves_directory && directory_contains(from->inode, to->parent))
		return -EINVAL;
	if (onto_directory && directory_contains(to->inode, from->parent))
		return exchanges ? -EINVAL : -ENOTEMPTY;
	if (!to->inode || from->inode == to->inode || exchanges)
		return 0;
	if (moves_directory != onto_directory)
		return moves_directory ? -ENOTDIR : -EISDIR;
	return moves_directory && !inode_changes(to->inode) ? directory_check_empty(to->inode) : 0;
}

/* In memory. */
static int rename_kept(const struct walk *from, const struct walk *to, uint32_t flags)
{
	if (flags & RENAME_EXCHANGE)
		return directory_exchange(from->parent, from->name, from->length, to->parent,
					  to->name, to->length);
	/* The new name is added first, so that nothing has happened if there is no memory for it.
	 * Names in one directory are found from the front, where the name to replace still is. */
	int error = directory_add(to->parent, to->name, to->length, from->inode);
	if (!error) {
		if (to->inode)
			directory_remove(to->parent, to->name, to->length);
		directory_remove(from->parent, from->name, from->length);
	}
	return error;
}

/* What lives on the host stays there, and what is in memory does not get there. The root of what lives
 * there is held by a name in memory, and stays. */
static int rename_walked(const struct walk *from, const struct walk *to, uint32_t flags)
{
	const struct layer_changes *changes = inode_changes(from->parent);
	const struct layer_name from_name = {from->parent, from->name, from->length, from->inode};
	const struct layer_name to_name = {to->parent, to->name, to->length, to->inode};
	int error = check_rename(from, to, flags);
	if (error)
		return error;
	if (from->inode == to->inode)
		return 0; /* two names of one file: both stay */
	if (from->parent->read_only || to->parent->read_only)
		return -EROFS;
	if (changes != inode_changes(to->parent))
		return -EXDEV;
	if (changes != inode_changes(from->inode) ||
	    (to->inode && changes != inode_changes(to->inode)))
		return changes ? -EXDEV : -EBUSY;
	return changes ? changes->rename(&from_name, &to_name, flags)
		       : rename_kept(from, to, flags);
}

static int64_t rename_at(const uint64_t arguments[6])
{
	struct walk from, to;
	uint32_t flags = (uint32_t)arguments[4];
	if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	int error = path_walk(&from, arguments[0], arguments[1], WALK_NAME | WALK_LONG);
	if (error)
		return error;
	/* The second walk may show that what the first one found has gone. */
	struct inode *held[] = {from.parent, from.inode ? from.inode : from.parent};
	inode_hold(held[0]);
	inode_hold(held[1]);
	error = path_walk(&to, arguments[2], arguments[3], WALK_NAME | WALK_LONG);
	if (!error)
		error = rename_walked(&from, &to, flags);
	inode_drop(held[1]);
	inode_drop(held[0]);
	return error;
}

static int64_t read_link(uint64_t directory, uint64_t path, uint64_t address, uint64_t size)
{
	struct inode *inode;
	char first;
	if ((int32_t)size <= 0)
		return -EINVAL;
	int error = user_copy_in(&first, path, 1);
	if (!error)
		error = path_find(&inode, directory, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
	if (error)
		return error;
	if (!S_ISLNK(inode->mode))
		return first ? -EINVAL : -ENOENT;
	uint64_t length = inode->size < (uint32_t)size ? inode->size : (uint32_t)size;
	error = user_copy_out(address, inode->link.target, length);
	return error ? error : (int64_t)length;
}

static int64_t change_directory(struct inode *inode)
{
	if (!S_ISDIR(inode->mode))
		return -ENOTDIR;
	path_set_current(inode);
	return 0;
}

SYSTEM_CALL(mkdir)
{
	return make_directory(PATH_HERE, arguments[0], arguments[1]);
}

SYSTEM_CALL(mkdirat)
{
	return make_directory(arguments[0], arguments[1], arguments[2]);
}

SYSTEM_CALL(rmdir)
{
	return remove_name(PATH_HERE, arguments[0], true);
}

SYSTEM_CALL(unlink)
{
	return remove_name(PATH_HERE, arguments[0], false);
}

SYSTEM_CALL(unlinkat)
{
	if (arguments[2] & ~(uint64_t)AT_REMOVEDIR)
		return -EINVAL;
	return remove_name(arguments[0], arguments[1], arguments[2] & AT_REMOVEDIR);
}

SYSTEM_CALL(symlink)
{
	return make_symlink(arguments[0], PATH_HERE, arguments[1]);
}

SYSTEM_CALL(symlinkat)
{
	return make_symlink(arguments[0], arguments[1], arguments[2]);
}

SYSTEM_CALL(link)
{
	const uint64_t at[6] = {PATH_HERE, arguments[0], PATH_HERE, arguments[1]};
	return make_link(at);
}

SYSTEM_CALL(linkat)
{
	return make_link(arguments);
}

SYSTEM_CALL(rename)
{
	const uint64_t at[6] = {PATH_HERE, arguments[0], PATH_HERE, arguments[1]};
	return rename_at(at);
}

SYSTEM_CALL(renameat)
{
	const uint64_t at[6] = {arguments[0], arguments[1], arguments[2], arguments[3]};
	return rename_at(at);
}

SYSTEM_CALL(renameat2)
{
	return rename_at(arguments);
}

SYSTEM_CALL(readlink)
{
	return read_link(PATH_HERE, arguments[0], arguments[1], arguments[2]);
}

SYSTEM_CALL(readlinkat)
{
	return read_link(arguments[0], arguments[1], arguments[2], arguments[3]);
}

SYSTEM_CALL(chdir)
{
	struct inode *inode;
	int error = path_find(&inode, PATH_HERE, arguments[0], 0);
	return error ? error : change_directory(inode);
}

SYSTEM_CALL(fchdir)
{
	struct file *file = descriptor_file((uint32_t)arguments[0]);
	return file ? change_directory(file->inode) : -EBADF;
}

SYSTEM_CALL(getcwd)
{
	char path[PATH_MAX];
	size_t start = sizeof(path);
	path[--start] = 0;
	int error = directory_path(path_current(), path, &start);
	if (error)
		return error;
	if (!path[start])
		path[--start] = '/';
	uint64_t size = sizeof(path) - start;
	if (arguments[1] < size)
		return -ERANGE;
	error = user_copy_out(arguments[0], path + start, size);
	return error ? error : (int64_t)size;
}
