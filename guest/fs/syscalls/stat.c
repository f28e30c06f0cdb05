/* System calls that ask what describes a file, and a file system. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/layer.h"
#include "guest/fs/path.h"
#include "guest/fs/status.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"

#define FILE_NAME_USUAL 32 /* bytes of a name, where one must be guessed */

/* A file's time may lie before 1970: the nanoseconds are a number with a sign. */
static struct timespec to_timespec(uint64_t nanoseconds)
{
	const int64_t second = (int64_t)NANOSECONDS;
	int64_t seconds = (int64_t)nanoseconds / second, rest = (int64_t)nanoseconds % second;
	return rest < 0 ? (struct timespec){.tv_sec = seconds - 1, .tv_nsec = rest + second}
			: (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

/* What is open may have changed since its path was followed; what is gone is as it was. */
static void refresh(struct inode *inode)
{
	if (inode->layer && inode->layer->revalidate)
		(void)inode->layer->revalidate(inode);
}

static int64_t report_status(const struct inode *inode, uint64_t address)
{
	struct inode_status beyond;
	inode_get_status(inode, &beyond);
	struct stat status = {
	    .st_dev = beyond.device,
	    .st_ino = inode->number,
	    .st_nlink = beyond.links,
	    .st_mode = inode->mode,
	    .st_uid = inode->owner,
	    .st_gid = inode->group,
	    .st_rdev = inode->device,
	    .st_size = (off_t)inode->size,
	    .st_blksize = (blksize_t)GUEST_PAGE_SIZE,
	    .st_blocks = (blkcnt_t)beyond.blocks,
	    .st_atim = to_timespec(inode->accessed_ns),
	    .st_mtim = to_timespec(inode->modified_ns),
	    .st_ctim = to_timespec(inode->changed_ns),
	};
	return user_copy_out(address, &status, sizeof(status));
}

/* No path at all is an empty one for the calls that tell the status. */
static int find_inode(struct inode **inode, uint64_t directory, uint64_t path, uint64_t flags)
{
	if (path || !(flags & AT_EMPTY_PATH))
		return path_find(inode, directory, path, flags);
	int error = path_find_opened(inode, directory);
	if (!error)
		refresh(*inode);
	return error;
}

static int64_t status_at(uint64_t directory, uint64_t path, uint64_t address, uint64_t flags)
{
	struct inode *inode;
	if ((uint32_t)flags &
	    ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	int error = find_inode(&inode, directory, path, flags);
	return error ? error : report_status(inode, address);
}

SYSTEM_CALL(stat)
{
	return status_at(PATH_HERE, arguments[0], arguments[1], 0);
}

SYSTEM_CALL(lstat)
{
	return status_at(PATH_HERE, arguments[0], arguments[1], AT_SYMLINK_NOFOLLOW);
}

SYSTEM_CALL(newfstatat)
{
	return status_at(arguments[0], arguments[1], arguments[2], arguments[3]);
}

SYSTEM_CALL(fstat)
{
	struct file *file = descriptor_file((uint32_t)arguments[0]);
	if (!file)
		return -EBADF;
	refresh(file->inode);
	return report_status(file->inode, arguments[1]);
}

static struct statx_timestamp to_timestamp(uint64_t nanoseconds)
{
	struct timespec time = to_timespec(nanoseconds);
	return (struct statx_timestamp){
	    .tv_sec = time.tv_sec,
	    .tv_nsec = (uint32_t)time.tv_nsec,
	};
}

SYSTEM_CALL(statx)
{
	struct inode *inode;
	uint64_t flags = arguments[2];
	if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT |
				AT_STATX_SYNC_TYPE) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || arguments[3] & STATX__RESERVED)
		return -EINVAL;
	int error = find_inode(&inode, arguments[0], arguments[1], flags);
	if (error)
		return error;
	struct inode_status beyond;
	inode_get_status(inode, &beyond);
	struct statx status = {
	    .stx_mask = STATX_BASIC_STATS,
	    .stx_blksize = (uint32_t)GUEST_PAGE_SIZE,
	    .stx_nlink = (uint32_t)beyond.links,
	    .stx_uid = inode->owner,
	    .stx_gid = inode->group,
	    .stx_mode = (uint16_t)inode->mode,
	    .stx_ino = inode->number,
	    .stx_size = inode->size,
	    .stx_blocks = beyond.blocks,
	    .stx_atime = to_timestamp(inode->accessed_ns),
	    .stx_ctime = to_timestamp(inode->changed_ns),
	    .stx_mtime = to_timestamp(inode->modified_ns),
	    .stx_rdev_major = major(inode->device),
	    .stx_rdev_minor = minor(inode->device),
	    .stx_dev_major = major(beyond.device),
	    .stx_dev_minor = minor(beyond.device),
	};
	return user_copy_out(arguments[4], &status, sizeof(status));
}

/* The program is root: it may read and write everything, and execute what anybody may. */
static int64_t access_at(uint64_t directory, uint64_t path, uint64_t mode, uint64_t flags)
{
	struct inode *inode;
	if (mode & ~(uint64_t)(R_OK | W_OK | X_OK) ||
	    flags & ~(uint64_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int error = path_find(&inode, directory, path, flags & ~(uint64_t)AT_EACCESS);
	if (error)
		return error;
	if (mode & W_OK && inode->read_only)
		return -EROFS;
	return mode & X_OK && !S_ISDIR(inode->mode) && !(inode->mode & 0111) ? -EACCES : 0;
}

SYSTEM_CALL(access)
{
	return access_at(PATH_HERE, arguments[0], arguments[1], 0);
}

SYSTEM_CALL(faccessat)
{
	return access_at(arguments[0], arguments[1], arguments[2], 0);
}

SYSTEM_CALL(faccessat2)
{
	return access_at(arguments[0], arguments[1], arguments[2], arguments[3]);
}

static int64_t report_file_system(uint64_t address)
{
	/* A file takes memory for its inode, its name and a page; an empty one does without the
	 * page, so that many fit into a page that is free. */
	const uint64_t files_in_page =
	    GUEST_PAGE_SIZE / (sizeof(struct inode) + sizeof(struct dentry) + FILE_NAME_USUAL);
	struct statfs status = {
	    .f_type = TMPFS_MAGIC,
	    .f_bsize = (long)GUEST_PAGE_SIZE,
	    .f_blocks = pool_total_pages(),
	    .f_bfree = pool_free_pages(),
	    .f_bavail = pool_free_pages(),
	    .f_files = inode_count() + pool_free_pages() * files_in_page,
	    .f_ffree = pool_free_pages() * files_in_page,
	    .f_namelen = NAME_MAX,
	    .f_frsize = (long)GUEST_PAGE_SIZE,
	};
	return user_copy_out(address, &status, sizeof(status));
}

SYSTEM_CALL(statfs)
{
	struct inode *inode;
	int error = path_find(&inode, PATH_HERE, arguments[0], 0);
	return error ? error : report_file_system(arguments[1]);
}

SYSTEM_CALL(fstatfs)
{
	return descriptor_file((uint32_t)arguments[0]) ? report_file_system(arguments[1]) : -EBADF;
}

/* Files in memory: there is nothing to bring to safety. */
static int64_t synchronise(const uint64_t arguments[6], bool data_only)
{
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	const struct layer_changes *changes = inode_changes(file->inode);
	if (changes && !file->inode->read_only)
		return changes->synchronise(file->inode, data_only);
	return file->operations->stored || S_ISDIR(file->inode->mode) ? 0 : -EINVAL;
}

SYSTEM_CALL(fsync)
{
	return synchronise(arguments, false);
}

SYSTEM_CALL(fdatasync)
{
	return synchronise(arguments, true);
}

SYSTEM_CALL(sync)
{
	return 0;
}

SYSTEM_CALL(fadvise64)
{
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	if (S_ISFIFO(file->inode->mode))
		return -ESPIPE;
	if ((int64_t)arguments[2] < 0)
		return -EINVAL;
	return (uint32_t)arguments[3] > POSIX_FADV_NOREUSE ? -EINVAL : 0;
}
