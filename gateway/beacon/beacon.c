/* Beacons of gateways; see beacon.h. */
#include "beacon/beacon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/record.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

#define BEACON_BYTES_MAX (4UL * PATH_MAX)

enum beacon_field {
	BEACON_ADDRESS = 1,
	BEACON_PORT,
	BEACON_SECURE,
	BEACON_STATE,
	BEACON_USER,
	BEACON_PASSWORD_FILE,
};

/* POSIX locks and not flock(2): children that the gateway forks do not have them, and the kernel tells
 * which process does. */
static struct flock whole_file(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static int write_text(int fd, const struct beacon_text *text)
{
	cleanup_record struct record record = RECORD_EMPTY;
	record_add_text(&record, BEACON_ADDRESS, text->address);
	record_add_number(&record, BEACON_PORT, text->port);
	record_add_number(&record, BEACON_SECURE, text->secure);
	record_add_text(&record, BEACON_STATE, text->state);
	record_add_text(&record, BEACON_USER, text->user);
	record_add_text(&record, BEACON_PASSWORD_FILE, text->password_file);
	if (record.result)
		return record.result;
	if (ftruncate(fd, 0))
		return -errno;
	/* One write: whoever reads meanwhile finds nothing or all of it. */
	ssize_t written = pwrite(fd, record.data, record.length, 0);
	if (written < 0)
		return -errno;
	return (size_t)written == record.length ? 0 : -ENOSPC;
}

int beacon_light(struct beacon *beacon, const struct beacon_text *text, struct error *error)
{
	char name[128], path[PATH_MAX];
	struct flock lock = whole_file();
	*beacon = BEACON_NONE;
	snprintf(name, sizeof(name), BEACON_PREFIX "%s:%u", text->address, text->port);
	int result = paths_runtime(path, sizeof(path), name, error);
	if (result)
		return result;
	cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	result = fcntl(fd, F_SETLK, &lock) ? -errno : 0;
	if (!result)
		result = write_text(fd, text);
	beacon->path = result ? NULL : strdup(path);
	if (!result && !beacon->path)
		result = -ENOMEM;
	if (result)
		return error_set_errno(error, -result, "cannot write %s", path);
	beacon->fd = take_fd(&fd);
	return 0;
}

void beacon_put_out(struct beacon *beacon)
{
	if (beacon->fd < 0)
		return;
	unlink(beacon->path);
	close(beacon->fd);
	free(beacon->path);
	*beacon = BEACON_NONE;
}

/* The process that holds the file, and what is in it; 0: it is left of one that has ended. */
static int look(const char *path, uint8_t *bytes, size_t *length, pid_t *process)
{
	struct flock lock = whole_file();
	*process = 0;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_GETLK, &lock))
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	ssize_t count = file_read_full(fd, bytes, BEACON_BYTES_MAX);
	if (count < 0)
		return (int)count;
	*length = (size_t)count;
	*process = lock.l_pid;
	return 0;
}

static int look_at(const char *path,
		   int (*found)(void *context, const struct beacon_text *text, pid_t process),
		   void *context)
{
	uint8_t bytes[BEACON_BYTES_MAX];
	size_t length;
	pid_t process;
	if (look(path, bytes, &length, &process) || process <= 0)
		return 0;
	struct record_view view = {bytes, length};
	if (record_check(view))
		return 0;
	struct beacon_text text = {
	    .address = record_find_text(view, BEACON_ADDRESS, NULL),
	    .port = (unsigned)record_find_number(view, BEACON_PORT, 0),
	    .secure = record_find_number(view, BEACON_SECURE, 0),
	    .state = record_find_text(view, BEACON_STATE, NULL),
	    .user = record_find_text(view, BEACON_USER, NULL),
	    .password_file = record_find_text(view, BEACON_PASSWORD_FILE, NULL),
	};
	return text.address && text.state ? found(context, &text, process) : 0;
}

static int is_beacon(const struct dirent *entry)
{
	return !strncmp(entry->d_name, BEACON_PREFIX, strlen(BEACON_PREFIX));
}

int beacon_each(int (*found)(void *context, const struct beacon_text *text, pid_t process),
		void *context, struct error *error)
{
	char directory[PATH_MAX];
	struct dirent **entries = NULL;
	int result = paths_runtime(directory, sizeof(directory), "", error);
	if (result)
		return result;
	int count = scandir(directory, &entries, is_beacon, alphasort);
	if (count < 0)
		return error_set_errno(error, errno, "cannot list %s", directory);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX + NAME_MAX + 2];
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (!result)
			result = look_at(path, found, context);
		free(entries[i]);
	}
	free(entries);
	return result;
}
