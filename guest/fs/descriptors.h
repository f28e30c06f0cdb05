/* Descriptors: the numbers by which the program knows its open files. */
#ifndef MAYFLY_GUEST_DESCRIPTORS_H
#define MAYFLY_GUEST_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "file.h"
#include "guest/sched/limits.h"

#define DESCRIPTOR_COUNT LIMIT_OPEN_FILES

/* Of a process. */
struct descriptor_table;
extern struct descriptor_table descriptors_of_first;

/* Those of the current process. NULL where the number names nothing. */
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

#endif
