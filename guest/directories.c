/* System calls on directories and on the names in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "text.h"

static int64_t directory_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return -EISDIR;
}

static int64_t directory_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return -EBADF;
}

const struct file_operations directory_operations = {
    .read = directory_read,
    .write = directory_write,
    .seekable = true,
};

/* What getdents64 writes for each entry; the name and padding to 8 bytes follow. */
struct listed_entry {
	uint64_t number;
	uint64_t next; /* where the listing goes on behind this entry */
	uint16_t length;
	uint8_t type;
	char name[];
} __attribute__((packed));

#define LISTED_HEADER offsetof(struct listed_entry, name)

/* Writes one entry to the program's buffer; 0 where it does not fit. */
static uint64_t list_entry(uint64_t address, uint64_t room, const struct listing *listing)
{
	uint64_t size = (LISTED_HEADER + listing->length + 1 + 7) & ~7UL;
	if (size > room)
		return 0;
	struct listed_entry header = {
	    .number = listing->number,
	    .next = listing->cookie + 1,
	    .length = (uint16_t)size,
	    .type = (uint8_t)IFTODT(listing->mode),
	};
	char *out = (char *)address;
	memset(out, 0, size);
	memcpy(out, &header, LISTED_HEADER);
	memcpy(out + LISTED_HEADER, listing->name, listing->length);
	return size;
}

/* What stands at `cookie` in a directory's listing: itself, its parent, its entries. */
static bool list_at(const struct node *directory, uint64_t cookie, struct listing *listing)
{
	if (cookie >= DIRECTORY_FIRST_COOKIE)
		return directory_list(directory, cookie, listing);
	*listing = (struct listing){
	    .name = "..",
	    .length = cookie + 1,
	    .number = cookie ? directory->directory.parent->number : directory->number,
	    .cookie = cookie,
	    .mode = S_IFDIR,
	};
	return true;
}

int64_t call_getdents64(const uint64_t arguments[6])
{
	struct file *file = descriptor_file((uint32_t)arguments[0]);
	uint64_t address = arguments[1], room = (uint32_t)arguments[2], done = 0;
	if (!file || !file_readable(file))
		return -EBADF;
	struct node *directory = file->node;
	if (!S_ISDIR(directory->mode))
		return -ENOTDIR;
	if (!user_writable(address, room))
		return -EFAULT;
	if (!directory->links)
		return -ENOENT;
	int error = directory_load(directory);
	if (error)
		return error;
	struct listing listing;
	while (list_at(directory, file->offset, &listing)) {
		uint64_t size = list_entry(address + done, room - done, &listing);
		if (!size)
			return done ? (int64_t)done : -EINVAL;
		file->offset = listing.cookie + 1;
		done += size;
	}
	return (int64_t)done;
}

/* Where a new name is to go: it must not exist, and its directory must. */
static int walk_to_new(struct walk *walk, uint64_t directory, uint64_t path)
{
	int error = tree_walk(walk, directory, path, WALK_NAME);
	if (error)
		return error;
	return walk->node ? -EEXIST : 0;
}

/* Gives a node that the caller holds its name, and lets go of it. */
static int64_t add_and_drop(const struct walk *walk, struct node *node)
{
	if (!node)
		return -ENOSPC;
	int error = directory_add(walk->parent, walk->name, walk->length, node);
	node_drop(node);
	return error;
}

static int64_t make_directory(uint64_t directory, uint64_t path, uint64_t mode)
{
	struct walk walk;
	int error = walk_to_new(&walk, directory, path);
	if (error)
		return error;
	return add_and_drop(
	    &walk, node_create(S_IFDIR | (tree_apply_mask(mode) & 01777), &directory_operations));
}

static int64_t remove_name(uint64_t directory, uint64_t path, bool is_directory)
{
	struct walk walk;
	int error = tree_walk(&walk, directory, path, WALK_NAME);
	if (error)
		return error;
	if (!walk.node)
		return -ENOENT;
	if (!is_directory) {
		if (S_ISDIR(walk.node->mode))
			return -EISDIR;
		if (walk.trailing_slash)
			return -ENOTDIR;
	} else {
		if (!S_ISDIR(walk.node->mode))
			return -ENOTDIR;
		if (!walk.length)
			return -EBUSY;
		if (walk_names_dot(&walk))
			return walk.length == 1 ? -EINVAL : -ENOTEMPTY;
		error = directory_check_empty(walk.node);
		if (error)
			return error;
	}
	directory_remove(walk.parent, walk.name, walk.length);
	return 0;
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
	return error ? error : add_and_drop(&walk, node_create_symlink(text));
}

static int64_t make_link(const uint64_t arguments[6])
{
	struct node *node;
	struct walk walk;
	uint64_t flags = arguments[4];
	if (flags & ~(uint64_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	uint64_t at_flags = flags & AT_EMPTY_PATH;
	at_flags |= flags & AT_SYMLINK_FOLLOW ? 0u : AT_SYMLINK_NOFOLLOW;
	int error = tree_find(&node, arguments[0], arguments[1], at_flags);
	if (!error)
		error = walk_to_new(&walk, arguments[2], arguments[3]);
	if (!error && walk.trailing_slash)
		error = -ENOENT;
	if (!error && S_ISDIR(node->mode))
		error = -EPERM;
	return error ? error : directory_add(walk.parent, walk.name, walk.length, node);
}

static bool directory_contains(const struct node *outer, const struct node *inner)
{
	while (inner != outer && inner != tree_root() && inner)
		inner = inner->directory.parent;
	return inner == outer;
}

/* May `from` take the name `to`? */
static int check_rename(const struct walk *from, const struct walk *to, uint64_t flags)
{
	if (!from->node)
		return -ENOENT;
	if (!from->length || !to->length || walk_names_dot(from) || walk_names_dot(to))
		return -EBUSY;
	if (to->node && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!S_ISDIR(from->node->mode)) {
		if (from->trailing_slash || to->trailing_slash)
			return -ENOTDIR;
		return to->node && S_ISDIR(to->node->mode) ? -EISDIR : 0;
	}
	if (directory_contains(from->node, to->parent))
		return -EINVAL;
	if (!to->node)
		return 0;
	if (!S_ISDIR(to->node->mode))
		return -ENOTDIR;
	return directory_check_empty(to->node);
}

static int64_t rename_at(const uint64_t arguments[6])
{
	struct walk from, to;
	uint64_t flags = arguments[4];
	if (flags & ~(uint64_t)RENAME_NOREPLACE)
		return -EINVAL;
	int error = tree_walk(&from, arguments[0], arguments[1], WALK_NAME);
	if (!error)
		error = tree_walk(&to, arguments[2], arguments[3], WALK_NAME);
	if (error)
		return error;
	if (from.node && from.node == to.node && !flags && from.length && to.length)
		return 0; /* two names of one file: both stay */
	error = check_rename(&from, &to, flags);
	if (error)
		return error;
	struct node *node = from.node;
	node_hold(node);
	/* The new name first: where memory is short for it, nothing has happened. Names in one
	 * directory are found from the front, where the one to replace still is. */
	error = directory_add(to.parent, to.name, to.length, node);
	if (!error) {
		if (to.node)
			directory_remove(to.parent, to.name, to.length);
		directory_remove(from.parent, from.name, from.length);
	}
	node_drop(node);
	return error;
}

static int64_t read_link(uint64_t directory, uint64_t path, uint64_t address, uint64_t size)
{
	struct node *node;
	char first;
	if ((int32_t)size <= 0)
		return -EINVAL;
	int error = user_copy_in(&first, path, 1);
	if (!error)
		error = tree_find(&node, directory, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
	if (error)
		return error;
	if (!S_ISLNK(node->mode))
		return first ? -EINVAL : -ENOENT;
	uint64_t length = node->size < (uint32_t)size ? node->size : (uint32_t)size;
	error = user_copy_out(address, node->target, length);
	return error ? error : (int64_t)length;
}

static int64_t change_directory(struct node *node)
{
	if (!S_ISDIR(node->mode))
		return -ENOTDIR;
	tree_set_current(node);
	return 0;
}

#define HERE ((uint64_t)AT_FDCWD)

int64_t call_mkdir(const uint64_t arguments[6])
{
	return make_directory(HERE, arguments[0], arguments[1]);
}

int64_t call_mkdirat(const uint64_t arguments[6])
{
	return make_directory(arguments[0], arguments[1], arguments[2]);
}

int64_t call_rmdir(const uint64_t arguments[6])
{
	return remove_name(HERE, arguments[0], true);
}

int64_t call_unlink(const uint64_t arguments[6])
{
	return remove_name(HERE, arguments[0], false);
}

int64_t call_unlinkat(const uint64_t arguments[6])
{
	if (arguments[2] & ~(uint64_t)AT_REMOVEDIR)
		return -EINVAL;
	return remove_name(arguments[0], arguments[1], arguments[2] & AT_REMOVEDIR);
}

int64_t call_symlink(const uint64_t arguments[6])
{
	return make_symlink(arguments[0], HERE, arguments[1]);
}

int64_t call_symlinkat(const uint64_t arguments[6])
{
	return make_symlink(arguments[0], arguments[1], arguments[2]);
}

int64_t call_link(const uint64_t arguments[6])
{
	const uint64_t at[6] = {HERE, arguments[0], HERE, arguments[1]};
	return make_link(at);
}

int64_t call_linkat(const uint64_t arguments[6])
{
	return make_link(arguments);
}

int64_t call_rename(const uint64_t arguments[6])
{
	const uint64_t at[6] = {HERE, arguments[0], HERE, arguments[1]};
	return rename_at(at);
}

int64_t call_renameat(const uint64_t arguments[6])
{
	const uint64_t at[6] = {arguments[0], arguments[1], arguments[2], arguments[3]};
	return rename_at(at);
}

int64_t call_renameat2(const uint64_t arguments[6])
{
	return rename_at(arguments);
}

int64_t call_readlink(const uint64_t arguments[6])
{
	return read_link(HERE, arguments[0], arguments[1], arguments[2]);
}

int64_t call_readlinkat(const uint64_t arguments[6])
{
	return read_link(arguments[0], arguments[1], arguments[2], arguments[3]);
}

int64_t call_chdir(const uint64_t arguments[6])
{
	struct node *node;
	int error = tree_find(&node, HERE, arguments[0], 0);
	return error ? error : change_directory(node);
}

int64_t call_fchdir(const uint64_t arguments[6])
{
	struct file *file = descriptor_file((uint32_t)arguments[0]);
	return file ? change_directory(file->node) : -EBADF;
}

int64_t call_getcwd(const uint64_t arguments[6])
{
	char path[PATH_MAX];
	size_t start = sizeof(path);
	path[--start] = 0;
	int error = directory_path(tree_current(), path, &start);
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
