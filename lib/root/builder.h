/* Writing a root image: names are added one by one, contents go to the file as they come, and the
 * tables follow them at the end. The image appears under its name when it is complete. */
#ifndef MAYFLY_ROOT_BUILDER_H
#define MAYFLY_ROOT_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "util/error.h"

struct root_builder;

/* What a name stands for. */
struct root_attributes {
	uint32_t mode; /* S_IFREG, S_IFDIR or S_IFLNK, and permissions */
	uint32_t owner, group;
	struct timespec modified;
	const char *target; /* of a symbolic link; else NULL */
};

/* Begins an image that will be called `path`; release it by root_builder_close() in any case. */
int root_builder_open(struct root_builder **builder, const char *path, struct error *error);
void root_builder_close(struct root_builder *builder);

/* Adds a name. `path` is taken from the root; "." and empty components mean nothing, ".." is
 * refused (EINVAL). Missing directories are made. What had the name before is replaced, but a
 * directory keeps its entries where another directory comes. A regular file begins empty: its
 * contents follow by root_builder_write(), before the next name. */
int root_builder_add(struct root_builder *builder, const char *path,
		     const struct root_attributes *attributes, struct error *error);
int root_builder_write(struct root_builder *builder, const void *data, size_t length,
		       struct error *error);

/* Gives the file `existing` a further name. ENOENT where there is no such file. */
int root_builder_link(struct root_builder *builder, const char *path, const char *existing,
		      struct error *error);

/* Takes away what `path` names, with all below it; nothing where there is no such name. With
 * `keep` a directory stays, empty. */
int root_builder_remove(struct root_builder *builder, const char *path, bool keep,
			struct error *error);

/* The name has been added, and not taken away since. */
bool root_builder_has(const struct root_builder *builder, const char *path);

/* Bytes written so far. */
uint64_t root_builder_size(const struct root_builder *builder);

/* Writes the tables and gives the image its name. */
int root_builder_finish(struct root_builder *builder, struct error *error);

#endif
