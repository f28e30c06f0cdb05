/* Symbolic links. */
#ifndef MAYFLY_GUEST_SYMLINK_H
#define MAYFLY_GUEST_SYMLINK_H

#include "inode.h"

extern const struct inode_operations link_inode_operations;
extern const struct file_operations link_file_operations;

/* One that no dentry names yet; the caller holds it. NULL: no memory. */
struct inode *symlink_create(const char *target);

/* Makes the link lead elsewhere; the text need not end with a NUL. 0 or -ENOMEM. */
int symlink_set_target(struct inode *link, const char *text, size_t length);

#endif
