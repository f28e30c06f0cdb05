/* Finding and reading files in a root; see tree.h. */
#include "root/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define SYMLINKS_MAX 40 /* in one path; as Linux */

/* A path that is being followed. */
struct walk {
	const struct root_tree *tree;
	struct root_file *file; /* what `resolved` names */
	char *resolved;		/* where it has led so far: a slash before each component */
	size_t length;
	char rest[PATH_MAX]; /* still to follow */
	int links;
};

/* Describes what the path has led to. */
static int walk_look(const struct walk *walk)
{
	walk->resolved[walk->length] = 0;
	return walk->tree->look(walk->tree, walk->resolved + (walk->length != 0), walk->file);
}

static int walk_up(struct walk *walk)
{
	while (walk->length && walk->resolved[--walk->length] != '/')
		;
	return walk_look(walk);
}

/* Puts a link's target in front of the rest of the path, which is `behind`. */
static int walk_link(struct walk *walk, size_t before, const char *behind)
{
	size_t target = strlen(walk->file->target), behind_size = strlen(behind) + 1;
	if (walk->links++ >= SYMLINKS_MAX)
		return -ELOOP;
	if (target + behind_size > sizeof(walk->rest))
		return -ENAMETOOLONG;
	memmove(walk->rest + target, behind, behind_size);
	memcpy(walk->rest, walk->file->target, target);
	walk->length = walk->rest[0] == '/' ? 0 : before;
	return walk_look(walk);
}

/* Goes to the name at the front of what is still to follow. */
static int walk_down(struct walk *walk, size_t length, const char *behind)
{
	size_t before = walk->length;
	if (walk->length + 1 + length >= PATH_MAX)
		return -ENAMETOOLONG;
	walk->resolved[walk->length++] = '/';
	memcpy(walk->resolved + walk->length, walk->rest, length);
	walk->length += length;
	int result = walk_look(walk);
	if (result)
		return result;
	if (S_ISLNK(walk->file->mode))
		return walk_link(walk, before, behind);
	if (*behind && !S_ISDIR(walk->file->mode))
		return -ENOTDIR;
	memmove(walk->rest, behind, strlen(behind) + 1);
	return 0;
}

int root_tree_find(const struct root_tree *tree, const char *path, struct root_file *file,
		   char *resolved)
{
	struct walk walk = {.tree = tree, .file = file, .resolved = resolved};
	size_t size = strlen(path) + 1;
	if (size > sizeof(walk.rest))
		return -ENAMETOOLONG;
	memcpy(walk.rest, path, size);
	int result = walk_look(&walk);
	while (!result) {
		size_t slashes = strspn(walk.rest, "/");
		memmove(walk.rest, walk.rest + slashes, strlen(walk.rest + slashes) + 1);
		if (!walk.rest[0])
			break;
		size_t length = strcspn(walk.rest, "/");
		const char *behind = walk.rest + length;
		if (length <= 2 && !memcmp(walk.rest, "..", length)) {
			result = length == 2 ? walk_up(&walk) : 0;
			memmove(walk.rest, behind, strlen(behind) + 1);
		} else {
			result = walk_down(&walk, length, behind);
		}
	}
	if (!walk.length)
		resolved[walk.length++] = '/';
	resolved[walk.length] = 0;
	return result;
}

int root_tree_read(const struct root_tree *tree, const char *resolved, const struct root_file *file,
		   size_t limit, uint8_t **data, size_t *size, struct error *error)
{
	size_t done = 0;
	if (!S_ISREG(file->mode))
		return error_set(error, EACCES, "it is not a regular file");
	if (file->size > limit)
		return error_set(error, EFBIG, "it has %lu bytes, more than the limit of %zu",
				 file->size, limit);
	cleanup_free uint8_t *buffer = malloc(file->size + 1);
	if (!buffer)
		return error_set(error, ENOMEM, "no memory for %lu bytes of it", file->size);
	while (done < file->size) {
		ssize_t got =
		    tree->read(tree, resolved + 1, done, buffer + done, file->size - done);
		if (got < 0)
			return error_set_errno(error, (int)-got, "cannot read it from the root");
		if (!got)
			return error_set(error, EIO, "it became shorter while it was read");
		done += (size_t)got;
	}
	*size = file->size;
	*data = take_pointer(buffer);
	return 0;
}
