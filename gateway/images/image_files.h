/* The files of images, in one directory: programs, root images and snapshots, by their digests.
 *
 *     HEX.program/NAME       a program
 *     HEX.root               a root image
 *     HEX.snapshot           a snapshot that was deployed as it is
 *     KEY-ISOLATION.snapshot one that was taken here; KEY says of what
 *     work.XXXXXX/           of a preparation that is under way
 *
 * A file has its name when it is whole and on disk. A snapshot finds its root image beside it, so that
 * the directory may be moved. Nobody but the owner may read what is in it.
 */
#ifndef MAYFLY_GATEWAY_IMAGE_FILES_H
#define MAYFLY_GATEWAY_IMAGE_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "util/file.h"
#include "util/hash.h"

/* A name within the directory: hexadecimal digits, an ending, and of a program a name behind them. */
#define IMAGE_FILE_NAME_MAX 512

enum image_file_kind {
	IMAGE_FILE_PROGRAM,
	IMAGE_FILE_ROOT,
	IMAGE_FILE_SNAPSHOT,
};

struct image_file {
	enum image_file_kind kind;
	char name[IMAGE_FILE_NAME_MAX];
	char hex[HASH_HEX_SIZE]; /* SHA-256 of its contents, or of what it was made of */
};

/* Makes the directory where there is none, and removes what was not finished. */
int image_files_open(const char *directory, struct error *error);

/* The name of a file of that kind; `program`: of a program. ENAMETOOLONG. */
int image_file_name(struct image_file *file, const char *program, struct error *error);

/* What a name says; EINVAL where it is none of a program, root image or snapshot. */
int image_file_parse(const char *name, struct image_file *file);

/* The name of a snapshot that was taken here. */
void image_file_snapshot_name(char name[IMAGE_FILE_NAME_MAX], const char *key,
			      const char *isolation);

/* The file's path. ENAMETOOLONG. */
int image_file_path(const char *directory, const char *name, char path[PATH_MAX],
		    struct error *error);
bool image_file_exists(const char *directory, const char *name);

/* Copies the file at `path` unless it is there already, and fills in hex and name; for a program the last
 * component of `path` is its name. EINVAL: it has more than `limit` bytes. */
int image_files_keep(const char *directory, const char *path, uint64_t limit,
		     struct image_file *file, struct error *error);

/* Takes a file that was made in a directory for a preparation; hex is its name's. */
int image_files_adopt(const char *directory, const char *path, const struct image_file *file,
		      struct error *error);

/* Begins a file that will have that name; lets it have another one; gives it the name when it is on disk. */
int image_files_begin(const char *directory, const char *name, struct file_replacement *replacement,
		      struct error *error);
int image_files_rename(const char *directory, const char *name,
		       struct file_replacement *replacement, struct error *error);
int image_files_finish(const char *directory, struct file_replacement *replacement,
		       struct error *error);

/* A directory for a preparation; image_files_remove_work() removes it with all that is in it. */
int image_files_make_work(const char *directory, char path[PATH_MAX], struct error *error);
void image_files_remove_work(const char *path);

/* Removes all files but those that `wanted` says true for, by their names. */
int image_files_trim(const char *directory, bool (*wanted)(void *context, const char *name),
		     void *context, struct error *error);

#endif
