/* Directories of /proc for processes: each has files, links and directories that tell of its process.
 * That of the first one is there from the beginning; others are made when somebody looks, and go when
 * somebody looks after the process has gone. */
#ifndef MAYFLY_GUEST_PROC_MEMBERS_H
#define MAYFLY_GUEST_PROC_MEMBERS_H

#include "guest/fs/inode.h"

struct process;

/* A folder of each of them. */
struct proc_folder {
	const char *name;
	uint32_t mode;
	const struct inode_operations *operations;
};

#define PROC_FOLDERS 3

/* That of the first process, as an entry of /proc; with the folders that each is to have. */
void proc_members_init(struct inode *proc, const struct proc_folder of_each[PROC_FOLDERS]);

/* That of another process, whose id it is; *found is NULL where there is none. 0 or -ENOMEM. */
int proc_members_find(struct inode *proc, uint32_t id, struct inode **found);

/* The process that a directory tells of, or that the one which it is in does; NULL: it is gone. */
struct process *proc_process_of(const struct inode *directory);

/* The files of a process in a directory; they tell of a thread where that is one's. 0 or -ENOMEM. */
int proc_add_files(struct inode *directory, uint32_t id, bool of_thread);

/* Empties such a directory, which then goes when nobody holds it any more. */
void proc_free_directory(struct inode *directory);

#endif
