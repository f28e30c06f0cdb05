/* What describes an inode beyond what it has in memory. */
#ifndef MAYFLY_GUEST_STATUS_H
#define MAYFLY_GUEST_STATUS_H

#include <stdint.h>

struct inode;

struct inode_status {
	uint64_t device; /* st_dev */
	uint64_t links, blocks;
};

void inode_get_status(const struct inode *inode, struct inode_status *status);

#endif
