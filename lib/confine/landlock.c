/* Landlock by its system calls; see landlock.h. The C library has no functions for them, and the
 * kernel's header is often older than the kernel.
 * Reference: Documentation/userspace-api/landlock.rst. */
#include "confine/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

/* Versions 1 to 6 of struct landlock_ruleset_attr; a kernel takes as much of it as it knows. */
struct ruleset {
	uint64_t files, network, scopes;
};

#define VERSION_RENAMES	 2 /* rights that came with a version */
#define VERSION_TRUNCATE 3
#define VERSION_NETWORK	 4
#define VERSION_DEVICES	 5
#define VERSION_SCOPES	 6

#define FILES_FIRST	(LANDLOCK_ACCESS_FS_REFER - 1) /* all of version 1 */
#define FILES_TRUNCATE	(1ULL << 14)
#define FILES_DEVICES	(1ULL << 15) /* ioctls */
#define NETWORK_BIND	1ULL	     /* TCP */
#define NETWORK_CONNECT 2ULL
#define NETWORK_ALL	(NETWORK_BIND | NETWORK_CONNECT)
#define SCOPES_ALL	3ULL /* abstract Unix sockets, signals */

#define RIGHTS_READ    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_EXECUTE (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE)
#define RIGHTS_DEVICE  (LANDLOCK_ACCESS_FS_WRITE_FILE | FILES_DEVICES)
#define RIGHTS_WRITE                                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER |   \
	 FILES_TRUNCATE)
#define RIGHTS_KEEP ((RIGHTS_WRITE & ~LANDLOCK_ACCESS_FS_MAKE_SOCK) | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* The only rights that a rule for something other than a directory may name. */
#define RIGHTS_OF_FILES                                                                            \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                            \
	 LANDLOCK_ACCESS_FS_EXECUTE | FILES_TRUNCATE | FILES_DEVICES)

int confine_landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0UL, 1U);
	return version < 0 ? -errno : (int)version;
}

static struct ruleset ruleset_of_version(int version)
{
	struct ruleset ruleset = {.files = FILES_FIRST};
	if (version >= VERSION_RENAMES)
		ruleset.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= VERSION_TRUNCATE)
		ruleset.files |= FILES_TRUNCATE;
	if (version >= VERSION_DEVICES)
		ruleset.files |= FILES_DEVICES;
	if (version >= VERSION_NETWORK)
		ruleset.network = NETWORK_ALL;
	if (version >= VERSION_SCOPES)
		ruleset.scopes = SCOPES_ALL;
	return ruleset;
}

static size_t ruleset_size(int version)
{
	if (version >= VERSION_SCOPES)
		return sizeof(struct ruleset);
	return version >= VERSION_NETWORK ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static uint64_t rights_of(unsigned access)
{
	return (access & CONFINE_READ ? RIGHTS_READ : 0) |
	       (access & CONFINE_EXECUTE ? RIGHTS_EXECUTE : 0) |
	       (access & CONFINE_WRITE ? RIGHTS_WRITE : 0) |
	       (access & CONFINE_KEEP ? RIGHTS_KEEP : 0) |
	       (access & CONFINE_DEVICE ? RIGHTS_DEVICE : 0);
}

static int add_path(int ruleset, uint64_t handled, const struct confine_path *path,
		    struct error *error)
{
	cleanup_close int opened = path->path ? open(path->path, O_PATH | O_CLOEXEC) : -1;
	if (path->path && opened < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
			return 0;
		return error_set_errno(error, errno, "cannot open %s", path->path);
	}
	struct landlock_path_beneath_attr rule = {
	    .parent_fd = path->path ? opened : path->fd,
	    .allowed_access = rights_of(path->access) & handled,
	};
	struct stat status;
	if (fstat(rule.parent_fd, &status))
		return error_set_errno(error, errno, "cannot look at what is to be permitted");
	if (!S_ISDIR(status.st_mode))
		rule.allowed_access &= RIGHTS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return error_set_errno(error, errno, "landlock_add_rule failed");
	return 0;
}

int confine_landlock(const struct confine_path *paths, size_t count, unsigned network,
		     struct error *error)
{
	int version = confine_landlock_version();
	if (version == -ENOSYS)
		return error_set(error, ENOSYS,
				 "the kernel is older than 5.13 or built without it");
	if (version < 0)
		return error_set(error, -version, "the kernel was started without it (lsm=)");
	struct ruleset handled = ruleset_of_version(version);
	handled.network &= ~((network & CONFINE_CONNECTS ? NETWORK_CONNECT : 0) |
			     (network & CONFINE_LISTENS ? NETWORK_BIND : 0));
	cleanup_close int ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &handled, ruleset_size(version), 0U);
	if (ruleset < 0)
		return error_set_errno(error, errno, "landlock_create_ruleset failed");
	for (size_t i = 0; i < count; i++) {
		int result = add_path(ruleset, handled.files, &paths[i], error);
		if (result)
			return result;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0U))
		return error_set_errno(error, errno, "landlock_restrict_self failed");
	return version;
}
