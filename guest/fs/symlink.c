/* Symbolic links; see symlink.h. */
#include "symlink.h"

#include <errno.h>

#include "file.h"
#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "inode.h"

static void free_target(struct inode *inode)
{
	heap_free(inode->link.target, inode->size + 1);
}

const struct inode_operations link_inode_operations = {.free = free_target};

/* They can be opened as paths only. */
const struct file_operations link_file_operations = {0};

struct inode *symlink_create(const char *target)
{
	struct inode *inode =
	    inode_create(S_IFLNK | 0777, &link_inode_operations, &link_file_operations);
	if (!inode)
		return NULL;
	if (symlink_set_target(inode, target, strlen(target))) {
		inode_drop(inode);
		return NULL;
	}
	return inode;
}

int symlink_set_target(struct inode *link, const char *text, size_t length)
{
	char *target = heap_allocate(length + 1);
	if (!target)
		return -ENOMEM;
	memcpy(target, text, length);
	free_target(link);
	link->link.target = target;
	link->size = length;
	return 0;
}
