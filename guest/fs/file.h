/* Open files: what open() makes, and what can be done with them. */
#ifndef MAYFLY_GUEST_FILE_H
#define MAYFLY_GUEST_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/backing.h"
#include "guest/sched/thread.h"
#include "inode.h"

struct file;

/* Buffers are memory that may be touched: whoever calls has checked them. The results are a count
 * or a negative errno. A member that is NULL is described beside it; read and write: EINVAL. */
struct file_operations {
	int64_t (*read)(struct file *file, void *out, uint64_t length, uint64_t offset);
	int64_t (*write)(struct file *file, const void *in, uint64_t length, uint64_t offset);
	/* All buffers of the program's vector, which was checked, in one go: for files whose
	 * transfers are messages. NULL: one after the other by read and write. */
	int64_t (*read_vector)(struct file *file, uint64_t vector, uint64_t count);
	int64_t (*write_vector)(struct file *file, uint64_t vector, uint64_t count);
	/* The file has just been opened: 0 or a negative errno. NULL: there is nothing to do. */
	int (*open)(struct file *file);
	/* The last descriptor is gone; NULL: there is nothing to do. */
	void (*release)(struct file *file);
	/* The new position; NULL: it has none. Not for `whence` above SEEK_HOLE. */
	int64_t (*seek)(struct file *file, int64_t offset, uint32_t whence);
	/* POLLIN | …: what would not wait; NULL: it never waits, and cannot be watched. */
	uint32_t (*poll)(struct file *file);
	/* The same for whoever does not mean to read: it must not ask for what comes from outside.
	 * NULL: poll does not. */
	uint32_t (*glance)(struct file *file);
	/* Bytes that a read would find; NULL: nobody can tell. */
	uint64_t (*available)(struct file *file);
	/* What the pages of a mapping come from: *backing, or NULL for zeros. NULL: it cannot be
	 * mapped (-ENODEV). */
	int (*map)(struct file *file, struct backing **backing);
	/* What /proc/self/fdinfo has besides; NULL: nothing. */
	void (*show)(const struct file *file, struct pseudo_text *out);

	bool positioned;     /* reads and writes happen at a position */
	bool refuses_pwrite; /* but writes only at the file's own */
	bool stored;	     /* what is written stays: it can be synchronised, copied and sealed */
	bool endless;	     /* a device whose reads never end */
	bool refuses_splice; /* is not written to by sendfile() */
	/* read, or write, checks its buffer itself, or does not use it */
	bool ignores_out, ignores_in;
};

struct file {
	struct backing backing; /* for mappings of it */
	const struct file_operations *operations;
	struct inode *inode;
	uint64_t offset;
	uint32_t references;	 /* descriptors, mappings, calls that wait */
	int flags;		 /* of open(): access mode, O_APPEND, O_NONBLOCK, … */
	void *private;		 /* of the operations */
	struct inode *directory; /* where it was found when it was opened, or NULL */
	/* Who watches the file is told that it goes; NULL: nobody does. */
	void (*forget)(const struct file *file);
};

/* A file with one reference, which holds the inode; NULL: no memory. */
struct file *file_open(struct inode *inode, int flags);

/* Calls the open() of its operations; not for files of O_PATH. 0, or a negative errno: the
 * caller drops the file. */
int file_start(struct file *file);

/* Notes where a file that is being opened was found. */
void file_set_directory(struct file *file, struct inode *directory);
void file_hold(struct file *file);
void file_drop(struct file *file);

bool file_readable(const struct file *file);
bool file_writable(const struct file *file);

/* The file that a mapping is of. */
struct file *file_of_backing(const struct backing *backing);

/* For struct backing_operations: a mapping holds its file. */
void file_hold_backing(struct backing *backing);
void file_drop_backing(struct backing *backing);

/* POLLIN | …: what would not wait. `wanted`: what the caller asks for. The current thread watches the
 * inode from then on, until it takes its list of those anew. */
uint32_t file_poll(struct file *file, uint32_t wanted);

/* Waits until the readiness of some file changes, for a call that cannot go on. `look`: see struct
 * thread. 0: look again; else what the call returns. */
int64_t file_wait(struct file *file, const char *waiting_for, thread_look_function *look);

/* The same until that time at most (then -EAGAIN), also where the file has O_NONBLOCK. */
int64_t file_wait_until(struct file *file, uint64_t deadline_ns, const char *waiting_for,
			thread_look_function *look);

/* The same as file_wait() for files of which inode_signal() tells whatever is waited for: what happens
 * to others does not wake it. */
int64_t file_wait_for_inode(struct file *file, const char *waiting_for);

/* A seek() for files whose size means nothing: SEEK_SET and SEEK_CUR only. */
int64_t file_seek_position(struct file *file, int64_t offset, uint32_t whence);

/* An open() for what only a call of its own makes: -ENXIO by way of /proc/self/fd. */
int file_refuse_open(struct file *file);

/* Sets the position to `start` + `offset`. */
int64_t file_set_position(struct file *file, int64_t start, int64_t offset);

#endif
