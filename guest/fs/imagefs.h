/* The root image: the tree of files that a guest begins with, read in place and never written. */
#ifndef MAYFLY_GUEST_IMAGEFS_H
#define MAYFLY_GUEST_IMAGEFS_H

#include "inode.h"

/* There is an image. */
bool imagefs_is_there(void);

/* How many inodes it has; their numbers are 1 to this. */
uint64_t imagefs_inode_count(void);

/* Its root, which the caller holds; NULL: no memory. */
struct inode *imagefs_root(void);

#endif
