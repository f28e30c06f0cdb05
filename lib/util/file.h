/* Whole files and whole writes. */
#ifndef MAYFLY_UTIL_FILE_H
#define MAYFLY_UTIL_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* Writes all of `length` bytes, through short writes and EINTR. Returns 0 or a negative errno. */
int file_write_all(int fd, const void *data, size_t length);

/* The same, but a pipe or terminal whose reader does not read is given up at `deadline_ns`
 * (CLOCK_MONOTONIC): -ETIMEDOUT. The descriptor may be a blocking one. */
int file_write_until(int fd, const void *data, size_t length, uint64_t deadline_ns);

/* Reads up to `length` bytes until end of file, through short reads and EINTR. Returns the number
 * of bytes read or a negative errno. */
ssize_t file_read_full(int fd, void *data, size_t length);

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

/* file_replace() for who writes piece by piece: the temporary file, and what it will replace. The
 * file gets `mode` as it is. Who is killed meanwhile leaves nothing behind, but on file systems
 * without O_TMPFILE the temporary file. */
struct file_replacement {
	int fd;
	char *path, *temporary; /* temporary: NULL while it has no name */
};

/* EISDIR, EINVAL where `path` is no ordinary file: /dev/null is not to be replaced. */
int file_replacement_open(struct file_replacement *replacement, const char *path, mode_t mode,
			  struct error *error);

/* Puts the file in its place where `result`, of writing to it, is 0; else takes it away and reports
 * `result`, a negative errno. In any case the replacement is over. */
int file_replacement_close(struct file_replacement *replacement, int result, struct error *error);

/* Takes the file away; nothing where the replacement was never opened ({.fd = -1}) or is over. */
void file_replacement_abandon(struct file_replacement *replacement);

/* Makes a directory and its parents with mode 0700; one that is there already is fine. */
int file_make_directories(const char *path, struct error *error);

#endif
