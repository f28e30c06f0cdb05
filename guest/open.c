/* System calls that make, duplicate and close descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "served.h"

/* Flags that stay with a file; the rest concerns open() only. */
#define FILE_FLAGS                                                                                 \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | O_DIRECT | O_NOATIME | O_PATH |    \
	 O_DIRECTORY)
#define LARGE_FILE 0100000 /* O_LARGEFILE: what F_GETFL always shows on x86-64 */

/* Makes the regular file that O_CREAT asks for. */
static int create_file(struct walk *walk, uint64_t mode)
{
	if (walk->trailing_slash)
		return -EISDIR;
	struct node *node = node_create(S_IFREG | tree_apply_mask(mode), &regular_operations);
	if (!node)
		return -ENOSPC;
	int error = directory_add(walk->parent, walk->name, walk->length, node);
	if (!error)
		walk->node = node;
	node_drop(node);
	return error;
}

/* May what exists be opened in this way? */
static int check_open(const struct node *node, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
	if (flags & O_DIRECTORY && !S_ISDIR(node->mode))
		return -ENOTDIR;
	if (S_ISLNK(node->mode))
		return flags & O_PATH ? 0 : -ELOOP;
	if (node->served && node->served->unreadable && !(flags & (O_PATH | O_TRUNC)))
		return -EACCES;
	if (S_ISDIR(node->mode) && (writes || flags & O_CREAT) && !(flags & O_PATH))
		return -EISDIR;
	return 0;
}

static int64_t open_node(struct node *node, int flags)
{
	int error = check_open(node, flags);
	if (error)
		return error;
	if (flags & O_TRUNC && S_ISREG(node->mode) && !(flags & O_PATH) && node->size) {
		error = contents_resize(node, 0);
		if (error)
			return error;
	}
	struct file *file = file_open(node, flags & FILE_FLAGS);
	if (!file)
		return -ENOMEM;
	error = S_ISREG(node->mode) && node->contents.generate ? generated_open(file) : 0;
	if (error) {
		file_drop(file);
		return error;
	}
	return descriptor_install(file, 0, flags & O_CLOEXEC);
}

/* A file without a name, for O_TMPFILE. */
static int64_t open_nameless(const struct node *directory, int flags, uint64_t mode)
{
	if (!S_ISDIR(directory->mode))
		return -ENOTDIR;
	struct node *node = node_create(S_IFREG | tree_apply_mask(mode), &regular_operations);
	if (!node)
		return -ENOSPC;
	int64_t descriptor = open_node(node, flags & ~(O_TMPFILE | O_CREAT));
	node_drop(node);
	return descriptor;
}

static int64_t open_path(uint64_t directory, uint64_t path, int flags, uint64_t mode)
{
	struct walk walk;
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
	if (nameless ? (flags & O_ACCMODE) == O_RDONLY || flags & O_CREAT
		     : flags & O_CREAT && flags & O_DIRECTORY)
		return -EINVAL;
	bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
	int error = tree_walk(&walk, directory, path, follow ? WALK_FOLLOW : 0);
	if (error)
		return error;
	if (nameless)
		return walk.node ? open_nameless(walk.node, flags, mode) : -ENOENT;
	if (walk.node && flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (!walk.node) {
		error = flags & O_CREAT ? create_file(&walk, mode) : -ENOENT;
		if (error)
			return error;
	}
	int64_t descriptor = open_node(walk.node, flags);
	if (descriptor >= 0 && !walk.parent->directory.has_descriptors)
		file_set_directory(descriptor_file((uint64_t)descriptor), walk.parent);
	return descriptor;
}

int64_t call_open(const uint64_t arguments[6])
{
	return open_path((uint64_t)AT_FDCWD, arguments[0], (int)arguments[1], arguments[2]);
}

int64_t call_openat(const uint64_t arguments[6])
{
	return open_path(arguments[0], arguments[1], (int)arguments[2], arguments[3]);
}

int64_t call_creat(const uint64_t arguments[6])
{
	return open_path((uint64_t)AT_FDCWD, arguments[0], O_CREAT | O_WRONLY | O_TRUNC,
			 arguments[1]);
}

int64_t call_close(const uint64_t arguments[6])
{
	return descriptor_close((uint32_t)arguments[0]);
}

int64_t call_close_range(const uint64_t arguments[6])
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

static int64_t duplicate(uint64_t descriptor, uint64_t lowest, bool close_on_exec)
{
	struct file *file = descriptor_file((uint32_t)descriptor);
	if (!file)
		return -EBADF;
	file_hold(file);
	return descriptor_install(file, lowest, close_on_exec);
}

static int64_t duplicate_to(uint64_t from, uint64_t to, bool close_on_exec)
{
	struct file *file = descriptor_file((uint32_t)from);
	if (!file || (uint32_t)to >= DESCRIPTOR_COUNT)
		return -EBADF;
	file_hold(file);
	descriptor_replace((uint32_t)to, file, close_on_exec);
	return (int64_t)(uint32_t)to;
}

int64_t call_dup(const uint64_t arguments[6])
{
	return duplicate(arguments[0], 0, false);
}

int64_t call_dup2(const uint64_t arguments[6])
{
	if ((uint32_t)arguments[0] == (uint32_t)arguments[1])
		return descriptor_file((uint32_t)arguments[0]) ? (int64_t)(uint32_t)arguments[0]
							       : -EBADF;
	return duplicate_to(arguments[0], arguments[1], false);
}

int64_t call_dup3(const uint64_t arguments[6])
{
	if ((uint32_t)arguments[0] == (uint32_t)arguments[1] || arguments[2] & ~(uint64_t)O_CLOEXEC)
		return -EINVAL;
	return duplicate_to(arguments[0], arguments[1], arguments[2] & O_CLOEXEC);
}

/* Does a lock's range begin at a byte that a file can have, and end at one? */
static int check_lock_range(const struct file *file, const struct flock *lock)
{
	int64_t start = 0, end;
	if (lock->l_whence == SEEK_CUR)
		start = (int64_t)file->offset;
	else if (lock->l_whence == SEEK_END)
		start = (int64_t)file->node->size;
	else if (lock->l_whence != SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(start, lock->l_start, &start) ||
	    __builtin_add_overflow(start, lock->l_len, &end))
		return -EOVERFLOW;
	return start < 0 || end < 0 ? -EINVAL : 0;
}

/* Only one process has files here, and its own locks never conflict. */
static int64_t lock_record(const struct file *file, uint64_t command, uint64_t address)
{
	struct flock lock;
	int error = user_copy_in(&lock, address, sizeof(lock));
	if (error)
		return error;
	if (lock.l_type != F_RDLCK && lock.l_type != F_WRLCK &&
	    (lock.l_type != F_UNLCK || command == F_GETLK))
		return -EINVAL;
	error = check_lock_range(file, &lock);
	if (error)
		return error;
	if (command != F_GETLK) {
		bool allowed = lock.l_type == F_UNLCK ||
			       (lock.l_type == F_RDLCK ? file_readable(file) : file_writable(file));
		return allowed ? 0 : -EBADF;
	}
	lock.l_type = F_UNLCK;
	return user_copy_out(address, &lock, sizeof(lock));
}

int64_t call_fcntl(const uint64_t arguments[6])
{
	uint32_t descriptor = (uint32_t)arguments[0];
	uint64_t value = arguments[2];
	const int settable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;
	struct file *file = descriptor_file(descriptor);
	if (!file)
		return -EBADF;
	/* A file that is only a path can be duplicated and asked for its flags. */
	if (file->flags & O_PATH && arguments[1] != F_DUPFD && arguments[1] != F_DUPFD_CLOEXEC &&
	    arguments[1] != F_GETFD && arguments[1] != F_SETFD && arguments[1] != F_GETFL)
		return -EBADF;
	switch (arguments[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (value >= DESCRIPTOR_COUNT)
			return -EINVAL;
		return duplicate(descriptor, value, arguments[1] == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return descriptor_close_on_exec(descriptor) ? FD_CLOEXEC : 0;
	case F_SETFD:
		descriptor_set_close_on_exec(descriptor, value & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return file->flags | (S_ISREG(file->node->mode) ? LARGE_FILE : 0);
	case F_SETFL:
		file->flags = (file->flags & ~settable) | ((int)value & settable);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		return lock_record(file, arguments[1], value);
	default:
		return -EINVAL;
	}
}

int64_t call_flock(const uint64_t arguments[6])
{
	uint64_t operation = arguments[1] & ~(uint64_t)LOCK_NB;
	if (operation != LOCK_SH && operation != LOCK_EX && operation != LOCK_UN)
		return -EINVAL;
	return descriptor_opened(arguments[0]) ? 0 : -EBADF;
}
