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

/* What a change of an inode's attributes says. */
struct layer_change {
	uint32_t flags; /* ROOT_SET_… of mayfly/root_wire.h */
	uint32_t mode;
	uint32_t owner, group; /* UINT32_MAX: as it is */
	uint64_t accessed_ns, modified_ns;
};

/* A name in a directory, and what it stands for: NULL for nothing. */
struct layer_name {
	struct inode *directory;
	const char *name;
	size_t length;
	struct inode *inode;
};

/* What changes the layer itself, where it can be changed: nothing of it is kept in memory then. Results
 * are 0 or a negative errno. */
struct layer_changes {
	/* Makes what is called so in a directory, where nothing is: S_IFREG, S_IFDIR or S_IFLNK, to
	 * `target`. The next lookup finds it. */
	int (*make)(struct inode *directory, const char *name, size_t length, uint32_t mode,
		    const char *target);
	int (*remove)(const struct layer_name *name, bool is_directory);
	/* As renameat2(2); all are of this layer, and what is moved exists. */
	int (*rename)(const struct layer_name *from, const struct layer_name *to, uint32_t flags);
	int (*link)(struct inode *inode, struct inode *directory, const char *name, size_t length);
	int (*change)(struct inode *inode, const struct layer_change *change);
	int (*synchronise)(struct inode *inode, bool data_only);
	/* FALLOC_FL_… of fallocate(2). */
	int (*allocate)(struct inode *file, uint32_t mode, uint64_t offset, uint64_t length);
};

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

	/* Before a directory is listed, from its start (`begins`) or on: 0 or a negative errno. NULL:
	 * there is nothing to do. */
	int (*load)(struct inode *directory, bool begins);
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

	/* Before what was looked up earlier is used again: brings what describes it up to date. 0, or
	 * -ESTALE where its name stands for something else by now, or for nothing; or another negative
	 * errno. NULL: it stays as it was. */
	int (*revalidate)(struct inode *inode);
	/* NULL: what is written is kept in memory. */
	const struct layer_changes *changes;
};

#endif
