/* Files that are given to the program; see given_files.h. */
#include "given_files.h"

#include <errno.h>

#include "directory.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "path.h"
#include "regular.h"
#include "tree.h"

#define STATUS_MISSING 126

static int enter_or_make(const char *path)
{
	struct walk walk;
	int error = path_walk_root(&walk, path, WALK_FOLLOW);
	if (error)
		return error;
	if (!walk.inode)
		walk.inode =
		    tree_add_directory(walk.parent, walk.name, 0755, &directory_inode_operations);
	if (!walk.inode)
		return -ENOSPC;
	return S_ISDIR(walk.inode->mode) ? 0 : -ENOTDIR;
}

/* Those that the path goes through. */
static int make_directories(char *path)
{
	int error = 0;
	for (char *next = path + 1; *next && !error; next++) {
		if (*next != '/')
			continue;
		*next = 0;
		error = enter_or_make(path);
		*next = '/';
	}
	return error;
}

static int make_file(const struct guest_given_file *given, char *path)
{
	const char *contents = path + given->path_size;
	struct walk walk;
	int error = make_directories(path);
	if (!error)
		error = path_walk_root(&walk, path, 0);
	if (error)
		return error;
	if (walk.inode && S_ISDIR(walk.inode->mode))
		return -EISDIR;
	struct inode *inode = tree_add(walk.parent, walk.name, regular_create(given->mode & 07777));
	if (!inode)
		return -ENOSPC;
	inode->owner = libos_start_info.user;
	inode->group = libos_start_info.group;
	return regular_write(inode, contents, given->length, 0) == (int64_t)given->length ? 0
											  : -ENOSPC;
}

void given_files_init(void)
{
	void *files = (void *)libos_start_info.files_base;
	const uint64_t size = libos_start_info.files_size;
	struct guest_given_file *given;
	uint64_t offset = 0;
	while ((given = guest_given_file_next(files, size, &offset))) {
		char *path = (char *)(given + 1);
		const int error = make_file(given, path);
		if (error) {
			machine_tell("the file %s cannot be put there (error %d)", path, -error);
			machine_exit(STATUS_MISSING);
		}
	}
	if (size)
		memset(files, 0, size);
}
