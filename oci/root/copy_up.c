#include "oci/root/copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/root/attach.h"
#include "util/cleanup.h"

/* 1, 0 or a negative errno. */
static int is_empty(int directory)
{
	const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		const int result = -errno;
		if (fd >= 0)
			close(fd);
		return result;
	}
	bool found = false;
	const struct dirent *entry;
	while (!found && (entry = readdir(stream)))
		found = strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(stream);
	return !found;
}

static int dress(int system, const char *name, const struct stat *wanted)
{
	cleanup_close int fd = openat(system, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fchown(fd, wanted->st_uid, wanted->st_gid) ||
	    fchmod(fd, wanted->st_mode & 07777))
		return -errno;
	return 0;
}

int copy_up(int lower, int system, bool own_mode, uint64_t flags)
{
	struct stat status;
	char data[160];
	const int empty = is_empty(lower);
	if (empty < 0 || fstat(own_mode ? system : lower, &status))
		return empty < 0 ? empty : -errno;
	if (empty) {
		const int result = dress(system, ".", &status);
		return result ? result : attach_set(system, false, flags, 0);
	}
	if (mkdirat(system, "upper", 0755) || mkdirat(system, "work", 0700))
		return -errno;
	const int result = dress(system, "upper", &status);
	if (result)
		return result;
	snprintf(data, sizeof(data),
		 "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d/upper,"
		 "workdir=/proc/self/fd/%d/work",
		 lower, system, system);
	return attach_new(system, "overlay", flags, data);
}
