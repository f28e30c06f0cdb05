#include "oci/root/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define LINKS_MAX 40 /* as the kernel has it: include/linux/namei.h, MAXSYMLINKS */
#define TRIES_MAX 64 /* against somebody who renames what is on the way */

static int open_in(int root, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
	    .flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	for (unsigned i = 0; i < TRIES_MAX; i++) {
		const long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			return fd < 0 ? -errno : (int)fd;
	}
	return -EAGAIN;
}

/* A path on its way: `done` has no link and no "..", `rest` is still to go. Neither begins with a
 * slash. */
struct walk {
	int root;
	enum resolve_make make;
	unsigned links;
	char done[PATH_MAX], rest[PATH_MAX], next[NAME_MAX + 1];
};

/* Moves the first name of `rest` to `next`. False: there is none. */
static bool take_name(struct walk *walk, int *result)
{
	const size_t skipped = strspn(walk->rest, "/");
	const size_t length = strcspn(walk->rest + skipped, "/");
	*result = length > NAME_MAX ? -ENAMETOOLONG : 0;
	if (!length || *result)
		return false;
	memcpy(walk->next, walk->rest + skipped, length);
	walk->next[length] = 0;
	memmove(walk->rest, walk->rest + skipped + length,
		strlen(walk->rest + skipped + length) + 1);
	return true;
}

static bool is_last(const struct walk *walk)
{
	return !walk->rest[strspn(walk->rest, "/")];
}

static void go_up(struct walk *walk)
{
	char *slash = strrchr(walk->done, '/');
	*(slash ? slash : walk->done) = 0;
}

/* Makes `next` in `done`. */
static int make_next(const struct walk *walk)
{
	cleanup_close int parent =
	    open_in(walk->root, walk->done, O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (parent < 0)
		return parent;
	if (!is_last(walk) || walk->make == RESOLVE_MAKE_DIRECTORY)
		return mkdirat(parent, walk->next, 0755) && errno != EEXIST ? -errno : 0;
	cleanup_close int file =
	    openat(parent, walk->next, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	return file < 0 && errno != EEXIST ? -errno : 0;
}

/* Puts what a link says in front of the rest. */
static int follow(struct walk *walk, int link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	const ssize_t length = readlinkat(link, "", target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = 0;
	const int used = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);
	if (used < 0 || (size_t)used >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(walk->rest, rest, (size_t)used + 1);
	if (*target == '/')
		*walk->done = 0;
	return 0;
}

/* One step: into a directory, along a link, or to what is not a directory and last. */
static int step(struct walk *walk)
{
	char path[PATH_MAX];
	struct stat status;
	if (!strcmp(walk->next, "."))
		return 0;
	if (!strcmp(walk->next, "..")) {
		go_up(walk);
		return 0;
	}
	const int used =
	    snprintf(path, sizeof(path), "%s%s%s", walk->done, *walk->done ? "/" : "", walk->next);
	if (used < 0 || (size_t)used >= sizeof(path))
		return -ENAMETOOLONG;
	cleanup_close int fd = open_in(walk->root, path, O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	if (fd == -ENOENT) {
		const int result = make_next(walk);
		if (result)
			return result;
		fd = open_in(walk->root, path, O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &status))
		return -errno;
	if (S_ISLNK(status.st_mode))
		return follow(walk, fd);
	if (!S_ISDIR(status.st_mode) && !is_last(walk))
		return -ENOTDIR;
	memcpy(walk->done, path, (size_t)used + 1);
	return 0;
}

int resolve_in_root(int root, const char *path, enum resolve_make make)
{
	struct walk walk = {.root = root, .make = make};
	int result = open_in(root, path, 0, 0);
	if (result != -ENOENT || make == RESOLVE_MAKE_NOTHING)
		return result;
	if (strlen(path) >= sizeof(walk.rest))
		return -ENAMETOOLONG;
	memcpy(walk.rest, path, strlen(path) + 1);
	result = 0;
	while (!result && take_name(&walk, &result))
		result = step(&walk);
	return result ? result : open_in(root, walk.done, 0, RESOLVE_NO_SYMLINKS);
}
