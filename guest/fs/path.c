/* How a path is followed; see path.h. */
#include "path.h"

#include <errno.h>
#include <fcntl.h>

#include "descriptors.h"
#include "file.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "inode.h"

#define SYMLINKS_MAX 40 /* in one path; as Linux */

struct path_context {
	struct inode *current;
	uint32_t creation_mask;
	uint32_t others; /* processes that share it, but for one */
};

struct path_context paths_of_first = {.creation_mask = 022};

static struct inode *root; /* of all processes */

void path_init(struct inode *directory)
{
	root = paths_of_first.current = directory;
	root->links = 1;
	root->directory.parent = root;
	inode_hold(root);
}

struct inode *path_root(void)
{
	return root;
}

static void release(struct path_context *paths)
{
	if (paths->others) {
		paths->others--;
		return;
	}
	inode_drop(paths->current);
	if (paths != &paths_of_first)
		heap_free(paths, sizeof(*paths));
}

int paths_copy(struct process *child, bool shared)
{
	struct path_context *own = process_current()->paths;
	if (shared) {
		own->others++;
		child->paths = own;
		return 0;
	}
	struct path_context *copy = heap_allocate(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	copy->current = own->current;
	copy->creation_mask = own->creation_mask;
	inode_hold(copy->current);
	child->paths = copy;
	return 0;
}

void paths_release(struct process *process)
{
	if (process->paths)
		release(process->paths);
	process->paths = NULL;
}

int paths_unshare(void)
{
	struct path_context *shared = process_current()->paths;
	if (!shared->others)
		return 0;
	int error = paths_copy(process_current(), false);
	if (!error)
		release(shared);
	return error;
}

struct inode *path_current_of(const struct process *process)
{
	return process->paths->current;
}

struct inode *path_current(void)
{
	return path_current_of(process_current());
}

void path_set_current(struct inode *directory)
{
	struct path_context *paths = process_current()->paths;
	inode_hold(directory);
	inode_drop(paths->current);
	paths->current = directory;
}

uint32_t path_apply_mask(uint64_t mode)
{
	return (uint32_t)mode & 07777 & ~process_current()->paths->creation_mask;
}

SYSTEM_CALL(umask)
{
	struct path_context *paths = process_current()->paths;
	const uint32_t old = paths->creation_mask;
	paths->creation_mask = (uint32_t)arguments[0] & 0777;
	return old;
}

static bool is_dots(const char *name, size_t length)
{
	return (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
}

bool walk_names_dot(const struct walk *walk)
{
	return is_dots(walk->name, walk->length);
}

static int find_component(struct inode *directory, const char *name, size_t length,
			  struct inode **found)
{
	*found = NULL;
	if (length == 1 && name[0] == '.')
		*found = directory;
	else if (length == 2 && name[0] == '.' && name[1] == '.')
		*found = directory->directory.parent;
	else
		return directory->operations->lookup(directory, name, length, found);
	return 0;
}

static void walk_start(struct walk *walk, struct inode *start)
{
	walk->inode = walk->parent = walk->path[0] == '/' ? root : start;
	walk->name = "";
	walk->length = 0;
	walk->trailing_slash = walk->leapt = false;
}

/* Replaces what was followed of the path so far by a link's target; `rest` is still to follow. */
static int expand_symlink(struct walk *walk, const struct inode *link, const char *rest)
{
	size_t rest_size = strlen(rest) + 1;
	if (link->size + rest_size > sizeof(walk->path))
		return -ENAMETOOLONG;
	memmove(walk->path + link->size, rest, rest_size);
	memcpy(walk->path, link->link.target, link->size);
	return 0;
}

static const char *skip_slashes(const char *text)
{
	while (*text == '/')
		text++;
	return text;
}

/* Is a link that stands before `rest` of a path followed? */
static bool follows(const char *rest, unsigned flags)
{
	bool last = !*skip_slashes(rest);
	return !last || flags & WALK_FOLLOW || (*rest == '/' && !(flags & WALK_NAME));
}

static int follow(struct walk *walk, struct inode *start, unsigned flags)
{
	int symlinks = 0;
	walk_start(walk, start);
	for (const char *next = skip_slashes(walk->path); *next;) {
		struct inode *directory = walk->inode;
		if (!directory)
			return -ENOENT;
		if (!S_ISDIR(directory->mode))
			return -ENOTDIR;
		const char *rest = next;
		while (*rest && *rest != '/')
			rest++;
		size_t length = (size_t)(rest - next);
		if (flags & WALK_CREATE && *rest && !*skip_slashes(rest) && !is_dots(next, length))
			return -EISDIR;
		bool too_long = length > NAME_MAX;
		if (too_long && (!(flags & WALK_LONG) || *skip_slashes(rest)))
			return -ENAMETOOLONG;
		struct inode *found = NULL;
		int error = too_long ? 0 : find_component(directory, next, length, &found);
		if (error)
			return error;
		bool followed = found && S_ISLNK(found->mode) && follows(rest, flags);
		const bool leaps = followed && found->link.leads_to;
		if (leaps)
			found = found->link.leads_to;
		if (followed && S_ISLNK(found->mode)) {
			error =
			    symlinks++ < SYMLINKS_MAX ? expand_symlink(walk, found, rest) : -ELOOP;
			if (error)
				return error;
			walk_start(walk, directory);
			next = skip_slashes(walk->path);
			continue;
		}
		walk->parent = directory;
		walk->inode = found;
		walk->name = next;
		walk->length = length;
		walk->trailing_slash = *rest == '/';
		walk->leapt = leaps;
		next = skip_slashes(rest);
	}
	if (walk->trailing_slash && walk->inode && !S_ISDIR(walk->inode->mode) &&
	    !(flags & WALK_NAME))
		return -ENOTDIR;
	return 0;
}

int path_find_opened(struct inode **inode, uint64_t descriptor)
{
	if ((int)descriptor == AT_FDCWD) {
		*inode = path_current();
		return 0;
	}
	const struct file *file = descriptor_file((uint32_t)descriptor);
	if (!file)
		return -EBADF;
	*inode = file->inode;
	return 0;
}

int path_walk(struct walk *walk, uint64_t directory, uint64_t path, unsigned flags)
{
	int error = user_string(path, walk->path, sizeof(walk->path));
	if (error)
		return error;
	if (!walk->path[0])
		return -ENOENT;
	struct inode *start = path_current();
	if (walk->path[0] != '/') {
		error = path_find_opened(&start, directory);
		if (error)
			return error;
		if (!S_ISDIR(start->mode))
			return -ENOTDIR;
	}
	return follow(walk, start, flags);
}

int path_find(struct inode **inode, uint64_t directory, uint64_t path, uint64_t at_flags)
{
	char first;
	if (at_flags & AT_EMPTY_PATH) {
		int error = user_copy_in(&first, path, 1);
		if (error)
			return error;
		if (!first)
			return path_find_opened(inode, directory);
	}
	struct walk walk;
	int error =
	    path_walk(&walk, directory, path, at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW);
	if (error)
		return error;
	*inode = walk.inode;
	return walk.inode ? 0 : -ENOENT;
}

static int walk_own(struct walk *walk, struct inode *start, const char *path, unsigned flags)
{
	const size_t length = strlen(path);
	if (length >= sizeof(walk->path))
		return -ENAMETOOLONG;
	memcpy(walk->path, path, length + 1);
	return follow(walk, start, flags);
}

int path_walk_root(struct walk *walk, const char *path, unsigned flags)
{
	return walk_own(walk, root, path, flags);
}

int path_walk_current(struct walk *walk, const char *path, unsigned flags)
{
	return walk_own(walk, path_current(), path, flags);
}

void path_enter(const char *path)
{
	struct walk walk;
	if (*path && !path_walk_root(&walk, path, WALK_FOLLOW) && walk.inode &&
	    S_ISDIR(walk.inode->mode))
		path_set_current(walk.inode);
}
