/* Inodes; see inode.h. */
#include "inode.h"

#include "guest/machine/clock.h"
#include "guest/mm/heap.h"
#include "guest/sched/thread.h"
#include "layer.h"

static uint64_t last_number, count;

const struct inode_operations plain_inode_operations = {0};

void inode_number_above(uint64_t number)
{
	last_number = number;
}

uint64_t inode_count(void)
{
	return count;
}

static struct inode *allocate(uint32_t mode, const struct inode_operations *operations,
			      const struct file_operations *file_operations)
{
	struct inode *inode = heap_allocate(sizeof(*inode));
	if (!inode)
		return NULL;
	count++;
	inode->operations = operations;
	inode->file_operations = file_operations;
	inode->mode = mode;
	inode->references = 1;
	return inode;
}

struct inode *inode_create(uint32_t mode, const struct inode_operations *operations,
			   const struct file_operations *file_operations)
{
	struct inode *inode = allocate(mode, operations, file_operations);
	if (!inode)
		return NULL;
	inode->number = ++last_number;
	inode->accessed_ns = clock_read_ns(true);
	inode->modified_ns = inode->changed_ns = inode->accessed_ns;
	return inode;
}

struct inode *inode_create_lower(uint32_t mode, const struct inode_operations *operations,
				 const struct file_operations *file_operations,
				 const struct layer_operations *layer, const void *lower)
{
	struct inode *inode = allocate(mode, operations, file_operations);
	if (!inode)
		return NULL;
	inode->layer = layer;
	inode->lower = lower;
	return inode;
}

uint64_t inode_mark(const struct inode *inode)
{
	return 1UL << inode->number % 64;
}

void inode_signal(struct inode *inode)
{
	inode->activity++;
	thread_wake(inode);
	thread_wake_watchers(inode_mark(inode));
}

void inode_hold(struct inode *inode)
{
	inode->references++;
}

void inode_collect(struct inode *inode)
{
	if (inode->links || inode->references)
		return;
	if (inode->operations->free)
		inode->operations->free(inode);
	if (inode->layer && inode->layer->free)
		inode->layer->free(inode);
	heap_free(inode, sizeof(*inode));
	count--;
}

void inode_drop(struct inode *inode)
{
	inode->references--;
	inode_collect(inode);
}

const struct layer_changes *inode_changes(const struct inode *inode)
{
	return inode->layer ? inode->layer->changes : NULL;
}

void inode_modified(struct inode *inode)
{
	inode->modified_ns = inode->changed_ns = clock_read_ns(true);
}

void inode_changed(struct inode *inode)
{
	inode->changed_ns = clock_read_ns(true);
}
