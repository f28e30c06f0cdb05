/* A root, as the monitor looks into it for a program: an image or a directory that is served. */
#ifndef MAYFLY_ROOT_TREE_H
#define MAYFLY_ROOT_TREE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* What a path without links names. */
struct root_file {
	uint32_t mode;
	uint64_t size;
	char target[PATH_MAX]; /* of a symbolic link */
};

struct root_tree {
	/* Describes `path`: components with one slash between them, none of them "." or ".."; an
	 * empty one is the root. 0 or a negative errno. */
	int (*look)(const struct root_tree *tree, const char *path, struct root_file *file);
	/* Reads up to `length` bytes of a regular file. The count, or a negative errno. */
	ssize_t (*read)(const struct root_tree *tree, const char *path, uint64_t offset, void *out,
			size_t length);
};

/* Finds what `path` names from the root on; symbolic links are followed, the last one too, and
 * never lead out of the tree. `resolved`: its path without links, from a slash on, PATH_MAX bytes.
 * -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG, or what the tree fails with. */
int root_tree_find(const struct root_tree *tree, const char *path, struct root_file *file,
		   char *resolved);

/* Reads a whole regular file, which root_tree_find() found, of at most `limit` bytes into fresh
 * memory, which the caller frees. */
int root_tree_read(const struct root_tree *tree, const char *resolved, const struct root_file *file,
		   size_t limit, uint8_t **data, size_t *size, struct error *error);

#endif
