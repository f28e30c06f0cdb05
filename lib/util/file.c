/* Whole files and whole writes; see file.h. */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LARGE_PAGE (2UL << 20)

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

int file_wait_ready(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd wanted = {.fd = fd, .events = events};
	for (;;) {
		const struct timespec left = clock_left_until(deadline_ns);
		int ready = ppoll(&wanted, 1, deadline_ns == UINT64_MAX ? NULL : &left, NULL);
		if (ready > 0)
			return 0;
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
		int result = file_wait_ready(fd, POLLOUT, deadline_ns);
		if (result)
			return result;
		ssize_t written = write(fd, next, part);
		/* EAGAIN: another process may have filled the pipe since. */
		if (written < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (written > 0) {
			next += written;
			length -= (size_t)written;
		}
	}
	return 0;
}

ssize_t file_read_until(int fd, void *data, size_t length, uint64_t deadline_ns)
{
	for (;;) {
		int result = file_wait_ready(fd, POLLIN, deadline_ns);
		if (result)
			return result;
		ssize_t got = read(fd, data, length);
		if (got >= 0)
			return got;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
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

int file_open_regular(const char *path, uint64_t *size, struct error *error)
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
	*size = (uint64_t)status.st_size;
	return take_fd(&fd);
}

/* What is large lies in large pages where there are some: one fault and not 512 for each of them. */
static uint8_t *allocate(size_t size)
{
	uint64_t rounded;
	if (size < LARGE_PAGE / 4 || round_up_overflows(size, LARGE_PAGE, &rounded))
		return malloc(size);
	uint8_t *memory = aligned_alloc(LARGE_PAGE, rounded);
	if (memory)
		madvise(memory, rounded, MADV_HUGEPAGE);
	return memory;
}

int file_read(const char *path, size_t limit, uint8_t **data, size_t *length, struct error *error)
{
	uint64_t found = 0;
	cleanup_close int fd = file_open_regular(path, &found, error);
	if (fd < 0)
		return fd;
	if (found > limit)
		return error_set(error, EFBIG, "%s has %ju bytes, more than the limit of %zu", path,
				 (uintmax_t)found, limit);
	size_t size = (size_t)found;
	cleanup_free uint8_t *buffer = allocate(size + 1);
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
		/* For an empty file, what is in the memory is not defined, nor whether there is
		 * any. */
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
	for (char *slash = *copy ? copy + 1 : copy;; slash++) {
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
