/* Regular files: those that programs write, and those of a layer, copied as they are written. */
#ifndef MAYFLY_GUEST_REGULAR_H
#define MAYFLY_GUEST_REGULAR_H

#include <stdint.h>

#include "file.h"

#define REGULAR_SEAL_EXEC 0x20U /* F_SEAL_EXEC, of newer headers */

extern const struct inode_operations regular_inode_operations;
extern const struct file_operations regular_file_operations;

/* One with these permissions, without a name; the caller holds it. NULL: no memory. */
struct inode *regular_create(uint32_t mode);

/* One that can be sealed if its `seals` say so; `name` is copied. */
struct inode *regular_create_named(uint32_t mode, const char *name, uint32_t seals);

/* F_SEAL_…; a file that cannot be sealed is sealed against seals. */
uint32_t regular_seals(const struct inode *inode);

/* 0, -EINVAL, -EPERM or -EBUSY. */
int regular_add_seals(struct inode *inode, uint32_t seals);

/* 0, -EFBIG or -ENOSPC. */
int regular_resize(struct inode *inode, uint64_t size);

/* How many bytes were written; or a negative errno. */
int64_t regular_write(struct inode *inode, const void *in, uint64_t length, uint64_t offset);

#endif
