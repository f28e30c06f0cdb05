/* The file tree at the program's start. */
#ifndef MAYFLY_GUEST_TREE_H
#define MAYFLY_GUEST_TREE_H

#include "inode.h"

/* The root, from whichever layer there is, with what programs expect in /tmp and /etc. */
void tree_init(void);

/* The functions below put something into the tree, in place of what a layer has under its name,
 * and return it. `directory` may be NULL, and so may the result: what cannot be made is missing,
 * with all that was to be in it. That does not happen, because the monitor refuses a pool that
 * is too small for this tree. */

/* Lets go of the inode, which the caller held. */
struct inode *tree_add(struct inode *directory, const char *name, struct inode *inode);

struct inode *tree_add_directory(struct inode *directory, const char *name, uint32_t mode,
				 const struct inode_operations *operations);
struct inode *tree_add_symlink(struct inode *directory, const char *name, const char *target);
struct inode *tree_add_device(struct inode *directory, const char *name, uint32_t mode,
			      uint64_t device, const struct file_operations *operations);

/* /dev. */
struct inode *tree_devices(void);

#endif
