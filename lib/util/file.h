/* Whole files and whole writes. */
#ifndef MAYFLY_UTIL_FILE_H
#define MAYFLY_UTIL_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* Waits until a descriptor is ready for `events` (POLLIN or POLLOUT), until `deadline_ns` of
 * CLOCK_MONOTONIC at most (UINT64_MAX: without one). 0, also for an end or an error, which the next
 * call reports; -ETIMEDOUT or another negative errno. */
int file_wait_ready(int fd, short events, uint64_t deadline_ns);

/* Writes all of `length` bytes, through short writes and EINTR. Returns 0 or a negative errno. */
int file_write_all(int fd, const void *data, size_t length);

/* The same, but a pipe or terminal whose reader does not read is given up at `deadline_ns`
 * (CLOCK_MONOTONIC): -ETIMEDOUT. The descriptor may be a blocking one. */
int file_write_until(int fd, const void *data, size_t length, uint64_t deadline_ns);

/* Reads some, as read(2) does, waiting until that time (CLOCK_MONOTONIC): bytes read, 0 at the end,
 * -ETIMEDOUT or another negative errno. */
ssize_t file_read_until(int fd, void *data, size_t length, uint64_t deadline_ns);

/* Reads up to `length` bytes until end of file, through short reads and EINTR. Returns the number
 * of bytes read or a negative errno. */
ssize_t file_read_full(int fd, void *data, size_t length);

/* Opens the file `path` for reading, and nothing but a regular file; *size is how long it is now. A
 * descriptor, or a negative errno. */
int file_open_regular(const char *path, uint64_t *size, struct error *error);

/* Reads the file `path` of at most `limit` bytes (EFBIG above) into fresh memory with a NUL after
 * the last byte; the caller frees *data. */
int file_read(const char *path, size_t limit, uint8_t **data, size_t *length, struct error *error);

/* Reads a file that the kernel makes when it is read, whose size is not known before (below /proc
 * and in control groups), as text; the caller frees *text. */
int file_read_generated(const char *path, char **text, struct error *error);

/* Writes `path` so that a reader sees the old or the new content, never a part: a temporary file
 * beside it, then rename(2). For Mayfly's own files: whatever was called `path` is gone afterwards.
 */
int file_replace(const char *path, const void *data, size_t length, struct error *error);

/* Writes into whatever `path` names: a file, made anew where there is none (mode 0666 less the
 * umask), a pipe or a device. For paths that a user gives: a link stays a link, and /dev/stdout
 * stays what it is. */
int file_write(const char *path, const void *data, size_t length, struct error *error);

/* file_replace() in pieces: the temporary file, and what it will replace. The file gets exactly
 * `mode`. A process that is killed meanwhile leaves nothing behind, except for the temporary file
 * on file systems without O_TMPFILE. */
struct file_replacement {
	int fd;
	char *path, *temporary; /* temporary: NULL while it has no name */
};

/* EISDIR, EINVAL where `path` is no ordinary file: /dev/null is not to be replaced. */
int file_replacement_open(struct file_replacement *replacement, const char *path, mode_t mode,
			  struct error *error);

/* Ends the replacement. `result` is how writing went: after 0 the file takes its place, after a
 * negative errno it is removed and `result` is returned. */
int file_replacement_close(struct file_replacement *replacement, int result, struct error *error);

/* Removes the file. Does nothing if the replacement was never opened ({.fd = -1}) or is over. */
void file_replacement_abandon(struct file_replacement *replacement);

/* Makes a directory and its parents with mode 0700; one that is there already is fine. */
int file_make_directories(const char *path, struct error *error);

#endif
