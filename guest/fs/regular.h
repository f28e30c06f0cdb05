/* Regular files: those that programs write, and those of a layer, copied as they are written. */
#ifndef MAYFLY_GUEST_REGULAR_H
#define MAYFLY_GUEST_REGULAR_H

#include <stdint.h>

#include "file.h"

extern const struct inode_operations regular_inode_operations;
extern const struct file_operations regular_file_operations;

/* One with these permissions, without a name; the caller holds it. NULL: no memory. */
struct inode *regular_create(uint32_t mode);

/* 0, -EFBIG or -ENOSPC. */
int regular_resize(struct inode *inode, uint64_t size);

/* How many bytes were written; or a negative errno. */
int64_t regular_write(struct inode *inode, const void *in, uint64_t length, uint64_t offset);

#endif
