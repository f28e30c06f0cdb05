/* The parts of a root directory that are not as the rest of it; see shares.h. */
#include "root_server/shares.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mayfly/root_wire.h"
#include "util/cleanup.h"

/* Of a part in a setup's message; its path follows. */
struct share_header {
	uint16_t length;
	uint8_t read_only, is_directory;
};

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static int open_in(int directory, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (uint64_t)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, directory, *path ? path : ".", &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

static int path_of(int fd, char path[PATH_MAX])
{
	char link[32];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	if (length < 0)
		return -errno;
	path[length] = 0;
	return 0;
}

/* Where below the directory it really lies, without links. */
static int path_below(int directory, int fd, char **below)
{
	char outer[PATH_MAX], inner[PATH_MAX];
	int result = path_of(directory, outer);
	if (!result)
		result = path_of(fd, inner);
	if (result)
		return result;
	size_t length = strcmp(outer, "/") ? strlen(outer) : 0;
	if (strncmp(outer, inner, length) || (inner[length] && inner[length] != '/'))
		return -ENOENT;
	const char *rest = inner + length;
	while (*rest == '/')
		rest++;
	*below = strdup(rest);
	return *below ? 0 : -ENOMEM;
}

/* A file is written by the descriptor that is opened here. */
static int open_file(int directory, const char *path, const struct stat *found)
{
	struct stat opened;
	cleanup_close int fd = open_in(directory, path, O_RDWR | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &opened))
		return -errno;
	if (opened.st_dev != found->st_dev || opened.st_ino != found->st_ino)
		return -ESTALE;
	return take_fd(&fd);
}

static int open_share(struct root_share *share, int directory, const char *path)
{
	struct stat found;
	cleanup_close int fd = open_in(directory, path, O_PATH);
	if (fd < 0)
		return fd;
	if (fstat(fd, &found))
		return -errno;
	share->is_directory = S_ISDIR(found.st_mode);
	if (!share->is_directory && !S_ISREG(found.st_mode))
		return -ENOTDIR;
	int result = path_below(directory, fd, &share->path);
	if (result)
		return result;
	share->length = strlen(share->path);
	if (share->read_only)
		return 0;
	share->fd = share->is_directory ? take_fd(&fd) : open_file(directory, path, &found);
	return share->fd < 0 ? share->fd : 0;
}

static int open_list(struct root_shares *shares, int directory, const char *const *paths,
		     bool read_only, struct error *error)
{
	for (; paths && *paths; paths++) {
		if (shares->count == ROOT_SHARES_MAX)
			return error_set(error, E2BIG, "more than %d writable and read-only parts",
					 ROOT_SHARES_MAX);
		struct root_share *share = &shares->entries[shares->count++];
		*share = (struct root_share){.read_only = read_only, .fd = -1};
		int result = **paths == '/' ? open_share(share, directory, *paths + 1) : -EINVAL;
		if (result == -ENOTDIR)
			return error_set(error, ENOTDIR,
					 "%s of the root is neither a directory nor a file",
					 *paths);
		if (result == -EINVAL)
			return error_set(error, EINVAL, "%s is no absolute path", *paths);
		if (result)
			return error_set_errno(error, -result,
					       "cannot open %s of the root to %s it", *paths,
					       read_only ? "protect" : "write");
	}
	return 0;
}

int root_shares_open(struct root_shares *shares, int directory, const struct root_parts *parts,
		     struct error *error)
{
	shares->count = 0;
	if (!parts)
		return 0;
	int result = open_list(shares, directory, parts->writable, false, error);
	return result ? result : open_list(shares, directory, parts->read_only, true, error);
}

void root_shares_close(struct root_shares *shares)
{
	for (size_t i = 0; i < shares->count; i++) {
		free(shares->entries[i].path);
		if (shares->entries[i].fd >= 0)
			close(shares->entries[i].fd);
	}
	shares->count = 0;
}

/* ── finding ─────────────────────────────────────────────────────────────────────────────────── */

const struct root_share *root_shares_find(const struct root_shares *shares, const char *path,
					  const char **rest)
{
	const struct root_share *found = NULL;
	for (size_t i = 0; i < shares->count; i++) {
		const struct root_share *share = &shares->entries[i];
		const char end =
		    strncmp(path, share->path, share->length) ? 'x' : path[share->length];
		/* Of one path that is named twice, what was named last counts: it is read only. */
		if ((!share->length || !end || end == '/') &&
		    (!found || share->length >= found->length))
			found = share;
	}
	if (found && rest) {
		*rest = path + found->length;
		while (**rest == '/')
			++*rest;
	}
	return found;
}

bool root_shares_below(const struct root_shares *shares, const char *path)
{
	const size_t length = strlen(path);
	for (size_t i = 0; i < shares->count; i++) {
		const struct root_share *share = &shares->entries[i];
		if (share->length > length && !memcmp(share->path, path, length) &&
		    (!length || share->path[length] == '/'))
			return true;
	}
	return false;
}

uint32_t root_shares_flags(const struct root_shares *shares, const char *path)
{
	const struct root_share *share = root_shares_find(shares, path, NULL);
	if (!share)
		return 0;
	/* A root that nobody can write is like any other: programs start from it. */
	return (share->read_only ? ROOT_STATUS_READ_ONLY : 0) |
	       (share->length || !share->read_only ? ROOT_STATUS_LIVE : 0);
}

bool root_shares_writable(const struct root_shares *shares)
{
	for (size_t i = 0; i < shares->count; i++)
		if (!shares->entries[i].read_only)
			return true;
	return false;
}

/* ── the setup's message ─────────────────────────────────────────────────────────────────────── */

size_t root_shares_encode(const struct root_shares *shares, uint8_t *out, size_t room,
			  int descriptors[ROOT_SHARES_MAX], size_t *descriptor_count)
{
	size_t at = 0;
	*descriptor_count = 0;
	for (size_t i = 0; i < shares->count; i++) {
		const struct root_share *share = &shares->entries[i];
		const struct share_header header = {(uint16_t)share->length, share->read_only,
						    share->is_directory};
		if (share->length > ROOT_WIRE_PATH_MAX ||
		    sizeof(header) + share->length > room - at)
			return 0;
		memcpy(out + at, &header, sizeof(header));
		memcpy(out + at + sizeof(header), share->path, share->length);
		at += sizeof(header) + share->length;
		if (!share->read_only)
			descriptors[(*descriptor_count)++] = share->fd;
	}
	return at;
}

int root_shares_decode(struct root_shares *shares, const uint8_t *message, size_t length,
		       size_t count, const int *descriptors, size_t descriptor_count)
{
	size_t at = 0, taken = 0;
	shares->count = 0;
	if (count > ROOT_SHARES_MAX)
		return -EPROTO;
	while (shares->count < count) {
		struct root_share *share = &shares->entries[shares->count];
		struct share_header header;
		if (length - at < sizeof(header))
			return -EPROTO;
		memcpy(&header, message + at, sizeof(header));
		at += sizeof(header);
		if (length - at < header.length ||
		    (!header.read_only && (taken == descriptor_count || descriptors[taken] < 0)))
			return -EPROTO;
		*share = (struct root_share){
		    .path = strndup((const char *)message + at, header.length),
		    .length = header.length,
		    .read_only = header.read_only,
		    .fd = header.read_only ? -1 : descriptors[taken],
		    .is_directory = header.is_directory,
		};
		at += header.length;
		taken += !header.read_only;
		if (!share->path)
			return -ENOMEM;
		shares->count++;
	}
	return at == length && taken == descriptor_count ? 0 : -EPROTO;
}
