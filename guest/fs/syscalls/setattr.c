/* System calls that change what describes a file: its size, permissions, owner and times. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <utime.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/layer.h"
#include "guest/fs/path.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/user_memory.h"
#include "mayfly/root_wire.h"
#include "sizes/sizes.h"

static int64_t resize(struct inode *inode, uint64_t size)
{
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (inode->read_only)
		return -EROFS;
	return inode->operations->resize ? inode->operations->resize(inode, size) : -EINVAL;
}

SYSTEM_CALL(truncate)
{
	struct inode *inode;
	if ((int64_t)arguments[1] < 0)
		return -EINVAL;
	int error = path_find(&inode, PATH_HERE, arguments[0], 0);
	return error ? error : resize(inode, arguments[1]);
}

SYSTEM_CALL(ftruncate)
{
	if ((int64_t)arguments[1] < 0)
		return -EINVAL;
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	return file_writable(file) ? resize(file->inode, arguments[1]) : -EINVAL;
}

SYSTEM_CALL(fallocate)
{
	struct file *file = descriptor_opened(arguments[0]);
	uint32_t mode = (uint32_t)arguments[1];
	const uint32_t punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	int64_t end;
	if (!file)
		return -EBADF;
	if ((int64_t)arguments[2] < 0 || (int64_t)arguments[3] <= 0)
		return -EINVAL;
	if (mode && mode != FALLOC_FL_KEEP_SIZE && mode != punch)
		return -EOPNOTSUPP;
	if (!file_writable(file))
		return -EBADF;
	if (S_ISDIR(file->inode->mode))
		return -EISDIR;
	if (!S_ISREG(file->inode->mode))
		return S_ISFIFO(file->inode->mode) ? -ESPIPE : -ENODEV;
	if (add_overflows((int64_t)arguments[2], (int64_t)arguments[3], &end))
		return -EFBIG;
	const struct layer_changes *changes = inode_changes(file->inode);
	if (changes)
		return changes->allocate(file->inode, mode, arguments[2], arguments[3]);
	if (!file->inode->operations->clear)
		return -EOPNOTSUPP;
	if (mode == punch)
		return file->inode->operations->clear(file->inode, arguments[2], arguments[3]);
	if (mode || (uint64_t)end <= file->inode->size)
		return 0;
	int error = file->inode->operations->resize(file->inode, (uint64_t)end);
	return error == -EFBIG ? -ENOSPC : error; /* as where there is too little memory for it */
}

/* Has the layer change it, where it is the layer's, or refuses to; else *error is left. */
static bool change_lower(struct inode *inode, const struct layer_change *change, int *error)
{
	const struct layer_changes *changes = inode_changes(inode);
	if (inode->read_only)
		*error = -EROFS;
	else if (changes)
		*error = changes->change(inode, change);
	return inode->read_only || changes;
}

static int64_t change_mode(struct inode *inode, uint64_t mode)
{
	int error;
	const struct layer_change change = {.flags = ROOT_SET_MODE, .mode = (uint32_t)mode & 07777};
	if (change_lower(inode, &change, &error))
		return error;
	inode->mode = (inode->mode & S_IFMT) | ((uint32_t)mode & 07777);
	inode_changed(inode);
	return 0;
}

SYSTEM_CALL(chmod)
{
	struct inode *inode;
	int error = path_find(&inode, PATH_HERE, arguments[0], 0);
	return error ? error : change_mode(inode, arguments[1]);
}

SYSTEM_CALL(fchmodat)
{
	struct inode *inode;
	int error = path_find(&inode, arguments[0], arguments[1], 0);
	return error ? error : change_mode(inode, arguments[2]);
}

SYSTEM_CALL(fchmod)
{
	struct file *file = descriptor_opened(arguments[0]);
	return file ? change_mode(file->inode, arguments[1]) : -EBADF;
}

/* -1 leaves an id as it is. A set-user-ID program loses that bit. */
static int64_t change_owner(struct inode *inode, uint64_t owner, uint64_t group)
{
	int error;
	const struct layer_change change = {
	    .flags = ROOT_SET_OWNER, .owner = (uint32_t)owner, .group = (uint32_t)group};
	if (change_lower(inode, &change, &error))
		return error;
	if (!S_ISDIR(inode->mode))
		inode->mode &= ~(uint32_t)(inode->mode & S_IXGRP ? S_ISUID | S_ISGID : S_ISUID);
	if ((int32_t)owner != -1)
		inode->owner = (uint32_t)owner;
	if ((int32_t)group != -1)
		inode->group = (uint32_t)group;
	inode_changed(inode);
	return 0;
}

static int64_t change_owner_at(uint64_t directory, uint64_t path, uint64_t owner, uint64_t group,
			       uint64_t flags)
{
	struct inode *inode;
	if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int error = path_find(&inode, directory, path, flags);
	return error ? error : change_owner(inode, owner, group);
}

SYSTEM_CALL(chown)
{
	return change_owner_at(PATH_HERE, arguments[0], arguments[1], arguments[2], 0);
}

SYSTEM_CALL(lchown)
{
	return change_owner_at(PATH_HERE, arguments[0], arguments[1], arguments[2],
			       AT_SYMLINK_NOFOLLOW);
}

SYSTEM_CALL(fchownat)
{
	return change_owner_at(arguments[0], arguments[1], arguments[2], arguments[3],
			       arguments[4]);
}

SYSTEM_CALL(fchown)
{
	struct file *file = descriptor_opened(arguments[0]);
	return file ? change_owner(file->inode, arguments[1], arguments[2]) : -EBADF;
}

/* One of the two times of utimensat: given, now, or left as it is. */
static int64_t new_time(const struct timespec *time, uint64_t now, uint64_t *nanoseconds)
{
	if (time->tv_nsec == UTIME_OMIT)
		return 0;
	if (time->tv_nsec != UTIME_NOW &&
	    (time->tv_nsec < 0 || (uint64_t)time->tv_nsec >= NANOSECONDS))
		return -EINVAL;
	if (time->tv_nsec == UTIME_NOW) {
		*nanoseconds = now;
		return 0;
	}
	/* What is beyond the 292 years before and after 1970 becomes their end. */
	const int64_t limit = INT64_MAX / (int64_t)NANOSECONDS - 1;
	int64_t seconds = time->tv_sec > limit ? limit : time->tv_sec;
	seconds = seconds < -limit ? -limit : seconds;
	*nanoseconds = (uint64_t)(seconds * (int64_t)NANOSECONDS + time->tv_nsec);
	return 0;
}

static int64_t change_times(struct inode *inode, const struct timespec times[2])
{
	uint64_t now = clock_read_ns(true);
	uint64_t accessed = inode->accessed_ns, modified = inode->modified_ns;
	int64_t error = new_time(&times[0], now, &accessed);
	if (!error)
		error = new_time(&times[1], now, &modified);
	if (error)
		return error;
	int result;
	const struct layer_change change = {
	    .flags = (times[0].tv_nsec == UTIME_OMIT ? 0 : ROOT_SET_ACCESSED) |
		     (times[1].tv_nsec == UTIME_OMIT ? 0 : ROOT_SET_MODIFIED),
	    .accessed_ns = accessed,
	    .modified_ns = modified,
	};
	if (change_lower(inode, &change, &result))
		return result;
	inode->accessed_ns = accessed;
	inode->modified_ns = modified;
	inode->changed_ns = now;
	return 0;
}

SYSTEM_CALL(utimensat)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	struct inode *inode;
	int error = 0;
	if (arguments[2])
		error = user_copy_in(times, arguments[2], sizeof(times));
	if (error)
		return error;
	if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (arguments[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (arguments[1]) {
		error = path_find(&inode, arguments[0], arguments[1], arguments[3]);
	} else {
		/* futimens() */
		if ((int32_t)arguments[0] == AT_FDCWD)
			return -EFAULT;
		if (arguments[3])
			return -EINVAL;
		struct file *file = descriptor_opened(arguments[0]);
		error = file ? 0 : -EBADF;
		inode = file ? file->inode : NULL;
	}
	return error ? error : change_times(inode, times);
}

SYSTEM_CALL(utime)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	struct utimbuf given;
	struct inode *inode;
	int error = arguments[1] ? user_copy_in(&given, arguments[1], sizeof(given)) : 0;
	if (!error)
		error = path_find(&inode, PATH_HERE, arguments[0], 0);
	if (error)
		return error;
	if (arguments[1]) {
		times[0] = (struct timespec){.tv_sec = given.actime};
		times[1] = (struct timespec){.tv_sec = given.modtime};
	}
	return change_times(inode, times);
}
