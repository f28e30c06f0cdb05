/* Building a container's root; see root.h. */
#include "oci/root/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "oci/root/attach.h"
#include "oci/root/copy_up.h"
#include "oci/root/resolve.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define DATA_MAX 4096 /* what mount(2) takes: a page */

/* New file systems that are to be read-only become so at the end: other mounts may need directories
 * in them. */
struct building {
	const struct oci_config *config;
	struct oci_root *root;
	int bundle;
	int *read_only;
	size_t read_only_count;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* ── where it is ─────────────────────────────────────────────────────────────────────────────── */

static int find_root(const struct oci_config *config, const char *bundle, char path[PATH_MAX],
		     struct error *error)
{
	char joined[PATH_MAX];
	struct stat found, host;
	const bool absolute = *config->root == '/';
	if ((size_t)snprintf(joined, sizeof(joined), "%s%s%s", absolute ? "" : bundle,
			     absolute ? "" : "/", config->root) >= sizeof(joined))
		return error_set(error, ENAMETOOLONG, "root.path: too long");
	if (!realpath(joined, path) || stat(path, &found))
		return error_set_errno(error, errno, "root.path: '%s'", joined);
	if (!S_ISDIR(found.st_mode))
		return error_set(error, ENOTDIR, "root.path: '%s' is not a directory", path);
	if (stat("/", &host))
		return error_set_errno(error, errno, "cannot look at /");
	if (is_same(&found, &host))
		return error_set(error, EINVAL,
				 "root.path: '%s' is the host's own root: name a directory in it",
				 joined);
	return 0;
}

int oci_root_check(const struct oci_config *config, const char *bundle, struct error *error)
{
	char path[PATH_MAX];
	return find_root(config, bundle, path, error);
}

/* ── single mounts ───────────────────────────────────────────────────────────────────────────── */

/* Those that the library OS has, so that a mount of one has nothing to do. */
static bool is_usual_device(const struct stat *status)
{
	static const struct {
		unsigned major, minor;
	} usual[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}};
	for (size_t i = 0; S_ISCHR(status->st_mode) && i < ARRAY_SIZE(usual); i++)
		if (major(status->st_rdev) == usual[i].major &&
		    minor(status->st_rdev) == usual[i].minor)
			return true;
	return false;
}

static const char *kind_of(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISREG(mode))
		return "a file";
	if (S_ISSOCK(mode))
		return "a socket";
	if (S_ISFIFO(mode))
		return "a pipe";
	return "a device";
}

/* Finds, or makes, what a mount is put on. A descriptor. */
static int find_destination(const struct building *building, const char *destination,
			    bool directory, struct error *error)
{
	struct stat found, root;
	cleanup_close int fd =
	    resolve_in_root(building->root->directory, destination,
			    directory ? RESOLVE_MAKE_DIRECTORY : RESOLVE_MAKE_FILE);
	if (fd < 0)
		return error_set_errno(error, -fd, "destination '%s'", destination);
	if (fstat(fd, &found) || fstat(building->root->directory, &root))
		return error_set_errno(error, errno, "destination '%s'", destination);
	if (is_same(&found, &root))
		return error_set(error, EINVAL, "destination '%s' leads to the root itself",
				 destination);
	if (directory != S_ISDIR(found.st_mode))
		return error_set(error, directory ? ENOTDIR : EISDIR,
				 "destination '%s' is %s, and %s is to be mounted there",
				 destination, kind_of(found.st_mode),
				 directory ? "a directory" : "a file");
	return take_fd(&fd);
}

static int mount_bind(struct building *building, const struct oci_mount *mount, struct error *error)
{
	struct stat status;
	cleanup_close int copy = attach_copy(building->bundle, mount->source, mount->recursive);
	if (copy < 0)
		return error_set_errno(error, -copy, "source '%s'", mount->source);
	if (fstat(copy, &status))
		return error_set_errno(error, errno, "source '%s'", mount->source);
	if (is_usual_device(&status))
		return 0;
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return error_set(error, EINVAL,
				 "source '%s' is %s: guests have files and directories of the "
				 "host, and nothing else",
				 mount->source, kind_of(status.st_mode));
	cleanup_close int destination =
	    find_destination(building, mount->destination, S_ISDIR(status.st_mode), error);
	if (destination < 0)
		return destination;
	int result = attach_set(copy, true, mount->recursive_flags, mount->propagation);
	if (!result)
		result = attach_set(copy, false, mount->flags, 0);
	if (!result)
		result = attach_move(copy, destination);
	return result ? error_set_errno(error, -result, "cannot mount '%s' on '%s'", mount->source,
					mount->destination)
		      : 0;
}

static int join_data(const struct oci_mount *mount, char data[DATA_MAX], struct error *error)
{
	size_t used = 0;
	*data = 0;
	for (size_t i = 0; mount->data[i]; i++) {
		used += (size_t)snprintf(data + used, DATA_MAX - used, "%s%s", used ? "," : "",
					 mount->data[i]);
		if (used >= DATA_MAX)
			return error_set(error, E2BIG, "options: more than %d bytes", DATA_MAX);
	}
	return 0;
}

/* What is mounted on that destination. A descriptor. */
static int find_mounted(const struct building *building, const struct oci_mount *mount,
			struct error *error)
{
	const int fd =
	    resolve_in_root(building->root->directory, mount->destination, RESOLVE_MAKE_NOTHING);
	return fd < 0 ? error_set_errno(error, -fd, "destination '%s'", mount->destination) : fd;
}

static int set_read_only_later(struct building *building, const struct oci_mount *mount,
			       struct error *error)
{
	if (!((mount->flags | mount->recursive_flags) & MOUNT_ATTR_RDONLY))
		return 0;
	const int mounted = find_mounted(building, mount, error);
	if (mounted < 0)
		return mounted;
	building->read_only[building->read_only_count++] = mounted;
	return 0;
}

/* `destination`: what it is mounted on. */
static int mount_on(const struct oci_mount *mount, const char *type, int destination,
		    struct error *error)
{
	char data[DATA_MAX];
	const uint64_t flags = mount->flags | mount->recursive_flags;
	int result = join_data(mount, data, error);
	if (result)
		return result;
	result = attach_new(destination, type, flags & ~(uint64_t)MOUNT_ATTR_RDONLY, data);
	return result ? error_set_errno(error, -result, "cannot mount %s on '%s' with '%s'", type,
					mount->destination, data)
		      : 0;
}

static int mount_new(struct building *building, const struct oci_mount *mount, const char *type,
		     struct error *error)
{
	cleanup_close int destination = find_destination(building, mount->destination, true, error);
	if (destination < 0)
		return destination;
	const int result = mount_on(mount, type, destination, error);
	return result ? result : set_read_only_later(building, mount, error);
}

static bool names_mode(const struct oci_mount *mount)
{
	for (size_t i = 0; mount->data[i]; i++)
		if (!strncmp(mount->data[i], "mode=", 5))
			return true;
	return false;
}

static int mount_copy_up(struct building *building, const struct oci_mount *mount,
			 struct error *error)
{
	const uint64_t flags = mount->flags | mount->recursive_flags;
	cleanup_close int lower = find_destination(building, mount->destination, true, error);
	int result = lower < 0 ? lower : mount_on(mount, "tmpfs", lower, error);
	if (result)
		return result;
	cleanup_close int system = find_mounted(building, mount, error);
	if (system < 0)
		return system;
	result = copy_up(lower, system, names_mode(mount), flags & ~(uint64_t)MOUNT_ATTR_RDONLY);
	return result ? error_set_errno(error, -result,
					"cannot have on '%s' what is there: mount it without "
					"tmpcopyup",
					mount->destination)
		      : set_read_only_later(building, mount, error);
}

static int mount_one(struct building *building, const struct oci_mount *mount, struct error *error)
{
	switch (mount->kind) {
	case OCI_MOUNT_BIND:
		return mount_bind(building, mount, error);
	case OCI_MOUNT_TMPFS:
		return mount_new(building, mount, "tmpfs", error);
	case OCI_MOUNT_OVERLAY:
		return mount_new(building, mount, "overlay", error);
	case OCI_MOUNT_COPY_UP:
		return mount_copy_up(building, mount, error);
	case OCI_MOUNT_NONE:
		break;
	}
	return 0;
}

/* ── paths that are hidden or kept as they are ───────────────────────────────────────────────── */

/* What is not there, or is led to by nothing but links, is fine. */
static bool is_absent(int result)
{
	return result == -ENOENT || result == -ENOTDIR || result == -ELOOP;
}

/* Where a path of the list leads. 1, or 0 where there is nothing. */
static int find(const struct building *building, const char *list, const char *path, int *out,
		struct stat *found, bool *is_root, struct error *error)
{
	struct stat root;
	cleanup_close int fd =
	    resolve_in_root(building->root->directory, path, RESOLVE_MAKE_NOTHING);
	if (is_absent(fd))
		return 0;
	if (fd < 0 || fstat(fd, found) || fstat(building->root->directory, &root))
		return error_set_errno(error, fd < 0 ? -fd : errno, "%s: '%s'", list, path);
	*is_root = is_same(found, &root);
	*out = take_fd(&fd);
	return 1;
}

static int mask(const struct building *building, const char *path, struct error *error)
{
	struct stat status = {0};
	bool is_root = false;
	cleanup_close int fd = -1;
	int result = find(building, "maskedPaths", path, &fd, &status, &is_root, error);
	if (result <= 0)
		return result;
	if (is_root)
		return error_set(error, EINVAL, "maskedPaths: '%s' is the root itself", path);
	if (S_ISDIR(status.st_mode)) {
		result = attach_new(fd, "tmpfs", MOUNT_ATTR_RDONLY, "size=4k,nr_inodes=1,mode=000");
	} else {
		cleanup_close int null = attach_copy(AT_FDCWD, "/dev/null", false);
		result = null < 0 ? null : attach_move(null, fd);
	}
	return result ? error_set_errno(error, -result, "maskedPaths: cannot hide '%s'", path) : 0;
}

static int keep(const struct building *building, const char *path, struct error *error)
{
	struct stat status = {0};
	bool is_root = false;
	cleanup_close int fd = -1;
	int result = find(building, "readonlyPaths", path, &fd, &status, &is_root, error);
	if (result <= 0)
		return result;
	if (is_root) {
		result = attach_set(building->root->directory, true, MOUNT_ATTR_RDONLY, 0);
		return result ? error_set_errno(error, -result, "readonlyPaths: '%s'", path) : 0;
	}
	cleanup_close int copy = attach_copy(fd, "", true);
	result = copy < 0 ? copy : attach_set(copy, true, MOUNT_ATTR_RDONLY, 0);
	if (!result)
		result = attach_move(copy, fd);
	return result ? error_set_errno(error, -result, "readonlyPaths: '%s'", path) : 0;
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

/* Mounts the root onto itself, so that what is set for it is not set for the host's mount. */
static int mount_root(struct building *building, struct error *error)
{
	struct oci_root *root = building->root;
	/* Mounts of the host come here, also when they end, and none goes there. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return error_set_errno(error, errno, "cannot leave the host's mounts");
	cleanup_close int place = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int copy = place < 0 ? -errno : attach_copy(place, "", true);
	int result =
	    copy < 0 ? copy : attach_set(copy, true, 0, building->config->root_propagation);
	if (!result)
		result = attach_move(copy, place);
	if (result)
		return error_set_errno(error, -result, "root.path: cannot mount '%s'", root->path);
	root->directory = take_fd(&copy);
	return 0;
}

static int build(struct building *building, struct error *error)
{
	const struct oci_config *config = building->config;
	int result = mount_root(building, error);
	for (size_t i = 0; i < config->mount_count && !result; i++) {
		result = mount_one(building, &config->mounts[i], error);
		if (result)
			return error_wrap(error, "mounts[%zu]", i);
	}
	for (size_t i = 0; !result && config->masked_paths[i]; i++)
		result = mask(building, config->masked_paths[i], error);
	for (size_t i = 0; !result && config->read_only_paths[i]; i++)
		result = keep(building, config->read_only_paths[i], error);
	for (size_t i = 0; !result && i < building->read_only_count; i++)
		if ((result = attach_set(building->read_only[i], false, MOUNT_ATTR_RDONLY, 0)))
			error_set_errno(error, -result, "cannot make a mount read-only");
	if (!result && config->root_read_only &&
	    (result = attach_set(building->root->directory, false, MOUNT_ATTR_RDONLY, 0)))
		error_set_errno(error, -result, "root.readonly: cannot set it");
	return result;
}

int oci_root_build(const struct oci_config *config, const char *bundle, struct oci_root *root,
		   struct error *error)
{
	*root = (struct oci_root)OCI_ROOT_NONE;
	int result = find_root(config, bundle, root->path, error);
	if (result)
		return result;
	cleanup_close int directory = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return error_set_errno(error, errno, "bundle '%s'", bundle);
	cleanup_free int *read_only = calloc(config->mount_count + 1, sizeof(*read_only));
	if (!read_only)
		return error_set(error, ENOMEM, "no memory for the mounts");
	struct building building = {
	    .config = config, .root = root, .bundle = directory, .read_only = read_only};
	result = build(&building, error);
	for (size_t i = 0; i < building.read_only_count; i++)
		close(read_only[i]);
	if (result)
		oci_root_close(root);
	return result;
}

void oci_root_close(struct oci_root *root)
{
	if (root->directory >= 0)
		close(root->directory);
	root->directory = -1;
}
