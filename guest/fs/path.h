/* Paths, and where they begin: the root and the current directory. */
#ifndef MAYFLY_GUEST_PATH_H
#define MAYFLY_GUEST_PATH_H

#include <fcntl.h>
#include <linux/limits.h>
#include <stdbool.h>

#include "inode.h"

struct process;

/* For calls without a directory: paths begin at the current one. */
#define PATH_HERE ((uint64_t)AT_FDCWD)

#define WALK_FOLLOW 1u /* the last component too, where it is a symbolic link */
#define WALK_NAME   2u /* the name itself is meant: a slash after it follows no link either */
#define WALK_CREATE 4u /* a file is to be made: EISDIR where a slash stands behind the name */
#define WALK_LONG   8u /* the last name may be too long: it names nothing, and `length` tells */

struct walk {
	struct inode *parent; /* the directory of the last component */
	struct inode *inode;  /* what the path names, or NULL */
	const char *name;     /* the last component, in `path`; empty for the root */
	size_t length;
	bool trailing_slash;
	bool leapt; /* over a magic link: what it names is not in its parent */
	char path[PATH_MAX];
};

/* Follows the program's path from a directory descriptor (or AT_FDCWD). 0, also where only the last
 * component does not exist (inode NULL); or -EFAULT, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG,
 * -EBADF. */
int path_walk(struct walk *walk, uint64_t directory, uint64_t path, unsigned flags);

/* The same, and the inode must exist. With AT_EMPTY_PATH in at_flags an empty path names what the
 * descriptor has open; AT_SYMLINK_NOFOLLOW is heeded. */
int path_find(struct inode **inode, uint64_t directory, uint64_t path, uint64_t at_flags);

/* What a descriptor has open; the current directory for AT_FDCWD. 0 or -EBADF. */
int path_find_opened(struct inode **inode, uint64_t descriptor);

/* The last component is "." or "..": it can be neither made nor removed. */
bool walk_names_dot(const struct walk *walk);

/* The root, which is held; it is the current directory, too. Once, before any path is followed. */
void path_init(struct inode *directory);

/* Where the paths of a process begin, and what its files are made with. */
struct path_context;
extern struct path_context paths_of_first;

/* The current process' for a child of it: the same (`shared`), or a copy. 0 or -ENOMEM. */
int paths_copy(struct process *child, bool shared);
void paths_release(struct process *process);

/* The current process has its own from now on, where it shared it. 0 or -ENOMEM. */
int paths_unshare(void);

/* The current directory of a process that has not ended. */
struct inode *path_current_of(const struct process *process);

struct inode *path_root(void);
struct inode *path_current(void);
void path_set_current(struct inode *directory);

/* Follows the library OS's own path, from the root. As path_walk(); -ENAMETOOLONG. */
int path_walk_root(struct walk *walk, const char *path, unsigned flags);

/* The same from the current directory. */
int path_walk_current(struct walk *walk, const char *path, unsigned flags);

/* Makes a directory the current one, where it exists. */
void path_enter(const char *path);

/* The permissions of `mode` less the umask. */
uint32_t path_apply_mask(uint64_t mode);

#endif
