/* /proc/self/task. */
#ifndef MAYFLY_GUEST_PROC_TASKS_H
#define MAYFLY_GUEST_PROC_TASKS_H

#include "guest/fs/inode.h"

/* Of a directory with one for each thread, named by its id. */
extern const struct inode_operations proc_tasks;

#endif
