/* Whole files and whole writes; see file.h. */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

int file_write_all(int fd, const void *data, size_t length)
{
	const uint8_t *next = data;
	while (length) {
		ssize_t written = write(fd, next, length);
		if (written < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		next += written;
		length -= (size_t)written;
	}
	return 0;
}

/* Waits until the descriptor takes at least one byte: 0, or a negative errno. */
static int wait_writable(int fd, uint64_t deadline_ns)
{
	struct pollfd writable = {.fd = fd, .events = POLLOUT};
	for (;;) {
		struct timespec timeout = clock_left_until(deadline_ns);
		int ready = ppoll(&writable, 1, &timeout, NULL);
		if (ready > 0)
			return 0; /* also for an error, which write(2) then tells */
		if (!ready)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int file_write_until(int fd, const void *data, size_t length, uint64_t deadline_ns)
{
	struct stat status;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode))
		return file_write_all(fd, data, length);
	const uint8_t *next = data;
	while (length) {
		/* What a pipe that can be written to takes without blocking. */
		size_t part = length < PIPE_BUF ? length : PIPE_BUF;
		int result = wait_writable(fd, deadline_ns);
		if (result)
			return result;
		ssize_t written = write(fd, next, part);
		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			next += written;
			length -= (size_t)written;
		}
	}
	return 0;
}

ssize_t file_read_full(int fd, void *data, size_t length)
{
	uint8_t *next = data;
	size_t filled = 0;
	while (filled < length) {
		ssize_t got = read(fd, next + filled, length - filled);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (got == 0)
			break;
		filled += (size_t)got;
	}
	return (ssize_t)filled;
}

int file_read(const char *path, size_t limit, uint8_t **data, size_t *length, struct error *error)
{
	/* A pipe that nobody writes to would block; it is refused below. */
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	struct stat status;
	if (fstat(fd, &status))
		return error_set_errno(error, errno, "cannot stat %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, EINVAL, "%s is not a regular file", path);
	if ((uint64_t)status.st_size > limit)
		return error_set(error, EFBIG, "%s has %jd bytes, more than the limit of %zu", path,
				 (intmax_t)status.st_size, limit);
	size_t size = (size_t)status.st_size;
	cleanup_free uint8_t *buffer = malloc(size + 1);
	if (!buffer)
		return error_set(error, ENOMEM, "no memory for the %zu bytes of %s", size, path);
	ssize_t got = file_read_full(fd, buffer, size);
	if (got < 0)
		return error_set_errno(error, (int)-got, "cannot read %s", path);
	buffer[got] = 0;
	*length = (size_t)got;
	*data = take_pointer(buffer);
	return 0;
}

int file_read_generated(const char *path, char **text, struct error *error)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	if (!file)
		return error_set_errno(error, errno, "cannot open %s", path);
	cleanup_free char *read = NULL;
	size_t room = 0;
	/* All of it: there is no NUL in text. */
	if (getdelim(&read, &room, 0, file) < 0) {
		if (ferror(file))
			return error_set_errno(error, errno, "cannot read %s", path);
		/* An empty file leaves it open what is in the memory, if there is any. */
		free(read);
		read = strdup("");
		if (!read)
			return error_set(error, ENOMEM, "no memory to read %s", path);
	}
	*text = take_pointer(read);
	return 0;
}

int file_write(const char *path, const void *data, size_t length, struct error *error)
{
	cleanup_close int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	int result = file_write_all(fd, data, length);
	if (!result && close(take_fd(&fd)))
		result = -errno;
	return result ? error_set_errno(error, -result, "cannot write %s", path) : 0;
}

int file_make_directories(const char *path, struct error *error)
{
	cleanup_free char *copy = strdup(path);
	if (!copy)
		return error_set(error, ENOMEM, "no memory for a file name");
	for (char *slash = copy + 1;; slash++) {
		if (*slash != '/' && *slash)
			continue;
		char kept = *slash;
		*slash = 0;
		if (mkdir(copy, 0700) && errno != EEXIST)
			return error_set_errno(error, errno, "cannot make directory %s", copy);
		*slash = kept;
		if (!kept)
			return 0;
	}
}
