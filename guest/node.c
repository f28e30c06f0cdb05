/* Nodes and the entries of directories; see files.h. */
#include <errno.h>

#include "files.h"
#include "libos.h"
#include "text.h"

static uint64_t last_number;

struct node *node_create(uint32_t mode, const struct file_operations *operations)
{
	struct node *node = heap_allocate(sizeof(*node));
	if (!node)
		return NULL;
	node->operations = operations;
	node->number = ++last_number;
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

void node_hold(struct node *node)
{
	node->references++;
}

/* Frees a node that nothing names and nothing holds. */
static void node_collect(struct node *node)
{
	if (node->links || node->references)
		return;
	if (S_ISREG(node->mode))
		contents_free(node);
	else if (S_ISLNK(node->mode))
		heap_free(node->target, node->size + 1);
	else if (S_ISFIFO(node->mode))
		pipe_free(node->pipe);
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

static bool entry_matches(const struct entry *entry, const char *name, size_t length)
{
	return entry->length == length && memcmp(entry->name, name, length) == 0;
}

struct node *directory_find(const struct node *directory, const char *name, size_t length)
{
	for (const struct entry *entry = directory->directory.first; entry; entry = entry->next)
		if (entry_matches(entry, name, length))
			return entry->node;
	return NULL;
}

bool directory_is_empty(const struct node *directory)
{
	return !directory->directory.first;
}

const struct entry *directory_entry_of(const struct node *directory, const struct node *node)
{
	const struct entry *entry = directory->directory.first;
	while (entry && entry->node != node)
		entry = entry->next;
	return entry;
}

int directory_add(struct node *directory, const char *name, size_t length, struct node *node)
{
	if (!directory->links)
		return -ENOENT;
	struct entry *entry = heap_allocate(sizeof(*entry) + length + 1);
	if (!entry)
		return -ENOSPC;
	entry->node = node;
	entry->cookie = directory->directory.next_cookie++;
	entry->length = (uint32_t)length;
	memcpy(entry->name, name, length);
	if (directory->directory.last)
		directory->directory.last->next = entry;
	else
		directory->directory.first = entry;
	directory->directory.last = entry;
	directory->directory.count++;
	node->links++;
	if (S_ISDIR(node->mode)) {
		node->directory.parent = directory;
		directory->directory.subdirectories++;
	}
	node_changed(node);
	node_modified(directory);
	return 0;
}

void directory_remove(struct node *directory, const char *name, size_t length)
{
	struct entry *previous = NULL, *entry = directory->directory.first;
	while (entry && !entry_matches(entry, name, length)) {
		previous = entry;
		entry = entry->next;
	}
	if (!entry)
		return;
	if (previous)
		previous->next = entry->next;
	else
		directory->directory.first = entry->next;
	if (directory->directory.last == entry)
		directory->directory.last = previous;
	directory->directory.count--;
	struct node *node = entry->node;
	heap_free(entry, sizeof(*entry) + length + 1);
	node->links--;
	if (S_ISDIR(node->mode)) {
		directory->directory.subdirectories--;
		if (!node->links)
			node->directory.parent = NULL;
	}
	node_changed(node);
	node_modified(directory);
	node_collect(node);
}
