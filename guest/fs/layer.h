/* What lies below the file tree in memory: a tree of files that is not written to. The root image
 * (imagefs.c) and the host's root directory (hostfs.c) are such layers.
 *
 * An inode is made of what a layer has when a path first comes by. What is written, and which names
 * come and go, is kept in the clone's memory from then on (regular.c, directory.c); the layer is
 * asked for the rest.
 */
#ifndef MAYFLY_GUEST_LAYER_H
#define MAYFLY_GUEST_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dirent_info;
struct inode;
struct inode_status;

struct layer_operations {
	/* Makes an inode, which the caller holds, of what is called so in a directory. 0; -ENOENT:
	 * nothing is; or another negative errno. */
	int (*lookup)(const struct inode *directory, const char *name, size_t length,
		      struct inode **found);
	/* True if something may have this name, as far as that is known without asking the
	 * layer. */
	bool (*may_have)(const struct inode *directory, const char *name, size_t length);
	/* Asking for a name that does not exist takes long, so that is remembered within a
	 * clone. */
	bool remembers_missing;

	/* Before a directory is listed: 0 or a negative errno. NULL: there is nothing to do. */
	int (*load)(struct inode *directory);
	/* After that: how many names it has, and one of them by its index. */
	uint64_t (*count)(const struct inode *directory);
	void (*describe)(const struct inode *directory, uint64_t index, struct dirent_info *info);

	/* Copies [offset, offset + length) of a file, with zeros behind its end. Where it has
	 * become shorter, the inode has afterwards, too. 0 or a negative errno. */
	int (*read)(struct inode *file, char *out, uint64_t length, uint64_t offset);
	/* Pages that are read by reads of `length` bytes may be kept in memory; NULL: they are in
	 * memory as they are. */
	bool (*may_cache)(const struct inode *file, uint64_t length);
	/* What lies at `offset` comes, or came, as the continuation of what was fetched before:
	 * it is not kept all the same. */
	bool (*is_streamed)(const struct inode *file, uint64_t offset);
	/* A file's contents, in memory that can be mapped; NULL: they are not in memory. */
	const char *(*contents)(const struct inode *file);

	/* May it be read? 0 or a negative errno. NULL: it may. */
	int (*permission)(const struct inode *inode);
	/* Fills in what is not known from memory, such as what the host says of a file. NULL:
	 * nothing. */
	void (*status)(const struct inode *inode, struct inode_status *status);
	/* Frees what the layer has of the inode. NULL: nothing. */
	void (*free)(struct inode *inode);
};

#endif
