/* Serving one request for a root directory; see serve.h.
 *
 * Every path is opened anew, below the directory and nowhere else (RESOLVE_IN_ROOT): whatever
 * happens to the tree meanwhile, a link or ".." never leads out of it. Nothing is opened for
 * reading that was not found to be a regular file or a directory, so that neither a device notices
 * nor a pipe blocks.
 */
#include "serve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change.h"
#include "query.h"
#include "root_server/wire.h"
#include "util/cleanup.h"

/* What getdents64(2) brings at once. */
#define ENTRIES_ROOM 16384

static int serve_look(const struct query *query, struct root_answer *answer, uint8_t *extra)
{
	cleanup_close int fd = query_look(query, &answer->status);
	if (fd < 0)
		return fd;
	if (!S_ISLNK(answer->status.mode)) {
		if (faccessat(fd, "", R_OK, AT_EACCESS | AT_EMPTY_PATH))
			answer->status.flags |= ROOT_STATUS_UNREADABLE;
		return 0;
	}
	ssize_t length = readlinkat(fd, "", (char *)extra, ROOT_WIRE_PATH_MAX);
	if (length < 0)
		return -errno;
	answer->length = (uint32_t)length;
	answer->status.size = (uint64_t)length;
	return 0;
}

/* Opens for reading what was found under the path before, if it is still the same file. */
static int open_found(const struct query *query, int flags, const struct root_status *status)
{
	struct stat opened;
	cleanup_close int fd =
	    query_open_below(query->served->directory, query->path, O_RDONLY | flags);
	if (fd < 0)
		return fd;
	if (fstat(fd, &opened))
		return -errno;
	if (opened.st_dev != status->device || opened.st_ino != status->inode)
		return -ESTALE;
	return take_fd(&fd);
}

static bool type_is_served(uint8_t type)
{
	return type == DT_REG || type == DT_DIR || type == DT_LNK;
}

/* What is mounted on a name in a directory can be looked at by its path. */
static bool mount_is_served(int directory, const char *name)
{
	cleanup_close int fd = query_open_below(directory, name, O_PATH);
	return fd < 0 ? fd != -ENOENT : !query_is_kernels_own(fd);
}

/* Describes a name in a directory, as far as the same could be told of it by its path: what is
 * mounted there is another file. false: it is not served, or not there any more. What cannot be
 * asked for (EACCES in a directory without x) is listed, as the kernel does it. */
static bool describe_entry(int directory, uint64_t device, const struct dirent64 *entry,
			   bool is_plain, struct root_listed *listed)
{
	struct stat status;
	*listed = (struct root_listed){
	    .status.inode = entry->d_ino,
	    .length = (uint16_t)strlen(entry->d_name),
	    .type = entry->d_type,
	};
	if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return errno != ENOENT && type_is_served(entry->d_type);
	listed->type = (uint8_t)IFTODT(status.st_mode);
	if (!type_is_served(listed->type))
		return false;
	if (status.st_dev != device)
		return mount_is_served(directory, entry->d_name);
	if (S_ISLNK(status.st_mode) || !is_plain)
		return true;
	query_describe(&status, &listed->status);
	if (faccessat(directory, entry->d_name, R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW))
		listed->status.flags |= ROOT_STATUS_UNREADABLE;
	return true;
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Adds a name to the answer, where it is served; false where there is no room for it. */
static bool add_entry(int directory, const struct dirent64 *entry, bool is_plain,
		      struct root_answer *answer, uint8_t *extra)
{
	struct root_listed listed;
	if (is_dots(entry->d_name))
		return true;
	if (!describe_entry(directory, answer->status.device, entry, is_plain, &listed))
		return true;
	if (listed.status.mode)
		listed.status.flags |= answer->status.flags & ROOT_STATUS_READ_ONLY;
	uint64_t size = root_listed_size(listed.length);
	if (size > ROOT_WIRE_ENTRIES_MAX - answer->length)
		return false;
	uint8_t *place = extra + answer->length;
	memset(place, 0, size);
	memcpy(place, &listed, sizeof(listed));
	memcpy(place + sizeof(listed), entry->d_name, listed.length);
	answer->length += (uint32_t)size;
	return true;
}

/* Adds what getdents64 brought, as far as it fits: false where it was not all. */
static bool add_entries(int directory, const uint8_t *batch, size_t got, bool is_plain,
			struct root_answer *answer, uint8_t *extra)
{
	const struct dirent64 *entry;
	for (size_t at = 0; at < got; at += entry->d_reclen) {
		entry = (const struct dirent64 *)(batch + at);
		if (!add_entry(directory, entry, is_plain, answer, extra))
			return false;
		answer->next = (uint64_t)entry->d_off;
	}
	return true;
}

static int serve_list(const struct query *query, struct root_answer *answer, uint8_t *extra)
{
	_Alignas(struct dirent64) uint8_t batch[ENTRIES_ROOM];
	cleanup_close int found = query_look(query, &answer->status);
	if (found < 0)
		return found;
	if (!S_ISDIR(answer->status.mode))
		return -ENOTDIR;
	cleanup_close int fd = open_found(query, O_DIRECTORY, &answer->status);
	if (fd < 0)
		return fd;
	/* What lives on the host, or may begin to here, is asked for by its path. */
	const bool is_plain = !(answer->status.flags & ROOT_STATUS_LIVE) &&
			      !root_shares_below(&query->served->shares, query->path);
	off_t start = (off_t)query->request.offset;
	if (start && lseek(fd, start, SEEK_SET) != start)
		return -EINVAL;
	for (;;) {
		ssize_t got = getdents64(fd, batch, sizeof(batch));
		if (got < 0)
			return -errno;
		if (!got) {
			answer->next = 0;
			return 0;
		}
		if (!add_entries(fd, batch, (size_t)got, is_plain, answer, extra))
			return 0;
	}
}

static int serve_read(const struct query *query, struct root_answer *answer, uint8_t *extra)
{
	cleanup_close int found = query_look(query, &answer->status);
	if (found < 0)
		return found;
	if (!S_ISREG(answer->status.mode))
		return -ESTALE;
	cleanup_close int fd = open_found(query, O_NONBLOCK | O_NOCTTY, &answer->status);
	if (fd < 0)
		return fd;
	while (answer->length < query->request.length) {
		ssize_t got =
		    pread(fd, extra + answer->length, query->request.length - answer->length,
			  (off_t)(query->request.offset + answer->length));
		if (got < 0)
			return -errno;
		if (!got)
			break;
		answer->length += (uint32_t)got;
	}
	return 0;
}

void root_serve(const struct root_served *served, const void *message, size_t length,
		struct root_answer *answer, uint8_t *extra)
{
	struct query query = {.served = served};
	*answer = (struct root_answer){0};
	int result = root_request_decode(message, length, &query.request, query.path);
	if (!result && root_request_changes(&query.request))
		result = serve_change(&query, answer, extra);
	else if (!result && query.request.operation == ROOT_LOOK)
		result = serve_look(&query, answer, extra);
	else if (!result && query.request.operation == ROOT_LIST)
		result = serve_list(&query, answer, extra);
	else if (!result)
		result = serve_read(&query, answer, extra);
	if (result)
		*answer = (struct root_answer){.error = result};
}
