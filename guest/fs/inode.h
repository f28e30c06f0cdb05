/* Inodes: what names stand for.
 *
 *     descriptor ──> file ──> inode <── dentry ── directory
 *
 * What an inode can do its operations say, for its kind: those of directories in memory, of regular
 * files, of files and directories of /proc, of pipes … What a root image, or the host's root
 * directory, has of it is a layer below (layer.h). Reference counts keep an inode while a dentry
 * names it, a file has it open, or code holds it.
 */
#ifndef MAYFLY_GUEST_INODE_H
#define MAYFLY_GUEST_INODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct dentry;
struct dirent_info;
struct file_operations;
struct inode;
struct layer_changes;
struct layer_operations;
struct pseudo_text;

/* A member that is NULL is described beside it. Results are 0 or a negative errno. */
struct inode_operations {
	/* Of directories. *found: what has this name, or NULL. A negative errno: that could not be
	 * found out. */
	int (*lookup)(struct inode *directory, const char *name, size_t length,
		      struct inode **found);
	/* Before it is listed, from its start (`begins`) or on; NULL: there is nothing to do. */
	int (*load)(struct inode *directory, bool begins);
	/* The first entry with this cookie or a higher one; false: there are no more. */
	bool (*list)(const struct inode *directory, uint64_t cookie, struct dirent_info *info);
	/* How an entry is called now; NULL: as it was when it was made. */
	const char *(*name)(const struct dentry *dentry, size_t *length);
	/* Entries are made when somebody looks: none can be added. */
	bool synthetic;

	/* Of files. Changes the size; NULL: -EINVAL. */
	int (*resize)(struct inode *inode, uint64_t size);
	/* Makes zeros of [offset, offset + length), which does not overflow; NULL: -EOPNOTSUPP. */
	int (*clear)(struct inode *inode, uint64_t offset, uint64_t length);
	/* How many pages of its contents there are; NULL: none. */
	uint64_t (*pages)(const struct inode *inode);

	/* Frees what the inode has; NULL: nothing. */
	void (*free)(struct inode *inode);
};

struct inode {
	const struct inode_operations *operations;
	const struct file_operations *file_operations; /* of files that are opened on it */
	uint64_t number;			       /* st_ino */
	uint32_t mode;				       /* S_IFREG … and permissions */
	uint32_t links;				       /* dentries that name it */
	uint32_t references;			       /* files, and code, that hold it */
	uint32_t owner, group;
	uint64_t device; /* st_rdev */
	uint64_t size;
	uint64_t accessed_ns, modified_ns, changed_ns;
	const struct layer_operations *layer; /* NULL: nothing lies below */
	const void *lower;		      /* what the layer has of it */
	bool read_only;			      /* neither it nor, of a directory, its names: EROFS */
	union {
		struct {
			struct inode *parent; /* NULL once it is removed */
			/* Over a layer: those that came since, were removed, or were looked at. */
			struct dentry *first, *last;
			struct dentry **table; /* by names; NULL where there are few */
			uint32_t entries, places;
			uint64_t next_cookie;
			uint32_t subdirectories;
		} directory;
		struct {
			char **pages; /* NULL: what lies below, or a hole */
			uint64_t capacity;
			uint64_t lower_size; /* bytes that lie below */
			/* Of one that memfd_create() made; else it has no seals and no name. */
			uint32_t seals; /* F_SEAL_… */
			bool sealable;
			char *name;
		} regular;
		struct {
			char *target; /* `size` characters and a NUL */
			/* A magic link, as those of /proc/self/fd: what it leads to, whatever its
			 * target says; only until the next look. */
			struct inode *leads_to;
		} link;
		struct {
			void (*generate)(struct pseudo_text *out);
			uint64_t subject; /* what the text is of: a thread, a descriptor */
			/* Reads from the start are ESRCH then; NULL: it never goes. */
			bool (*is_gone)(uint64_t subject);
		} pseudo;
		void *private; /* of any other kind */
	};
	uint32_t activity; /* counts what inode_signal() told */
};

/* For kinds that have nothing of their own. */
extern const struct inode_operations plain_inode_operations;

/* Numbers of inodes that are made here lie above this one; below are those of layers. */
void inode_number_above(uint64_t number);

/* How many there are. */
uint64_t inode_count(void);

/* An inode that no dentry names yet; the caller holds it. NULL: no memory. */
struct inode *inode_create(uint32_t mode, const struct inode_operations *operations,
			   const struct file_operations *file_operations);

/* The same over what a layer has, which knows its number and times. */
struct inode *inode_create_lower(uint32_t mode, const struct inode_operations *operations,
				 const struct file_operations *file_operations,
				 const struct layer_operations *layer, const void *lower);

/* Frees an inode that nothing names and nothing holds. */
void inode_collect(struct inode *inode);
void inode_hold(struct inode *inode);
void inode_drop(struct inode *inode);

/* How its layer is changed; NULL: changes of it are kept in memory. */
const struct layer_changes *inode_changes(const struct inode *inode);

/* Notes that contents (or, for directories, entries) changed; or only what describes the inode. */
void inode_modified(struct inode *inode);
void inode_changed(struct inode *inode);

/* The bit of a thread's `watched` that stands for it. */
uint64_t inode_mark(const struct inode *inode);

/* The readiness of files on the inode may have changed: wakes who waits for them. */
void inode_signal(struct inode *inode);

#endif
