#include "oci/root/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "oci/root/resolve.h"
#include "util/cleanup.h"

static int add(struct oci_parts *parts, const char *path, bool writable, struct error *error)
{
	if (parts->writable_count + parts->read_only_count == OCI_PARTS_MAX)
		return error_set(error, E2BIG,
				 "mounts and readonlyPaths: a container has up to %d files and "
				 "directories that are mounted or read only",
				 OCI_PARTS_MAX);
	if (writable)
		parts->writable[parts->writable_count++] = path;
	else
		parts->read_only[parts->read_only_count++] = path;
	return 0;
}

/* Files are opened to be written when the machine starts; one for which that fails (a program that
 * runs, one that is immutable) is to read only, which is no reason not to start. */
static bool opens_to_write(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cleanup_close int opened = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return opened >= 0;
}

/* Whatever made it so: the mount's options, those of a mount that it is a copy of, the file system. */
static int find_rights(int fd, bool *writable, bool *is_part)
{
	struct stat status;
	struct statvfs system;
	if (fstat(fd, &status) || fstatvfs(fd, &system))
		return -errno;
	*is_part = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
	*writable =
	    !(system.f_flag & ST_RDONLY) && (!S_ISREG(status.st_mode) || opens_to_write(fd));
	return 0;
}

static int add_path(const char *path, int root, struct oci_parts *parts, struct error *error)
{
	bool writable = false, is_part = false;
	cleanup_close int fd = resolve_in_root(root, path, RESOLVE_MAKE_NOTHING);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	const int result = fd < 0 ? fd : find_rights(fd, &writable, &is_part);
	if (result)
		return error_set_errno(error, -result, "cannot look at '%s' in the root", path);
	return is_part ? add(parts, path, writable, error) : 0;
}

static int add_root(int root, bool write_root, struct oci_parts *parts, struct error *error)
{
	bool writable = false, is_part = false;
	const int result = find_rights(root, &writable, &is_part);
	if (result)
		return error_set_errno(error, -result, "cannot look at the root");
	/* In memory, it can be written. */
	return write_root || !writable ? add(parts, "/", writable, error) : 0;
}

int oci_parts_find(const struct oci_config *config, int root, bool write_root,
		   struct oci_parts *parts, struct error *error)
{
	*parts = (struct oci_parts){0};
	int result = add_root(root, write_root, parts, error);
	for (size_t i = 0; i < config->mount_count && !result; i++)
		if (config->mounts[i].kind != OCI_MOUNT_NONE)
			result = add_path(config->mounts[i].destination, root, parts, error);
	for (size_t i = 0; !result && config->read_only_paths[i]; i++)
		result = add_path(config->read_only_paths[i], root, parts, error);
	return result;
}
