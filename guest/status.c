/* System calls that ask or change what describes a file: status, size, permissions, times. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utime.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "pool.h"
#include "served.h"
#include "text.h"

#define HERE	    ((uint64_t)AT_FDCWD)
#define TREE_DEVICE makedev(0, 1)
#define BLOCK_SIZE  512 /* the unit of st_blocks */

static uint64_t link_count(const struct node *node)
{
	if (S_ISDIR(node->mode))
		return 2 + (uint64_t)node->directory.subdirectories;
	/* Links that others have on the host count, too. */
	if (node->served)
		return node->links - 1UL + node->served->links;
	/* Pipes and event counters count as named once, though no path leads to them. */
	return S_ISREG(node->mode) || S_ISLNK(node->mode) || node->links ? node->links : 1;
}

static uint64_t block_count(const struct node *node)
{
	if (node->served && node->size == node->served->size)
		return node->served->blocks;
	if (!S_ISREG(node->mode))
		return 0;
	uint64_t pages = (node->size + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
	return pages * (GUEST_PAGE_SIZE / BLOCK_SIZE);
}

uint64_t node_file_system(const struct node *node)
{
	return node->served ? node->served->device : TREE_DEVICE;
}

/* A file's time may lie before 1970: the nanoseconds are a number with a sign. */
static struct timespec to_timespec(uint64_t nanoseconds)
{
	const int64_t second = (int64_t)NANOSECONDS;
	int64_t seconds = (int64_t)nanoseconds / second, rest = (int64_t)nanoseconds % second;
	return rest < 0 ? (struct timespec){.tv_sec = seconds - 1, .tv_nsec = rest + second}
			: (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

static int64_t report_status(const struct node *node, uint64_t address)
{
	struct stat status = {
	    .st_dev = node_file_system(node),
	    .st_ino = node->number,
	    .st_nlink = link_count(node),
	    .st_mode = node->mode,
	    .st_uid = node->owner,
	    .st_gid = node->group,
	    .st_rdev = node->device,
	    .st_size = (off_t)node->size,
	    .st_blksize = (blksize_t)GUEST_PAGE_SIZE,
	    .st_blocks = (blkcnt_t)block_count(node),
	    .st_atim = to_timespec(node->accessed_ns),
	    .st_mtim = to_timespec(node->modified_ns),
	    .st_ctim = to_timespec(node->changed_ns),
	};
	return user_copy_out(address, &status, sizeof(status));
}

static int64_t status_at(uint64_t directory, uint64_t path, uint64_t address, uint64_t flags)
{
	struct node *node;
	if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	int error = tree_find(&node, directory, path, flags);
	return error ? error : report_status(node, address);
}

int64_t call_stat(const uint64_t arguments[6])
{
	return status_at(HERE, arguments[0], arguments[1], 0);
}

int64_t call_lstat(const uint64_t arguments[6])
{
	return status_at(HERE, arguments[0], arguments[1], AT_SYMLINK_NOFOLLOW);
}

int64_t call_newfstatat(const uint64_t arguments[6])
{
	return status_at(arguments[0], arguments[1], arguments[2], arguments[3]);
}

int64_t call_fstat(const uint64_t arguments[6])
{
	struct file *file = descriptor_file((uint32_t)arguments[0]);
	return file ? report_status(file->node, arguments[1]) : -EBADF;
}

static struct statx_timestamp to_timestamp(uint64_t nanoseconds)
{
	struct timespec time = to_timespec(nanoseconds);
	return (struct statx_timestamp){
	    .tv_sec = time.tv_sec,
	    .tv_nsec = (uint32_t)time.tv_nsec,
	};
}

int64_t call_statx(const uint64_t arguments[6])
{
	struct node *node;
	uint64_t flags = arguments[2];
	if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT |
				AT_STATX_SYNC_TYPE) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || arguments[3] & STATX__RESERVED)
		return -EINVAL;
	int error = tree_find(&node, arguments[0], arguments[1], flags);
	if (error)
		return error;
	struct statx status = {
	    .stx_mask = STATX_BASIC_STATS,
	    .stx_blksize = (uint32_t)GUEST_PAGE_SIZE,
	    .stx_nlink = (uint32_t)link_count(node),
	    .stx_uid = node->owner,
	    .stx_gid = node->group,
	    .stx_mode = (uint16_t)node->mode,
	    .stx_ino = node->number,
	    .stx_size = node->size,
	    .stx_blocks = block_count(node),
	    .stx_atime = to_timestamp(node->accessed_ns),
	    .stx_ctime = to_timestamp(node->changed_ns),
	    .stx_mtime = to_timestamp(node->modified_ns),
	    .stx_rdev_major = major(node->device),
	    .stx_rdev_minor = minor(node->device),
	    .stx_dev_major = major(node_file_system(node)),
	    .stx_dev_minor = minor(node_file_system(node)),
	};
	return user_copy_out(arguments[4], &status, sizeof(status));
}

/* The program is root: it may read and write everything, and execute what anybody may. */
static int64_t access_at(uint64_t directory, uint64_t path, uint64_t mode, uint64_t flags)
{
	struct node *node;
	if (mode & ~(uint64_t)(R_OK | W_OK | X_OK) ||
	    flags & ~(uint64_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int error = tree_find(&node, directory, path, flags & ~(uint64_t)AT_EACCESS);
	if (error)
		return error;
	return mode & X_OK && !S_ISDIR(node->mode) && !(node->mode & 0111) ? -EACCES : 0;
}

int64_t call_access(const uint64_t arguments[6])
{
	return access_at(HERE, arguments[0], arguments[1], 0);
}

int64_t call_faccessat(const uint64_t arguments[6])
{
	return access_at(arguments[0], arguments[1], arguments[2], 0);
}

int64_t call_faccessat2(const uint64_t arguments[6])
{
	return access_at(arguments[0], arguments[1], arguments[2], arguments[3]);
}

static int64_t resize(struct node *node, uint64_t size)
{
	if ((int64_t)size < 0)
		return -EINVAL;
	if (S_ISDIR(node->mode))
		return -EISDIR;
	return S_ISREG(node->mode) ? contents_resize(node, size) : -EINVAL;
}

int64_t call_truncate(const uint64_t arguments[6])
{
	struct node *node;
	int error = tree_find(&node, HERE, arguments[0], 0);
	return error ? error : resize(node, arguments[1]);
}

int64_t call_ftruncate(const uint64_t arguments[6])
{
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	return file_writable(file) ? resize(file->node, arguments[1]) : -EINVAL;
}

int64_t call_fallocate(const uint64_t arguments[6])
{
	struct file *file = descriptor_file((uint32_t)arguments[0]);
	uint64_t end;
	if (!file || !file_writable(file))
		return -EBADF;
	if ((int64_t)arguments[2] < 0 || (int64_t)arguments[3] <= 0)
		return -EINVAL;
	if (arguments[1])
		return -EOPNOTSUPP;
	if (!S_ISREG(file->node->mode))
		return S_ISFIFO(file->node->mode) ? -ESPIPE : -ENODEV;
	if (__builtin_add_overflow(arguments[2], arguments[3], &end))
		return -EFBIG;
	return end > file->node->size ? contents_resize(file->node, end) : 0;
}

static int64_t change_mode(struct node *node, uint64_t mode)
{
	node->mode = (node->mode & S_IFMT) | ((uint32_t)mode & 07777);
	node_changed(node);
	return 0;
}

int64_t call_chmod(const uint64_t arguments[6])
{
	struct node *node;
	int error = tree_find(&node, HERE, arguments[0], 0);
	return error ? error : change_mode(node, arguments[1]);
}

int64_t call_fchmodat(const uint64_t arguments[6])
{
	struct node *node;
	int error = tree_find(&node, arguments[0], arguments[1], 0);
	return error ? error : change_mode(node, arguments[2]);
}

int64_t call_fchmod(const uint64_t arguments[6])
{
	struct file *file = descriptor_opened(arguments[0]);
	return file ? change_mode(file->node, arguments[1]) : -EBADF;
}

/* -1 leaves an id as it is. A program that runs as its owner loses that right. */
static int64_t change_owner(struct node *node, uint64_t owner, uint64_t group)
{
	if (!S_ISDIR(node->mode))
		node->mode &= ~(uint32_t)(node->mode & S_IXGRP ? S_ISUID | S_ISGID : S_ISUID);
	if ((int32_t)owner != -1)
		node->owner = (uint32_t)owner;
	if ((int32_t)group != -1)
		node->group = (uint32_t)group;
	node_changed(node);
	return 0;
}

static int64_t change_owner_at(uint64_t directory, uint64_t path, uint64_t owner, uint64_t group,
			       uint64_t flags)
{
	struct node *node;
	if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int error = tree_find(&node, directory, path, flags);
	return error ? error : change_owner(node, owner, group);
}

int64_t call_chown(const uint64_t arguments[6])
{
	return change_owner_at(HERE, arguments[0], arguments[1], arguments[2], 0);
}

int64_t call_lchown(const uint64_t arguments[6])
{
	return change_owner_at(HERE, arguments[0], arguments[1], arguments[2], AT_SYMLINK_NOFOLLOW);
}

int64_t call_fchownat(const uint64_t arguments[6])
{
	return change_owner_at(arguments[0], arguments[1], arguments[2], arguments[3],
			       arguments[4]);
}

int64_t call_fchown(const uint64_t arguments[6])
{
	struct file *file = descriptor_opened(arguments[0]);
	return file ? change_owner(file->node, arguments[1], arguments[2]) : -EBADF;
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

static int64_t change_times(struct node *node, const struct timespec times[2])
{
	uint64_t now = time_now_ns(true);
	uint64_t accessed = node->accessed_ns, modified = node->modified_ns;
	int64_t error = new_time(&times[0], now, &accessed);
	if (!error)
		error = new_time(&times[1], now, &modified);
	if (error)
		return error;
	node->accessed_ns = accessed;
	node->modified_ns = modified;
	node->changed_ns = now;
	return 0;
}

int64_t call_utimensat(const uint64_t arguments[6])
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	struct node *node;
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
		error = tree_find(&node, arguments[0], arguments[1], arguments[3]);
	} else {
		/* futimens() */
		if ((int32_t)arguments[0] == AT_FDCWD)
			return -EFAULT;
		if (arguments[3])
			return -EINVAL;
		struct file *file = descriptor_opened(arguments[0]);
		error = file ? 0 : -EBADF;
		node = file ? file->node : NULL;
	}
	return error ? error : change_times(node, times);
}

int64_t call_utime(const uint64_t arguments[6])
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	struct utimbuf given;
	struct node *node;
	int error = arguments[1] ? user_copy_in(&given, arguments[1], sizeof(given)) : 0;
	if (!error)
		error = tree_find(&node, HERE, arguments[0], 0);
	if (error)
		return error;
	if (arguments[1]) {
		times[0] = (struct timespec){.tv_sec = given.actime};
		times[1] = (struct timespec){.tv_sec = given.modtime};
	}
	return change_times(node, times);
}

static int64_t report_file_system(uint64_t address)
{
	struct statfs status = {
	    .f_type = TMPFS_MAGIC,
	    .f_bsize = (long)GUEST_PAGE_SIZE,
	    .f_blocks = pool_total_pages(),
	    .f_bfree = pool_free_pages(),
	    .f_bavail = pool_free_pages(),
	    .f_namelen = NAME_MAX,
	    .f_frsize = (long)GUEST_PAGE_SIZE,
	};
	return user_copy_out(address, &status, sizeof(status));
}

int64_t call_statfs(const uint64_t arguments[6])
{
	struct node *node;
	int error = tree_find(&node, HERE, arguments[0], 0);
	return error ? error : report_file_system(arguments[1]);
}

int64_t call_fstatfs(const uint64_t arguments[6])
{
	return descriptor_file((uint32_t)arguments[0]) ? report_file_system(arguments[1]) : -EBADF;
}

/* Files are memory: there is nothing to bring to safety. */
static int64_t synchronise(const uint64_t arguments[6])
{
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	return S_ISREG(file->node->mode) || S_ISDIR(file->node->mode) ? 0 : -EINVAL;
}

int64_t call_fsync(const uint64_t arguments[6])
{
	return synchronise(arguments);
}

int64_t call_fdatasync(const uint64_t arguments[6])
{
	return synchronise(arguments);
}

int64_t call_sync(const uint64_t arguments[6])
{
	return 0;
}

int64_t call_fadvise64(const uint64_t arguments[6])
{
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	if (S_ISFIFO(file->node->mode))
		return -ESPIPE;
	return arguments[3] > POSIX_FADV_NOREUSE ? -EINVAL : 0;
}
