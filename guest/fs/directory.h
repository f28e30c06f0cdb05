/* Directories in memory, over a layer or over nothing. */
#ifndef MAYFLY_GUEST_DIRECTORY_H
#define MAYFLY_GUEST_DIRECTORY_H

#include <linux/limits.h>

#include "inode.h"

/* A name in a directory. `cookie` numbers those in memory in the order in which they came, and is
 * never used twice: a listing can go on where it was while names come and go. What lies below comes
 * first in a listing, in its own order. */
struct dentry {
	struct dentry *next, *previous;
	struct dentry *next_in_place; /* of the directory's table */
	struct inode *inode;	      /* NULL: nothing is called so */
	uint64_t cookie;
	uint32_t hash;
	uint32_t length;
	uint32_t missing_in; /* nothing is called so, as was found out in this epoch */
	bool is_lower;	     /* it is what lies below */
	bool hides_lower;    /* what lies below under its name must not be seen again */
	char name[];
};

#define DIRECTORY_FIRST_COOKIE 2 /* cookies 0 and 1 stand for . and .. */

/* An entry as a listing shows it. */
struct dirent_info {
	const char *name;
	size_t length;
	uint64_t number, cookie;
	uint32_t mode;
};

/* Operations of directories in memory. Other kinds of directories may use some of them. */
extern const struct inode_operations directory_inode_operations;
extern const struct file_operations directory_file_operations;

int directory_lookup(struct inode *directory, const char *name, size_t length,
		     struct inode **found);
bool directory_list(const struct inode *directory, uint64_t cookie, struct dirent_info *info);
void directory_free(struct inode *directory);

/* One with these permissions, without a name; the caller holds it. NULL: no memory. */
struct inode *directory_create(uint32_t mode, const struct inode_operations *operations);

/* ── for directories of all kinds ────────────────────────────────────────────────────────────── */

/* Before it is listed, from its start (`begins`) or on. 0 or a negative errno. */
int directory_load(struct inode *directory, bool begins);

/* 0, -ENOTEMPTY, or what directory_load() says. */
int directory_check_empty(struct inode *directory);

/* The dentry that names `inode`, or NULL. */
const struct dentry *directory_dentry_of(const struct inode *directory, const struct inode *inode);

/* 0, or -ENOSPC; -ENOENT where the directory itself is removed. The name must be free. */
int directory_add(struct inode *directory, const char *name, size_t length, struct inode *inode);
void directory_remove(struct inode *directory, const char *name, size_t length);

/* The layer's own name is not what it was: it is looked up anew when it is next asked for. */
void directory_forget(struct inode *directory, const char *name, size_t length);

/* The layer has moved what was called so. */
void directory_move(struct inode *from, const char *from_name, size_t from_length, struct inode *to,
		    const char *to_name, size_t to_length);

/* Lets two names, which exist, change what they name. 0 or -ENOSPC. */
int directory_exchange(struct inode *first, const char *first_name, size_t first_length,
		       struct inode *second, const char *second_name, size_t second_length);

/* Puts a directory's path in front of what stands in `path` from *start on, and moves *start; the
 * root's is empty. 0, -ENOENT where it was removed, or -ENAMETOOLONG. */
int directory_path(const struct inode *directory, char path[PATH_MAX], size_t *start);

/* ── clones ──────────────────────────────────────────────────────────────────────────────────── */

/* A number that changes when a clone begins. A name that a layer did not have before may be
 * there now. */
uint32_t directory_epoch(void);
void directory_new_epoch(void);

#endif
