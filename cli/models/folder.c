/* Folders of models; see folder.h. */
#include "cli/models/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

#define DEPTH_MAX   3 /* of folders in a SavedModel */
#define ASIDE	    ".aside-"
#define NAMES_TRIED 100

/* ── removing ────────────────────────────────────────────────────────────────────────────────── */

static void remove_tree(int parent, const char *name, unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_closedir DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		unlinkat(parent, name, 0);
		return;
	}
	for (const struct dirent *entry; depth <= DEPTH_MAX + 1 && (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_tree(fd, entry->d_name, depth + 1);
	unlinkat(parent, name, AT_REMOVEDIR);
}

void folder_discard(const char *path)
{
	remove_tree(AT_FDCWD, path, 0);
}

/* ── aside ───────────────────────────────────────────────────────────────────────────────────── */

/* A folder aside is locked by whoever works in it. Returns a descriptor that holds the lock; -1 where
 * somebody else does, or the folder is gone. */
static int lock_folder(int parent, const char *path)
{
	struct stat status;
	cleanup_close int fd =
	    openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &status) || !status.st_nlink)
		return -1;
	return take_fd(&fd);
}

/* Removes what was left behind by somebody who was ended. */
static void remove_abandoned(const char *models)
{
	cleanup_closedir DIR *directory = opendir(models);
	for (const struct dirent *entry; directory && (entry = readdir(directory));) {
		if (strncmp(entry->d_name, ASIDE, strlen(ASIDE)) != 0)
			continue;
		cleanup_close int lock = lock_folder(dirfd(directory), entry->d_name);
		if (lock >= 0)
			remove_tree(dirfd(directory), entry->d_name, 0);
	}
}

int folder_begin(char path[PATH_MAX], struct error *error)
{
	char models[PATH_MAX];
	int result = paths_cache(models, sizeof(models), "models", error);
	if (!result)
		result = file_make_directories(models, error);
	if (result)
		return result;
	remove_abandoned(models);
	for (int i = 0; i < NAMES_TRIED; i++) {
		result = paths_cache(path, PATH_MAX, "models/" ASIDE "XXXXXX", error);
		if (result)
			return result;
		if (!mkdtemp(path))
			return error_set_errno(error, errno, "cannot make a folder in %s", models);
		/* Somebody else may just have taken it for an abandoned one. */
		const int lock = lock_folder(AT_FDCWD, path);
		if (lock >= 0)
			return lock;
	}
	return error_set(error, EBUSY, "cannot make a folder in %s", models);
}

static int join(char path[PATH_MAX], const char *folder, const char *name, struct error *error)
{
	return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX
		   ? 0
		   : error_set(error, ENAMETOOLONG, "a path in %s is too long", folder);
}

static int copy_file(const char *source, const char *target, struct error *error)
{
	uint64_t size;
	cleanup_close int in = file_open_regular(source, &size, error);
	if (in < 0)
		return in;
	cleanup_close int out = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return error_set_errno(error, errno, "cannot make %s", target);
	while (size) {
		ssize_t done = copy_file_range(in, NULL, out, NULL, size, 0);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return error_set_errno(error, done ? errno : EIO, "cannot copy %s", source);
		size -= (uint64_t)done;
	}
	return 0;
}

static int copy_tree(const char *source, const char *target, unsigned depth, struct error *error)
{
	struct stat status;
	if (stat(source, &status))
		return error_set_errno(error, errno, "cannot open %s", source);
	if (!S_ISDIR(status.st_mode))
		return copy_file(source, target, error);
	if (depth > DEPTH_MAX)
		return error_set(error, ELOOP, "%s is too deep", source);
	if (mkdir(target, 0700))
		return error_set_errno(error, errno, "cannot make %s", target);
	cleanup_closedir DIR *directory = opendir(source);
	if (!directory)
		return error_set_errno(error, errno, "cannot read %s", source);
	int result = 0;
	for (const struct dirent *entry; !result && (entry = readdir(directory));) {
		char from[PATH_MAX], to[PATH_MAX];
		if (entry->d_name[0] == '.')
			continue;
		result = join(from, source, entry->d_name, error);
		if (!result)
			result = join(to, target, entry->d_name, error);
		if (!result)
			result = copy_tree(from, to, depth + 1, error);
	}
	return result;
}

int folder_copy(const char *path, const char *name, const char *source, struct error *error)
{
	char target[PATH_MAX];
	int result = join(target, path, name, error);
	return result ? result : copy_tree(source, target, 0, error);
}

static int installed_path(char path[PATH_MAX], const char *name, struct error *error)
{
	char below[NAME_MAX + 16];
	snprintf(below, sizeof(below), "models/%s", name);
	return paths_cache(path, PATH_MAX, below, error);
}

int folder_install(const char *path, const char *name, struct error *error)
{
	char target[PATH_MAX];
	int result = installed_path(target, name, error);
	if (result)
		return result;
	/* The folder that is there would only be replaced if it were empty. */
	if (!rename(path, target))
		return 0;
	if (errno == EEXIST || errno == ENOTEMPTY)
		return error_set(error, EEXIST,
				 "there is a model %s already: give this one a --version or a "
				 "--name, or remove that one",
				 name);
	return error_set_errno(error, errno, "cannot make %s", target);
}

int folder_remove(const char *name, struct error *error)
{
	char path[PATH_MAX], away[PATH_MAX];
	int result = installed_path(path, name, error);
	if (!result && access(path, F_OK))
		result = error_set(error, ENOENT,
				   "there is no model %s: mayfly models lists those that are there",
				   name);
	if (result)
		return result;
	cleanup_close int lock = folder_begin(away, error);
	if (lock < 0)
		return lock;
	if (rename(path, away)) {
		result = error_set_errno(error, errno, "cannot remove %s", path);
		rmdir(away);
		return result;
	}
	folder_discard(away);
	return 0;
}
