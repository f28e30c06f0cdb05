/* Files inside the library OS: nodes (what a path names), files (what open() makes) and descriptors
 * (the numbers by which the program knows files).
 *
 *     descriptor ──> file ──> node <── entry ── directory
 *
 * One table of functions serves regular files, directories, devices, pipes and the streams of the
 * request. Reference counts keep a node while an entry names it or a file has it open.
 */
#ifndef MAYFLY_GUEST_FILES_H
#define MAYFLY_GUEST_FILES_H

#include <linux/limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "generated.h"

struct file;
struct epoll;
struct pipe;
struct root_node;
struct served;

/* Buffers are memory that may be touched: whoever calls has checked them. The results are a count
 * or a negative errno. A member that is NULL is described beside it. */
struct file_operations {
	int64_t (*read)(struct file *file, void *out, uint64_t length, uint64_t offset);
	int64_t (*write)(struct file *file, const void *in, uint64_t length, uint64_t offset);
	uint32_t (*ready)(struct file *file);	  /* POLLIN | …; NULL: always both ways */
	uint64_t (*available)(struct file *file); /* bytes that a read would find; NULL: 0 */
	void (*release)(struct file *file);	  /* the last descriptor is gone; NULL: nothing */
	bool seekable;				  /* has a position */
};

/* An entry of a directory. `cookie` numbers the entries in the order in which they came, and is
 * never used twice: a listing can go on where it was while entries come and go. What lies below
 * (the root image, or the root directory) comes first in a listing, in its own order. */
struct entry {
	struct entry *next, *previous;
	struct entry *next_in_place; /* of the directory's table */
	struct node *node;	     /* NULL: nothing is called so */
	uint64_t cookie;
	uint32_t hash;
	uint32_t length;
	uint32_t missing_in; /* nothing is called so, as was found out in this served_epoch() */
	bool is_lower;	     /* it is what lies below */
	bool hides_lower;    /* something lies below under its name, which must not be seen again */
	char name[];
};

struct node {
	const struct file_operations *operations;
	uint64_t number;     /* st_ino */
	uint32_t mode;	     /* S_IFREG … and permissions */
	uint32_t links;	     /* entries that name it */
	uint32_t references; /* files, and code, that hold it */
	uint32_t owner, group;
	uint64_t device;       /* st_rdev */
	struct served *served; /* what the root directory has of it; NULL: nothing */
	uint64_t size;
	uint64_t accessed_ns, modified_ns, changed_ns;
	union {
		struct {
			struct node *parent; /* NULL once it is removed */
			/* What the root image has of it; NULL: nothing. The entries below are those
			 * that came since, were removed, or were looked at. */
			const struct root_node *lower;
			struct entry *first, *last;
			struct entry **table; /* by names; NULL where there are few */
			uint32_t entries, places;
			uint64_t next_cookie;
			uint32_t subdirectories;
			bool has_descriptors; /* /proc/self/fd: the entries are made elsewhere */
		} directory;
		struct {
			char **pages; /* NULL: what lies below, or a hole */
			uint64_t capacity;
			/* Below lie so many bytes: in the root image, or at the server. */
			const char *lower;
			uint64_t lower_size;
			generated_function *generate; /* its text, at each open; or NULL */
		} contents;
		struct {
			char *target; /* of a symbolic link; `size` characters and a NUL */
			/* What it leads to, whatever its target says; only until the next look. */
			struct node *leads_to;
		};
		struct pipe *pipe;
		struct {
			uint64_t count;
			bool semaphore;
		} counter; /* of eventfd */
		struct epoll *epoll;
	};
	uint32_t activity; /* counts what node_signal() told */
};

struct file {
	struct node *node;
	uint64_t offset;
	uint32_t references;		  /* descriptors */
	int flags;			  /* of open(): access mode, O_APPEND, O_NONBLOCK, … */
	struct generated_text *generated; /* of a file that is made when it is opened */
	struct node *directory;		  /* where it was found when it was opened, or NULL */
};

/* ── node.c ─────────────────────────────────────────────────────────────────────────────────── */

/* A node that no entry names yet; the caller holds it. NULL: no memory. */
struct node *node_create(uint32_t mode, const struct file_operations *operations);
struct node *node_create_symlink(const char *target);

/* st_dev. status.c */
uint64_t node_file_system(const struct node *node);

/* The root of the image or root directory, where there is one; else an empty directory. */
struct node *node_create_root(void);

/* A node for what the root image has under this number. */
struct node *node_create_lower(uint32_t number);

/* Frees a node that nothing names and nothing holds. */
void node_collect(struct node *node);
void node_hold(struct node *node);
void node_drop(struct node *node);

/* Notes that contents (or, for directories, entries) changed; or only what describes the node. */
void node_modified(struct node *node);
void node_changed(struct node *node);

/* The readiness of files on the node may have changed: wakes who waits for files. */
void node_signal(struct node *node);

/* ── entries.c ──────────────────────────────────────────────────────────────────────────────── */

#define DIRECTORY_FIRST_COOKIE 2 /* 0 and 1 stand for . and .. */
#define DIRECTORY_OWN_COOKIES                                                                      \
	(1UL << 32) /* over a served directory, whose names come before they are counted */

/* *found: what is called so, or NULL. 0, or a negative errno: there may be something. */
int directory_find(struct node *directory, const char *name, size_t length, struct node **found);

/* Something called so in a directory, as a listing shows it. */
struct listing {
	const char *name;
	size_t length;
	uint64_t number, cookie;
	uint32_t mode;
};

/* Before it is listed: fetches the names of a served directory. 0 or a negative errno. */
int directory_load(struct node *directory);

/* The first with this cookie or a higher one; false: there are no more. */
bool directory_list(const struct node *directory, uint64_t cookie, struct listing *listing);

/* 0, -ENOTEMPTY, or what directory_load() says. */
int directory_check_empty(struct node *directory);

/* The entry that names `node`, or NULL. */
const struct entry *directory_entry_of(const struct node *directory, const struct node *node);

/* 0, or -ENOSPC; -ENOENT where the directory itself is removed. The name must be free. */
int directory_add(struct node *directory, const char *name, size_t length, struct node *node);
void directory_remove(struct node *directory, const char *name, size_t length);

/* Puts a directory's path in front of what stands in `path` from *start on, and moves *start; the
 * root's is empty. 0, -ENOENT where it was removed, or -ENAMETOOLONG. */
int directory_path(const struct node *directory, char path[PATH_MAX], size_t *start);

/* Frees all entries of a directory that names nothing any more. */
void directory_free(struct node *directory);

/* ── contents.c: regular files ──────────────────────────────────────────────────────────────── */

extern const struct file_operations regular_operations;

/* 0, -EFBIG or -ENOSPC. */
int contents_resize(struct node *node, uint64_t size);

/* Copies what an open regular file has at [offset, offset + length), for a mapping: of what is
 * served, no page is kept besides. As a read: less at its end, or a negative errno. */
int64_t contents_copy(struct file *file, void *out, uint64_t length, uint64_t offset);
/* The file's pages from `offset` on, as the root image has them: their address there, and how many
 * bytes, up to the end of the last page. 0 where any was written to in this clone, or there are
 * none. */
uint64_t contents_image_pages(const struct file *file, uint64_t offset, uint64_t *length);
int64_t contents_write(struct node *node, const void *in, uint64_t length, uint64_t offset);
void contents_free(struct node *node);

/* ── directories.c, devices.c, pipes.c, streams.c ───────────────────────────────────────────── */

extern const struct file_operations directory_operations;
extern const struct file_operations null_operations, zero_operations, full_operations,
    random_operations;
extern const struct file_operations request_operations, response_operations, log_operations;

/* A node with an empty pipe; NULL: no memory. */
struct node *pipe_create(void);

/* Each file on a pipe is one end of it, as its access mode says. */
void pipe_open(struct file *file);
void pipe_free(struct pipe *pipe);

/* ── tree.c ─────────────────────────────────────────────────────────────────────────────────── */

#define WALK_FOLLOW 1u /* the last component too, where it is a symbolic link */
#define WALK_NAME                                                                                  \
	2u /* of interest is the name: a slash behind it does not follow a link either             \
	    */

struct walk {
	struct node *parent; /* the directory of the last component */
	struct node *node;   /* what the path names, or NULL */
	const char *name;    /* the last component, in `path`; empty for the root */
	size_t length;
	bool trailing_slash;
	char path[PATH_MAX];
};

/* Follows the program's path from a directory descriptor (or AT_FDCWD). 0, also where only the last
 * component does not exist (node NULL); or -EFAULT, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG,
 * -EBADF. */
int tree_walk(struct walk *walk, uint64_t directory, uint64_t path, unsigned flags);

/* The same, and the node must exist. With AT_EMPTY_PATH in at_flags an empty path names what the
 * descriptor has open; AT_SYMLINK_NOFOLLOW is heeded. */
int tree_find(struct node **node, uint64_t directory, uint64_t path, uint64_t at_flags);

/* The last component is "." or "..": it can be neither made nor removed. */
bool walk_names_dot(const struct walk *walk);

struct node *tree_root(void);
struct node *tree_current(void);
void tree_set_current(struct node *directory);

/* The permissions of `mode` less the umask. */
uint32_t tree_apply_mask(uint64_t mode);

/* ── descriptors.c ──────────────────────────────────────────────────────────────────────────── */

#define DESCRIPTOR_COUNT 1024

/* NULL where the number names nothing. */
struct file *descriptor_file(uint64_t descriptor);

/* The same for a call that wants more of the file than its path: NULL also for one of O_PATH. */
struct file *descriptor_opened(uint64_t descriptor);

/* The lowest free number from `lowest` on takes over the caller's reference; -EMFILE drops it. */
int descriptor_install(struct file *file, uint64_t lowest, bool close_on_exec);

/* Puts a file at a number, closing what was there. Takes over the caller's reference. */
void descriptor_replace(uint64_t descriptor, struct file *file, bool close_on_exec);

/* 0 or -EBADF. */
int descriptor_close(uint64_t descriptor);
bool descriptor_close_on_exec(uint64_t descriptor);
void descriptor_set_close_on_exec(uint64_t descriptor, bool value);

/* A file with one reference, which holds the node; NULL: no memory. */
struct file *file_open(struct node *node, int flags);

/* Notes where a file that is being opened was found. */
void file_set_directory(struct file *file, struct node *directory);
void file_hold(struct file *file);
void file_drop(struct file *file);

/* Waits until the readiness of some file changes, for a call that cannot go on. 0: look again; else
 * what the call returns. poll.c. */
int64_t file_wait(struct file *file, const char *waiting_for);

/* POLLIN | …: what would not wait. poll.c. */
uint32_t file_ready(struct file *file);
bool file_readable(const struct file *file);
bool file_writable(const struct file *file);

#endif
