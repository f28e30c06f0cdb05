/* Inodes of what a layer has; see lower.h. */
#include "lower.h"

#include "directory.h"
#include "inode.h"
#include "layer.h"
#include "regular.h"
#include "symlink.h"

static struct inode *create_link(uint32_t mode, uint64_t size, const char *target,
				 const struct layer_operations *layer, const void *lower)
{
	struct inode *inode =
	    inode_create_lower(mode, &link_inode_operations, &link_file_operations, layer, NULL);
	if (!inode)
		return NULL;
	if (symlink_set_target(inode, target, size)) {
		inode->layer = NULL; /* what it has is the caller's still */
		inode_drop(inode);
		return NULL;
	}
	inode->lower = lower;
	return inode;
}

struct inode *lower_create(uint32_t mode, uint64_t size, const char *target,
			   const struct layer_operations *layer, const void *lower)
{
	struct inode *inode;
	if (S_ISLNK(mode))
		return create_link(mode, size, target, layer, lower);
	if (S_ISDIR(mode))
		return inode_create_lower(mode, &directory_inode_operations,
					  &directory_file_operations, layer, lower);
	inode = inode_create_lower(mode, &regular_inode_operations, &regular_file_operations, layer,
				   lower);
	if (inode)
		inode->size = inode->regular.lower_size = size;
	return inode;
}
