/* Descriptors: the numbers by which the program knows its open files. */
#ifndef MAYFLY_GUEST_DESCRIPTORS_H
#define MAYFLY_GUEST_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "file.h"
#include "guest/sched/limits.h"

struct process;

#define DESCRIPTOR_COUNT LIMIT_OPEN_FILES

/* Of a process. */
struct descriptor_table;
extern struct descriptor_table descriptors_of_first;

/* The current process' for a child of it: the same ones (`shared`), or a copy of the table, whose
 * files are the same. 0 or -ENOMEM. */
int descriptors_copy(struct process *child, bool shared);

/* With its last process all of a table's descriptors are closed. */
void descriptors_release(struct process *process);

/* The current process has its own from now on, where it shared them. 0 or -ENOMEM. */
int descriptors_unshare(void);

/* How many numbers a process' table has room for: none is in use from there on. */
uint64_t descriptors_end(const struct process *process);

/* What the number names in a process; NULL: nothing, or the process has ended. */
struct file *descriptor_file_of(const struct process *process, uint64_t descriptor);

/* Those of the current process. NULL where the number names nothing. */
struct file *descriptor_file(uint64_t descriptor);

/* The same for a call that wants more of the file than its path: NULL also for one of O_PATH. */
struct file *descriptor_opened(uint64_t descriptor);

/* The lowest free number from `lowest` on takes over the caller's reference; -EMFILE and -ENOMEM drop
 * it. */
int descriptor_install(struct file *file, uint64_t lowest, bool close_on_exec);

/* Puts a file at a number below DESCRIPTOR_COUNT, closing what was there. Takes over the caller's
 * reference. 0, or -ENOMEM, which drops it. */
int descriptor_replace(uint64_t descriptor, struct file *file, bool close_on_exec);

/* 0 or -EBADF. */
int descriptor_close(uint64_t descriptor);
bool descriptor_close_on_exec(uint64_t descriptor);
void descriptor_set_close_on_exec(uint64_t descriptor, bool value);

#endif
