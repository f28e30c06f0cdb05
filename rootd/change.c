/* Changing what is below a writable part; see change.h.
 *
 * Every path is opened beneath the part's own descriptor, without a link anywhere in it, and nothing
 * is opened to be written that was not found to be a regular file before: a link, device or pipe that
 * somebody else puts there meanwhile is no way out. Names are changed in a directory that is open.
 */
#include "change.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

#define OPEN_QUIETLY (O_NONBLOCK | O_NOCTTY)
#define PERMISSIONS  0777u /* neither set-user-ID, set-group-ID nor sticky */

/* A path: the part in which it lies, and where below that. */
struct place {
	const struct root_share *share;
	const char *rest; /* "": the part itself */
};

static bool changes_names(const struct root_request *request)
{
	return request->operation >= ROOT_MAKE;
}

static int find_place(const struct query *query, const char *path, struct place *place)
{
	place->share = root_shares_find(&query->served->shares, path, &place->rest);
	/* The part itself stays where it is. */
	if (place->share && !*place->rest && changes_names(&query->request))
		return query->request.operation == ROOT_MAKE ? -EEXIST : -EBUSY;
	if (!place->share || place->share->read_only)
		return -EROFS;
	/* Below a file there is nothing. */
	return place->share->is_directory || !*place->rest ? 0 : -ENOTDIR;
}

static int open_beneath(int directory, const char *path, int flags, uint32_t mode)
{
	struct open_how how = {
	    .flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
	    .mode = mode,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, directory, *path ? path : ".", &how, sizeof(how));
	/* A link came in between: the one who asks had found none. */
	return fd < 0 ? errno == ELOOP ? -ESTALE : -errno : (int)fd;
}

/* ── a file ──────────────────────────────────────────────────────────────────────────────────── */

/* What a place names, open; of a part that is a file, the part's own descriptor. */
struct target {
	int fd;
	bool is_borrowed;
	struct stat status;
};

static void close_target(const struct target *target)
{
	if (target->fd >= 0 && !target->is_borrowed)
		close(target->fd);
}

static bool is_served(uint32_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode);
}

/* Opens it with O_PATH, if it is what the request takes it for. */
static int find_target(const struct query *query, const struct place *place, struct target *target)
{
	*target = (struct target){.fd = -1};
	if (place->share->is_directory) {
		target->fd = open_beneath(place->share->fd, place->rest, O_PATH, 0);
		if (target->fd < 0)
			return target->fd;
	} else {
		target->fd = place->share->fd;
		target->is_borrowed = true;
	}
	if (fstat(target->fd, &target->status))
		return -errno;
	if (!is_served(target->status.st_mode) || query_is_kernels_own(target->fd))
		return -ENOENT;
	if (query->request.inode && (query->request.inode != target->status.st_ino ||
				     query->request.device != target->status.st_dev))
		return -ESTALE;
	return 0;
}

/* Opens what was found once more, in a way that lets it be changed. */
static int reopen(const struct place *place, struct target *target, int flags)
{
	struct stat opened;
	if (target->is_borrowed)
		return 0;
	cleanup_close int fd = open_beneath(place->share->fd, place->rest, flags | OPEN_QUIETLY, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &opened))
		return -errno;
	if (opened.st_dev != target->status.st_dev || opened.st_ino != target->status.st_ino)
		return -ESTALE;
	close(target->fd);
	target->fd = take_fd(&fd);
	return 0;
}

static int write_file(const struct root_request *request, int fd, struct root_answer *answer,
		      const uint8_t *extra)
{
	while (answer->next < request->length) {
		const struct iovec rest = {(void *)(uintptr_t)(extra + answer->next),
					   request->length - answer->next};
		ssize_t put = pwritev2(fd, &rest, 1, (off_t)(request->offset + answer->next),
				       request->flags & ROOT_APPEND ? RWF_APPEND : 0);
		/* What arrived is told; what went wrong, the next attempt will find out. */
		if (put < 0 && !answer->next)
			return -errno;
		if (put <= 0)
			break;
		answer->next += (uint64_t)put;
	}
	return 0;
}

static int allocate(const struct root_request *request, int fd)
{
	const int mode = (request->flags & ROOT_KEEP_SIZE ? FALLOC_FL_KEEP_SIZE : 0) |
			 (request->flags & ROOT_PUNCH ? FALLOC_FL_PUNCH_HOLE : 0);
	return fallocate(fd, mode, (off_t)request->offset, (off_t)request->length) ? -errno : 0;
}

static int synchronise(const struct root_request *request, int fd)
{
	return (request->flags & ROOT_DATA_ONLY ? fdatasync(fd) : fsync(fd)) ? -errno : 0;
}

static struct timespec time_of(const struct root_request *request, uint32_t flag, uint64_t time_ns)
{
	if (!(request->flags & flag))
		return (struct timespec){.tv_nsec = UTIME_OMIT};
	/* Before 1970 it is negative. */
	const int64_t second = (int64_t)NANOSECONDS_PER_SECOND;
	int64_t seconds = (int64_t)time_ns / second, rest = (int64_t)time_ns % second;
	if (rest < 0) {
		seconds--;
		rest += second;
	}
	return (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

/* By descriptor: a path could lead elsewhere by now. Only one that can be read or written can have its
 * permissions changed. */
static int change_mode(const struct query *query, const struct place *place, struct target *target)
{
	if (S_ISLNK(target->status.st_mode))
		return -EOPNOTSUPP;
	int result = reopen(place, target, O_RDONLY);
	if (result == -EACCES && S_ISREG(target->status.st_mode))
		result = reopen(place, target, O_WRONLY);
	if (result)
		return result;
	return fchmod(target->fd, query->request.mode & PERMISSIONS) ? -errno : 0;
}

static int change(const struct query *query, const struct place *place, struct target *target)
{
	const struct root_request *request = &query->request;
	const struct timespec times[2] = {
	    time_of(request, ROOT_SET_ACCESSED, request->accessed_ns),
	    time_of(request, ROOT_SET_MODIFIED, request->modified_ns),
	};
	if (request->flags & ROOT_SET_OWNER &&
	    fchownat(target->fd, "", request->owner, request->group, AT_EMPTY_PATH))
		return -errno;
	if (request->flags & (ROOT_SET_ACCESSED | ROOT_SET_MODIFIED) &&
	    utimensat(target->fd, "", times, AT_EMPTY_PATH))
		return -errno;
	return request->flags & ROOT_SET_MODE ? change_mode(query, place, target) : 0;
}

static int change_file(const struct query *query, const struct place *place, struct target *target,
		       struct root_answer *answer, const uint8_t *extra)
{
	const struct root_request *request = &query->request;
	const bool is_directory = S_ISDIR(target->status.st_mode);
	if (request->operation == ROOT_CHANGE)
		return change(query, place, target);
	if (!S_ISREG(target->status.st_mode) && !(request->operation == ROOT_SYNC && is_directory))
		return -ESTALE;
	int result = reopen(place, target, is_directory ? O_RDONLY | O_DIRECTORY : O_WRONLY);
	if (result)
		return result;
	switch (request->operation) {
	case ROOT_WRITE:
		return write_file(request, target->fd, answer, extra);
	case ROOT_RESIZE:
		return ftruncate(target->fd, (off_t)request->offset) ? -errno : 0;
	case ROOT_ALLOCATE:
		return allocate(request, target->fd);
	default:
		return synchronise(request, target->fd);
	}
}

static int describe(const struct query *query, int fd, struct root_answer *answer)
{
	struct stat status;
	if (fstat(fd, &status))
		return -errno;
	query_describe(&status, &answer->status);
	answer->status.flags = root_shares_flags(&query->served->shares, query->path);
	return 0;
}

static int serve_file(const struct query *query, const struct place *place,
		      struct root_answer *answer, const uint8_t *extra)
{
	struct target target;
	int result = find_target(query, place, &target);
	if (!result)
		result = change_file(query, place, &target, answer, extra);
	if (!result)
		result = describe(query, target.fd, answer);
	close_target(&target);
	return result;
}

/* ── names ───────────────────────────────────────────────────────────────────────────────────── */

/* Opens the directory of a place, and finds its name in that. Directories that a part is in stay as it
 * does: else it could be had by another path. */
static int open_parent(const struct query *query, const struct place *place, const char **name)
{
	char parent[ROOT_WIRE_PATH_MAX + 1];
	/* The rest is the end of the path. */
	if (root_shares_below(&query->served->shares, place->share->length
							  ? place->rest - place->share->length - 1
							  : place->rest))
		return -EBUSY;
	const char *slash = strrchr(place->rest, '/');
	const size_t length = slash ? (size_t)(slash - place->rest) : 0;
	memcpy(parent, place->rest, length);
	parent[length] = 0;
	*name = slash ? slash + 1 : place->rest;
	cleanup_close int fd = open_beneath(place->share->fd, parent, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	return query_is_kernels_own(fd) ? -ENOENT : take_fd(&fd);
}

/* What is not served is not there. */
static int check_served(int parent, const char *name)
{
	struct stat status;
	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return -errno;
	return is_served(status.st_mode) ? 0 : -ENOENT;
}

/* As Linux has it for a program of that user; who may not say so is the owner itself. */
static int give_away(const struct root_request *request, int fd)
{
	if (request->owner == geteuid() && request->group == getegid())
		return 0;
	return fchownat(fd, "", request->owner, request->group, AT_EMPTY_PATH) && errno != EPERM
		   ? -errno
		   : 0;
}

static int make_name(const struct query *query, int parent, const char *name)
{
	const uint32_t mode = query->request.mode;
	if (S_ISREG(mode))
		return open_beneath(parent, name, O_WRONLY | O_CREAT | O_EXCL | OPEN_QUIETLY,
				    mode & PERMISSIONS);
	const char *second = query->path + query->request.path_length + 1;
	if (S_ISDIR(mode) ? mkdirat(parent, name, mode & PERMISSIONS)
			  : symlinkat(second, parent, name))
		return -errno;
	return open_beneath(parent, name, O_PATH, 0);
}

static int serve_make(const struct query *query, const struct place *place,
		      struct root_answer *answer)
{
	const char *name;
	cleanup_close int parent = open_parent(query, place, &name);
	if (parent < 0)
		return parent;
	cleanup_close int made = make_name(query, parent, name);
	if (made < 0)
		return made;
	int result = give_away(&query->request, made);
	return result ? result : describe(query, made, answer);
}

static int serve_remove(const struct query *query, const struct place *place)
{
	const char *name;
	cleanup_close int parent = open_parent(query, place, &name);
	if (parent < 0)
		return parent;
	int result = check_served(parent, name);
	if (result)
		return result;
	return unlinkat(parent, name, query->request.flags & ROOT_DIRECTORY ? AT_REMOVEDIR : 0)
		   ? -errno
		   : 0;
}

static int change_names(const struct root_request *request, int from, const char *from_name, int to,
			const char *to_name)
{
	if (request->operation == ROOT_LINK)
		return linkat(from, from_name, to, to_name, 0) ? -errno : 0;
	const unsigned flags = (request->flags & ROOT_NO_REPLACE ? RENAME_NOREPLACE : 0) |
			       (request->flags & ROOT_EXCHANGE ? RENAME_EXCHANGE : 0);
	/* Without flags the C library would make another call. */
	return syscall(SYS_renameat2, from, from_name, to, to_name, flags) ? -errno : 0;
}

/* A part of its own is a border also where it is one file system. */
static int serve_two(const struct query *query, const struct place *place)
{
	struct place target;
	const char *from_name, *to_name;
	int result = find_place(query, query->path + query->request.path_length + 1, &target);
	if (result)
		return result;
	if (target.share != place->share)
		return -EXDEV;
	cleanup_close int from = open_parent(query, place, &from_name);
	if (from < 0)
		return from;
	cleanup_close int to = open_parent(query, &target, &to_name);
	if (to < 0)
		return to;
	result = check_served(from, from_name);
	return result ? result : change_names(&query->request, from, from_name, to, to_name);
}

int serve_change(const struct query *query, struct root_answer *answer, const uint8_t *extra)
{
	struct place place;
	int result = find_place(query, query->path, &place);
	if (result)
		return result;
	switch (query->request.operation) {
	case ROOT_MAKE:
		return serve_make(query, &place, answer);
	case ROOT_REMOVE:
		return serve_remove(query, &place);
	case ROOT_RENAME:
	case ROOT_LINK:
		return serve_two(query, &place);
	default:
		return serve_file(query, &place, answer, extra);
	}
}
