/* Files that take the place of others when they are whole; see file.h.
 *
 * Where the file system can, a file has no name while it is written (O_TMPFILE of open(2)): whoever
 * is killed then leaves nothing behind.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

#define NAMES_TRIED 100

/* A file without a name beside `path`; -1 where there are none. */
static int open_unnamed(const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder = NULL;
	if (slash)
		folder = strndup(path, (size_t)(slash - path) + 1);
	if (slash && !folder)
		return -1;
	return open(folder ? folder : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

/* Gives the file its temporary name: 0 or a negative errno. */
static int name_file(struct file_replacement *replacement)
{
	char there[32];
	snprintf(there, sizeof(there), "/proc/self/fd/%d", replacement->fd);
	for (int i = 0; i < NAMES_TRIED; i++) {
		uint32_t number;
		char *name = NULL;
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		if (asprintf(&name, "%s.%08x", replacement->path, number) < 0)
			return -ENOMEM;
		if (!linkat(AT_FDCWD, there, AT_FDCWD, name, AT_SYMLINK_FOLLOW)) {
			replacement->temporary = name;
			return 0;
		}
		free(name);
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* `unnamed`: without a name where that is possible. */
static int open_replacement(struct file_replacement *replacement, const char *path, mode_t mode,
			    bool unnamed, struct error *error)
{
	cleanup_free char *copy = strdup(path);
	cleanup_free char *temporary = NULL;
	if (!copy)
		return error_set(error, ENOMEM, "no memory for a file name");
	cleanup_close int fd = unnamed ? open_unnamed(path) : -1;
	if (fd < 0) {
		if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
			temporary = NULL;
			return error_set(error, ENOMEM, "no memory for a file name");
		}
		fd = mkostemp(temporary, O_CLOEXEC);
		if (fd < 0)
			return error_set_errno(error, errno, "cannot write %s", path);
	}
	if (fchmod(fd, mode)) {
		int result = error_set_errno(error, errno, "cannot set the mode of %s", path);
		if (temporary)
			unlink(temporary);
		return result;
	}
	*replacement = (struct file_replacement){
	    .fd = take_fd(&fd), .path = take_pointer(copy), .temporary = take_pointer(temporary)};
	return 0;
}

int file_replacement_open(struct file_replacement *replacement, const char *path, mode_t mode,
			  struct error *error)
{
	struct stat status;
	if (!stat(path, &status) && !S_ISREG(status.st_mode))
		return error_set(error, S_ISDIR(status.st_mode) ? EISDIR : EINVAL,
				 "cannot write %s: it is %s", path,
				 S_ISDIR(status.st_mode) ? "a directory" : "no ordinary file");
	return open_replacement(replacement, path, mode, true, error);
}

/* The file takes its place; else it is gone. */
static int place_file(struct file_replacement *replacement, int result)
{
	if (!result && !replacement->temporary)
		result = name_file(replacement);
	if (close(take_fd(&replacement->fd)) && !result)
		result = -errno;
	if (!result && rename(replacement->temporary, replacement->path))
		result = -errno;
	if (result && replacement->temporary)
		unlink(replacement->temporary);
	return result;
}

int file_replacement_close(struct file_replacement *replacement, int result, struct error *error)
{
	sigset_t all, before;
	const bool unnamed = !replacement->temporary;
	assert(replacement->path);
	/* A signal ends nobody while a file that had no name has a temporary one. */
	sigfillset(&all);
	if (unnamed)
		pthread_sigmask(SIG_BLOCK, &all, &before);
	result = place_file(replacement, result);
	if (unnamed)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	cleanup_free char *path = take_pointer(replacement->path);
	free(take_pointer(replacement->temporary));
	return result ? error_set_errno(error, -result, "cannot write %s", path) : 0;
}

void file_replacement_abandon(struct file_replacement *replacement)
{
	if (replacement->path)
		file_replacement_close(replacement, -ECANCELED, NULL);
}

/* The temporary file has a name from the start, so that a process may do this that must not
 * link(2). */
int file_replace(const char *path, const void *data, size_t length, struct error *error)
{
	struct file_replacement replacement = {.fd = -1};
	int result = open_replacement(&replacement, path, 0644, false, error);
	if (result)
		return result;
	return file_replacement_close(&replacement, file_write_all(replacement.fd, data, length),
				      error);
}
