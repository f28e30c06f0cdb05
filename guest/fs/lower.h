/* Inodes of what a layer has. */
#ifndef MAYFLY_GUEST_LOWER_H
#define MAYFLY_GUEST_LOWER_H

#include "inode.h"

/* An inode of `size` for a directory, a symbolic link to `target`, or a regular file, as `mode`
 * says. Its number, owner and times are for the caller to say, and for a directory the first
 * cookie of names that come in memory. The caller holds it; NULL: no memory. */
struct inode *lower_create(uint32_t mode, uint64_t size, const char *target,
			   const struct layer_operations *layer, const void *lower);

#endif
