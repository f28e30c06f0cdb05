/* Nodes: what names stand for; see files.h. */
#include <errno.h>

#include "files.h"
#include "libos.h"
#include "root.h"
#include "served.h"
#include "text.h"
#include "thread.h"

/* Nodes of a served directory have the host's numbers; those made here lie above. */
#define OWN_NUMBERS_OVER_SERVED (1UL << 62)

static uint64_t last_number;

struct node *node_create(uint32_t mode, const struct file_operations *operations)
{
	struct node *node = heap_allocate(sizeof(*node));
	if (!node)
		return NULL;
	node->operations = operations;
	node->number =
	    (served_is_there() ? OWN_NUMBERS_OVER_SERVED : root_node_count()) + ++last_number;
	node->mode = mode;
	node->references = 1;
	node->accessed_ns = time_now_ns(true);
	node->modified_ns = node->changed_ns = node->accessed_ns;
	if (S_ISDIR(mode))
		node->directory.next_cookie = DIRECTORY_FIRST_COOKIE;
	return node;
}

struct node *node_create_symlink(const char *target)
{
	struct node *node = node_create(S_IFLNK | 0777, &regular_operations);
	if (!node)
		return NULL;
	node->size = strlen(target);
	node->target = heap_allocate(node->size + 1);
	if (!node->target) {
		heap_free(node, sizeof(*node));
		return NULL;
	}
	memcpy(node->target, target, node->size + 1);
	return node;
}

void node_signal(struct node *node)
{
	node->activity++;
	thread_wake(&thread_files_channel);
}

void node_hold(struct node *node)
{
	node->references++;
}

void node_collect(struct node *node)
{
	if (node->links || node->references)
		return;
	if (S_ISREG(node->mode))
		contents_free(node);
	else if (S_ISLNK(node->mode))
		heap_free(node->target, node->size + 1);
	else if (S_ISFIFO(node->mode))
		pipe_free(node->pipe);
	else if (S_ISDIR(node->mode))
		directory_free(node);
	served_free(node->served);
	heap_free(node, sizeof(*node));
}

void node_drop(struct node *node)
{
	node->references--;
	node_collect(node);
}

void node_modified(struct node *node)
{
	node->modified_ns = node->changed_ns = time_now_ns(true);
}

void node_changed(struct node *node)
{
	node->changed_ns = time_now_ns(true);
}

struct node *node_create_lower(uint32_t number)
{
	const struct root_node *lower = root_node(number);
	if (S_ISLNK(lower->mode)) {
		struct node *link = node_create_symlink(root_target(lower));
		if (!link)
			return NULL;
		link->number = number + 1UL;
		link->owner = lower->owner;
		link->group = lower->group;
		link->accessed_ns = link->modified_ns = link->changed_ns = lower->modified_ns;
		return link;
	}
	struct node *node = heap_allocate(sizeof(*node));
	if (!node)
		return NULL;
	node->number = number + 1UL;
	node->mode = lower->mode;
	node->references = 1;
	node->owner = lower->owner;
	node->group = lower->group;
	node->accessed_ns = node->modified_ns = node->changed_ns = lower->modified_ns;
	if (S_ISDIR(lower->mode)) {
		node->operations = &directory_operations;
		node->directory.lower = lower;
		node->directory.next_cookie = DIRECTORY_FIRST_COOKIE + lower->size;
		node->directory.subdirectories = lower->links - 2;
	} else {
		node->operations = &regular_operations;
		node->size = node->contents.lower_size = lower->size;
		node->contents.lower = root_contents(lower);
	}
	return node;
}

struct node *node_create_root(void)
{
	struct node *root = NULL;
	if (served_is_there())
		root = served_root();
	else if (root_is_there())
		root = node_create_lower(0);
	return root ? root : node_create(S_IFDIR | 0755, &directory_operations);
}
