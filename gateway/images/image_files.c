/* The files of images; see image_files.h. */
#include "gateway/images/image_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/text.h"

#define PROGRAM_ENDING	".program"
#define ROOT_ENDING	".root"
#define SNAPSHOT_ENDING ".snapshot"
#define WORK_BEGINNING	"work."

/* Root images are written in pieces of large pages, so that the page cache can have them so. */
#define COPY_SIZE (2UL << 20)

static const char *const endings[] = {
    [IMAGE_FILE_PROGRAM] = PROGRAM_ENDING,
    [IMAGE_FILE_ROOT] = ROOT_ENDING,
    [IMAGE_FILE_SNAPSHOT] = SNAPSHOT_ENDING,
};

int image_file_path(const char *directory, const char *name, char path[PATH_MAX],
		    struct error *error)
{
	if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "%s: the path is too long", directory);
	return 0;
}

bool image_file_exists(const char *directory, const char *name)
{
	char path[PATH_MAX];
	return !image_file_path(directory, name, path, NULL) && !access(path, R_OK);
}

int image_file_name(struct image_file *file, const char *program, struct error *error)
{
	const bool named = file->kind == IMAGE_FILE_PROGRAM;
	if ((size_t)snprintf(file->name, sizeof(file->name), "%s%s%s%s", file->hex,
			     endings[file->kind], named ? "/" : "",
			     named ? program : "") >= sizeof(file->name))
		return error_set(error, ENAMETOOLONG, "the name of the program is too long");
	return 0;
}

int image_file_parse(const char *name, struct image_file *file)
{
	const size_t digits = strspn(name, "0123456789abcdef");
	*file = (struct image_file){.name = ""};
	if (digits != HASH_HEX_SIZE - 1 || strlen(name) >= sizeof(file->name))
		return -EINVAL;
	memcpy(file->hex, name, digits);
	memcpy(file->name, name, strlen(name) + 1);
	const char *program = strchr(name, '/');
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		struct image_file made = *file;
		made.kind = file->kind = (enum image_file_kind)i;
		if (!image_file_name(&made, program ? program + 1 : "", NULL) &&
		    !strcmp(made.name, name))
			return 0;
	}
	return -EINVAL;
}

void image_file_snapshot_name(char name[IMAGE_FILE_NAME_MAX], const char *key,
			      const char *isolation)
{
	snprintf(name, IMAGE_FILE_NAME_MAX, "%s-%s" SNAPSHOT_ENDING, key, isolation);
}

/* ── work that is under way ──────────────────────────────────────────────────────────────────── */

int image_files_make_work(const char *directory, char path[PATH_MAX], struct error *error)
{
	int result = image_file_path(directory, WORK_BEGINNING "XXXXXX", path, error);
	if (result)
		return result;
	return mkdtemp(path)
		   ? 0
		   : error_set_errno(error, errno, "cannot make a directory in %s", directory);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	remove(path);
	return 0;
}

void image_files_remove_work(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ── all files ───────────────────────────────────────────────────────────────────────────────── */

/* A directory with programs in it goes with the last of them. */
static void trim_programs(const char *directory, const char *folder,
			  bool (*wanted)(void *context, const char *name), void *context)
{
	char path[PATH_MAX], name[IMAGE_FILE_NAME_MAX];
	const struct dirent *entry;
	if (image_file_path(directory, folder, path, NULL))
		return;
	cleanup_closedir DIR *listing = opendir(path);
	if (!listing)
		return;
	while ((entry = readdir(listing)) != NULL) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		const int length = snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		if ((size_t)length >= sizeof(name) || !wanted(context, name))
			unlinkat(dirfd(listing), entry->d_name, 0);
	}
	rmdir(path); /* fails where there is something left */
}

int image_files_trim(const char *directory, bool (*wanted)(void *context, const char *name),
		     void *context, struct error *error)
{
	const struct dirent *entry;
	cleanup_closedir DIR *listing = opendir(directory);
	if (!listing)
		return error_set_errno(error, errno, "cannot list %s", directory);
	while ((entry = readdir(listing)) != NULL) {
		const char *name = entry->d_name;
		if (text_ends_with(name, PROGRAM_ENDING))
			trim_programs(directory, name, wanted, context);
		else if ((text_ends_with(name, ROOT_ENDING) ||
			  text_ends_with(name, SNAPSHOT_ENDING)) &&
			 !wanted(context, name))
			unlinkat(dirfd(listing), name, 0);
	}
	return 0;
}

static bool is_wanted(void *context, const char *name)
{
	(void)context;
	(void)name;
	return true;
}

/* Leftovers are files with a temporary name, work that nobody does any more, and directories of programs
 * without one. A program with a temporary name is left to image_files_trim(): it may be called so. */
static int remove_leftovers(const char *directory, struct error *error)
{
	const struct dirent *entry;
	cleanup_closedir DIR *listing = opendir(directory);
	if (!listing)
		return error_set_errno(error, errno, "cannot list %s", directory);
	while ((entry = readdir(listing)) != NULL) {
		const char *name = entry->d_name;
		char path[PATH_MAX];
		if (!strncmp(name, WORK_BEGINNING, strlen(WORK_BEGINNING))) {
			if (!image_file_path(directory, name, path, NULL))
				image_files_remove_work(path);
		} else if (strstr(name, ROOT_ENDING ".") || strstr(name, SNAPSHOT_ENDING ".")) {
			unlinkat(dirfd(listing), name, 0);
		}
	}
	return image_files_trim(directory, is_wanted, NULL, error);
}

int image_files_open(const char *directory, struct error *error)
{
	int result = file_make_directories(directory, error);
	return result ? result : remove_leftovers(directory, error);
}

/* ── one file ────────────────────────────────────────────────────────────────────────────────── */

int image_files_begin(const char *directory, const char *name, struct file_replacement *replacement,
		      struct error *error)
{
	char path[PATH_MAX];
	int result = image_file_path(directory, name, path, error);
	return result ? result : file_replacement_open(replacement, path, 0600, error);
}

int image_files_rename(const char *directory, const char *name,
		       struct file_replacement *replacement, struct error *error)
{
	char path[PATH_MAX];
	int result = image_file_path(directory, name, path, error);
	if (result)
		return result;
	char *copy = strdup(path);
	if (!copy)
		return error_set(error, ENOMEM, "no memory for a file name");
	free(replacement->path);
	replacement->path = copy;
	return 0;
}

static int sync_directory(const char *path, struct error *error)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return error_set_errno(error, errno, "cannot write %s", path);
	return 0;
}

int image_files_finish(const char *directory, struct file_replacement *replacement,
		       struct error *error)
{
	int result = fsync(replacement->fd) ? -errno : 0;
	result = file_replacement_close(replacement, result, error);
	return result ? result : sync_directory(directory, error);
}

int image_files_adopt(const char *directory, const char *path, const struct image_file *file,
		      struct error *error)
{
	char into[PATH_MAX];
	int result = image_file_path(directory, file->name, into, error);
	if (result)
		return result;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchmod(fd, 0600) || fsync(fd) || rename(path, into))
		return error_set_errno(error, errno, "cannot keep %s", path);
	return sync_directory(directory, error);
}

static int copy_contents(int from, int into, struct error *error)
{
	if (!ioctl(into, FICLONE, from))
		return 0;
	cleanup_free uint8_t *piece = malloc(COPY_SIZE);
	if (!piece)
		return error_set(error, ENOMEM, "no memory to copy an image");
	if (lseek(from, 0, SEEK_SET))
		return error_set_errno(error, errno, "cannot be read");
	for (;;) {
		ssize_t got = file_read_full(from, piece, COPY_SIZE);
		if (got <= 0)
			return got ? error_set_errno(error, (int)-got, "cannot be read") : 0;
		int result = file_write_all(into, piece, (size_t)got);
		if (result)
			return error_set_errno(error, -result, "cannot be copied");
	}
}

/* The copy must be what was hashed: nobody keeps a file from being changed meanwhile. */
static int check_copy(int copy, const char *hex, struct error *error)
{
	char path[64], found[HASH_HEX_SIZE];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	int result = hash_file(path, found, error);
	if (!result && strcmp(found, hex) != 0)
		return error_set(error, EAGAIN, "it was changed while it was read");
	return result;
}

/* A program lies in a directory of its own, so that it keeps its name. */
static int make_folder(const char *directory, const struct image_file *file, struct error *error)
{
	char path[PATH_MAX];
	int result = image_file_path(directory, file->name, path, error);
	if (result || file->kind != IMAGE_FILE_PROGRAM)
		return result;
	*strrchr(path, '/') = 0;
	if (mkdir(path, 0700) && errno != EEXIST)
		return error_set_errno(error, errno, "cannot make %s", path);
	return 0;
}

static int copy_file(const char *directory, int from, const struct image_file *file,
		     struct error *error)
{
	cleanup(file_replacement_abandon) struct file_replacement copy = {.fd = -1};
	int result = make_folder(directory, file, error);
	if (!result)
		result = image_files_begin(directory, file->name, &copy, error);
	if (!result)
		result = copy_contents(from, copy.fd, error);
	if (!result)
		result = check_copy(copy.fd, file->hex, error);
	if (!result && file->kind == IMAGE_FILE_PROGRAM && fchmod(copy.fd, 0700))
		result = error_set_errno(error, errno, "cannot be copied");
	return result ? result : image_files_finish(directory, &copy, error);
}

int image_files_keep(const char *directory, const char *path, uint64_t limit,
		     struct image_file *file, struct error *error)
{
	uint64_t size;
	const char *slash = strrchr(path, '/');
	cleanup_close int fd = file_open_regular(path, &size, error);
	if (fd < 0)
		return fd;
	if (size > limit)
		return error_set(error, EINVAL, "%s is too large: %lu MiB, and %lu MiB may be",
				 path, size >> 20, limit >> 20);
	int result = hash_descriptor(fd, file->hex, error);
	if (!result)
		result = image_file_name(file, slash ? slash + 1 : path, error);
	if (!result && !image_file_exists(directory, file->name))
		result = copy_file(directory, fd, file, error);
	return result ? error_wrap(error, "%s", path) : 0;
}
