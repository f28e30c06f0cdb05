/* /proc by the ids of processes. The first process' directory was made with its first id as its name.
 * It is found and listed under the id that it has in this clone, and found under its first one, too.
 * Links that lead to the current process follow it. */
#ifndef MAYFLY_GUEST_PROC_IDS_H
#define MAYFLY_GUEST_PROC_IDS_H

#include "guest/fs/inode.h"

/* Of /proc. */
extern const struct inode_operations proc_ids;

#endif
