/* Whose files are believed; see trust.h.
 *
 * Each step is looked at by its name. That is no race: who could change what a name means between
 * two looks is somebody who may write one of the directories before it, and then the walk ends.
 */
#include "util/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

#define LINKS_MAX  40 /* as many as the kernel follows */
#define ENTRY_SIZE 4096

/* ── who ─────────────────────────────────────────────────────────────────────────────────────── */

/* True where this user namespace knows root. Where it does not (bubblewrap), what belongs to root
 * outside shows as the overflow user's, and nothing inside can. */
static bool root_is_mapped(void)
{
	cleanup_fclose FILE *map = fopen("/proc/self/uid_map", "re");
	uintmax_t inside, outside, count;
	if (!map)
		return true;
	while (fscanf(map, "%ju %ju %ju", &inside, &outside, &count) == 3)
		if (inside == 0 && count)
			return true;
	return false;
}

static bool is_overflow_user(uid_t user)
{
	cleanup_fclose FILE *file = fopen("/proc/sys/kernel/overflowuid", "re");
	uintmax_t overflow;
	return file && fscanf(file, "%ju", &overflow) == 1 && overflow == user;
}

/* The owner of the running program may do all that this process may. */
static bool owns_program(uid_t user)
{
	struct stat program;
	return !stat("/proc/self/exe", &program) && program.st_uid == user;
}

static bool may_own(uid_t user)
{
	return user == 0 || user == geteuid() || owns_program(user) ||
	       (is_overflow_user(user) && !root_is_mapped());
}

/* The name of `user` where `group` is his primary group and nobody else's; false otherwise. */
static bool has_primary_group_alone(uid_t user, gid_t group, char name[ENTRY_SIZE])
{
	cleanup_fclose FILE *file = fopen("/etc/passwd", "re");
	struct passwd entry, *found;
	char text[ENTRY_SIZE];
	bool has = false;
	while (file && !fgetpwent_r(file, &entry, text, sizeof(text), &found)) {
		if (entry.pw_gid != group)
			continue;
		if (entry.pw_uid != user)
			return false;
		snprintf(name, ENTRY_SIZE, "%s", entry.pw_name);
		has = true;
	}
	return has;
}

static bool has_only_member(gid_t group, const char *name)
{
	cleanup_fclose FILE *file = fopen("/etc/group", "re");
	struct group entry, *found;
	char text[ENTRY_SIZE];
	int result = file ? 0 : ENOENT;
	while (!result && !(result = fgetgrent_r(file, &entry, text, sizeof(text), &found)))
		for (char **member = entry.gr_mem; entry.gr_gid == group && *member; member++)
			if (strcmp(*member, name) != 0)
				return false;
	/* A line that is too long for our buffer ends the loop before the end of the list. */
	return result == ENOENT && file;
}

/* Debian and others give each user a group of his own, and homes that it may write. From the files
 * and not through the C library's services, which a process without its rights cannot reach. */
static bool is_private_group(uid_t user, gid_t group)
{
	char name[ENTRY_SIZE];
	return has_primary_group_alone(user, group, name) && has_only_member(group, name);
}

/* ── what ────────────────────────────────────────────────────────────────────────────────────── */

static const char *find_fault(const struct stat *status)
{
	if (!may_own(status->st_uid))
		return "belongs to another user";
	if (S_ISLNK(status->st_mode))
		return NULL; /* everybody may "write" a link */
	if (S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX))
		return NULL;
	if (status->st_mode & S_IWOTH)
		return "can be written by everybody";
	if ((status->st_mode & S_IWGRP) && !is_private_group(status->st_uid, status->st_gid))
		return "can be written by its group";
	return NULL;
}

static int look_at(const char *step, const char *path, struct stat *status, struct error *error)
{
	if (lstat(step, status))
		return error_set_errno(error, errno, "cannot look at %s", step);
	const char *fault = find_fault(status);
	if (!fault)
		return 0;
	const bool owner = !may_own(status->st_uid);
	return error_set(error, EPERM,
			 "%s is not taken: %s %s (user %u, group %u, mode %04o), who could put "
			 "something else there; %s, or use another place",
			 path, strcmp(step, path) != 0 ? step : "it", fault, status->st_uid,
			 status->st_gid, status->st_mode & 07777,
			 owner ? "make it yours (chown)" : "take that right away (chmod go-w)");
}

int trust_open_file(int fd, const char *path, struct error *error)
{
	struct stat status;
	struct statx more;
	if (fstat(fd, &status))
		return error_set_errno(error, errno, "cannot look at %s", path);
	const char *fault = find_fault(&status);
	if (!fault || (!statx(fd, "", AT_EMPTY_PATH, STATX_MODE, &more) &&
		       more.stx_attributes & (STATX_ATTR_VERITY | STATX_ATTR_IMMUTABLE)))
		return 0;
	return error_set(error, EPERM,
			 "%s %s (user %u, group %u, mode %04o), who could change it while it is in "
			 "use; %s",
			 path, fault, status.st_uid, status.st_gid, status.st_mode & 07777,
			 may_own(status.st_uid) ? "take that right away (chmod go-w)"
						: "make a copy of it, or let root have it");
}

/* A walk along a path: what it has come to, without links and dots, and what is to come. */
struct walk {
	char done[PATH_MAX], rest[PATH_MAX];
	unsigned links;
};

/* `more` comes before what is to come. */
static bool prepend(struct walk *walk, const char *more)
{
	char rest[PATH_MAX];
	int length = snprintf(rest, sizeof(rest), "%s/%s", more, walk->rest);
	if (length < 0 || (size_t)length >= sizeof(rest))
		return false;
	memcpy(walk->rest, rest, (size_t)length + 1);
	if (*more == '/')
		walk->done[0] = 0;
	return true;
}

static int start(struct walk *walk, const char *path)
{
	char here[PATH_MAX];
	*walk = (struct walk){.links = 0};
	const size_t length = strlen(path);
	if (length >= sizeof(walk->rest))
		return ENAMETOOLONG;
	memcpy(walk->rest, path, length + 1);
	if (*path == '/')
		return 0;
	if (!getcwd(here, sizeof(here)))
		return errno;
	return prepend(walk, here) ? 0 : ENAMETOOLONG;
}

static int follow_link(struct walk *walk)
{
	char target[PATH_MAX];
	ssize_t length = readlink(walk->done, target, sizeof(target) - 1);
	if (length < 0)
		return errno;
	target[length] = 0;
	if (++walk->links > LINKS_MAX)
		return ELOOP;
	*strrchr(walk->done, '/') = 0;
	return prepend(walk, target) ? 0 : ENAMETOOLONG;
}

/* Takes the next name off what is to come and goes there: 0, or an errno. *more: it is a name
 * below, and neither "." nor ".." nor the end. */
static int step_on(struct walk *walk, bool *more)
{
	char *name = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(name, "/"), used = strlen(walk->done);
	*more = false;
	if (length == 2 && !memcmp(name, "..", 2)) {
		if (used)
			*strrchr(walk->done, '/') = 0;
	} else if (length && !(length == 1 && *name == '.')) {
		if (used + 1 + length >= sizeof(walk->done))
			return ENAMETOOLONG;
		walk->done[used] = '/';
		memcpy(walk->done + used + 1, name, length);
		walk->done[used + 1 + length] = 0;
		*more = true;
	}
	memmove(walk->rest, name + length, strlen(name + length) + 1);
	return 0;
}

int trust_path(const char *path, struct error *error)
{
	struct walk walk;
	struct stat status;
	int code = start(&walk, path), result = 0;
	if (!code)
		result = look_at("/", path, &status, error);
	while (!code && !result && walk.rest[0]) {
		bool more;
		code = step_on(&walk, &more);
		if (code || !more)
			continue;
		result = look_at(walk.done, path, &status, error);
		if (!result && S_ISLNK(status.st_mode))
			code = follow_link(&walk);
	}
	return code ? error_set_errno(error, code, "cannot look at %s", path) : result;
}

int trust_path_beside(const char *path, const char *known, struct error *error)
{
	struct error fault = {0};
	int result = trust_path(path, &fault);
	if (result == -EPERM && trust_path(known, NULL) == -EPERM)
		return 0;
	if (result && error)
		*error = fault;
	return result;
}
