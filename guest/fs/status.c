/* What describes an inode; see status.h. */
#include "status.h"

#include <sys/sysmacros.h>

#include "inode.h"
#include "layer.h"
#include "mayfly/guest_abi.h"

#define TREE_DEVICE makedev(0, 1)
#define BLOCK_SIZE  512 /* the unit of st_blocks */

void inode_get_status(const struct inode *inode, struct inode_status *status)
{
	status->device = TREE_DEVICE;
	status->links = inode->links;
	status->blocks = 0;
	if (S_ISDIR(inode->mode))
		status->links = 2 + (uint64_t)inode->directory.subdirectories;
	else if (!inode->links && !S_ISREG(inode->mode) && !S_ISLNK(inode->mode))
		status->links = 1; /* pipes and event counters, to which no path leads */
	if (inode->operations->pages)
		status->blocks = inode->operations->pages(inode) * (GUEST_PAGE_SIZE / BLOCK_SIZE);
	if (inode->layer && inode->layer->status)
		inode->layer->status(inode, status);
}
