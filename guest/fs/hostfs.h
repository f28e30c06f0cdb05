/* The host's root directory, where the root is no image: names and contents come in on demand from
 * the host's server, by hypercalls, and stay in the clone's memory as far as that is worth it.
 *
 * Inodes are made when a path first comes by, a directory's names when it is first listed; both are
 * kept as they were then, and are in the snapshot. A name that was missing is asked for again in a
 * clone.
 */
#ifndef MAYFLY_GUEST_HOSTFS_H
#define MAYFLY_GUEST_HOSTFS_H

#include "inode.h"

/* Inodes of the host have its numbers; those that are made here lie above. */
#define HOSTFS_NUMBERS (1UL << 62)

/* There is a root directory. */
bool hostfs_is_there(void);

/* Its inode, which the caller holds; NULL where it cannot be had. */
struct inode *hostfs_root(void);

/* A clone begins: its window is another one. */
void hostfs_resume(void);

#endif
