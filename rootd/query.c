/* Looking at what a request's path names; see query.h. */
#include "query.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

/* Not in the kernel's headers: fs/fuse/control.c, fs/configfs/mount.c, ipc/mqueue.c,
 * net/sunrpc/rpc_pipe.c, fs/nfsd/nfsctl.c. */
#define FUSECTL_MAGIC	 0x65735543
#define CONFIGFS_MAGIC	 0x62656570
#define MQUEUE_MAGIC	 0x19800202
#define RPC_PIPEFS_MAGIC 0x67596969
#define NFSD_MAGIC	 0x6e667364

int query_open_below(int directory, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, directory, *path ? path : ".", &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

bool query_is_kernels_own(int fd)
{
	struct statfs system;
	if (fstatfs(fd, &system))
		return true;
	switch ((uint64_t)system.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
	case SELINUX_MAGIC:
	case PSTOREFS_MAGIC:
	case EFIVARFS_MAGIC:
	case BPF_FS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case SMACK_MAGIC:
	case BINFMTFS_MAGIC:
	case RDTGROUP_SUPER_MAGIC:
	case FUSECTL_MAGIC:
	case CONFIGFS_MAGIC:
	case MQUEUE_MAGIC:
	case RPC_PIPEFS_MAGIC:
	case NFSD_MAGIC:
		return true;
	default:
		return false;
	}
}

static uint64_t to_nanoseconds(struct timespec time)
{
	if (time.tv_sec < 0)
		return 0;
	return (uint64_t)time.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)time.tv_nsec;
}

void query_describe(const struct stat *status, struct root_status *out)
{
	*out = (struct root_status){
	    .mode = status->st_mode,
	    .links = (uint32_t)status->st_nlink,
	    .owner = status->st_uid,
	    .group = status->st_gid,
	    .device = status->st_dev,
	    .inode = status->st_ino,
	    .size = (uint64_t)status->st_size,
	    .blocks = (uint64_t)status->st_blocks,
	    .accessed_ns = to_nanoseconds(status->st_atim),
	    .modified_ns = to_nanoseconds(status->st_mtim),
	    .changed_ns = to_nanoseconds(status->st_ctim),
	};
}

int query_look(const struct query *query, struct root_status *status)
{
	struct stat found;
	cleanup_close int fd = query_open_below(query->served->directory, query->path, O_PATH);
	if (fd < 0)
		return fd;
	if (fstat(fd, &found))
		return -errno;
	if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode) && !S_ISLNK(found.st_mode))
		return -ENOENT;
	if (query_is_kernels_own(fd))
		return -ENOENT;
	query_describe(&found, status);
	status->flags = root_shares_flags(&query->served->shares, query->path);
	return take_fd(&fd);
}
