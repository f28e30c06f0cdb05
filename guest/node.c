/* Nodes and the entries of directories; see files.h. */
#include <errno.h>

#include "files.h"
#include "libos.h"
#include "root.h"
#include "text.h"
#include "thread.h"

static uint64_t last_number;

struct node *node_create(uint32_t mode, const struct file_operations *operations)
{
	struct node *node = heap_allocate(sizeof(*node));
	if (!node)
		return NULL;
	node->operations = operations;
	node->number = root_node_count() + ++last_number;
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

/* A node for what the root image has under this number. */
static struct node *node_create_lower(uint32_t number)
{
	const struct root_node *lower = root_node(number);
	if (S_ISLNK(lower->mode)) {
		struct node *link = node_create_symlink(root_target(lower));
		if (link)
			link->number = number + 1UL;
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
		node->directory.count = (uint32_t)lower->size;
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
	return node_create_lower(0);
}

static bool entry_matches(const struct entry *entry, const char *name, size_t length)
{
	return entry->length == length && memcmp(entry->name, name, length) == 0;
}

/* The first entry of that name, of one that was removed, too, or NULL. */
static struct entry *find_entry(const struct entry *from, const char *name, size_t length)
{
	const struct entry *entry = from;
	while (entry && !entry_matches(entry, name, length))
		entry = entry->next;
	return (struct entry *)entry;
}

static struct entry *append_entry(struct node *directory, const char *name, size_t length,
				  struct node *node, uint64_t cookie)
{
	struct entry *entry = heap_allocate(sizeof(*entry) + length + 1);
	if (!entry)
		return NULL;
	entry->node = node;
	entry->cookie = cookie;
	entry->length = (uint32_t)length;
	memcpy(entry->name, name, length);
	if (directory->directory.last)
		directory->directory.last->next = entry;
	else
		directory->directory.first = entry;
	directory->directory.last = entry;
	node->links++;
	if (S_ISDIR(node->mode))
		node->directory.parent = directory;
	return entry;
}

/* Takes an entry out of the list and frees it. */
static void unlink_entry(struct node *directory, struct entry *entry)
{
	struct entry *previous = NULL;
	if (directory->directory.first == entry) {
		directory->directory.first = entry->next;
	} else {
		previous = directory->directory.first;
		while (previous->next != entry)
			previous = previous->next;
		previous->next = entry->next;
	}
	if (directory->directory.last == entry)
		directory->directory.last = previous;
	heap_free(entry, sizeof(*entry) + entry->length + 1);
}

int directory_find(struct node *directory, const char *name, size_t length, struct node **found)
{
	uint64_t index;
	const struct entry *entry = find_entry(directory->directory.first, name, length);
	const struct root_node *lower = directory->directory.lower;
	*found = entry ? entry->node : NULL;
	if (entry || !lower || !root_find(lower, name, length, &index))
		return 0;
	struct node *node = node_create_lower(root_entry(lower, index)->node);
	if (!node)
		return -ENOMEM;
	entry = append_entry(directory, name, length, node, DIRECTORY_FIRST_COOKIE + index);
	if (entry)
		*found = node;
	node_drop(node);
	return entry ? 0 : -ENOMEM;
}

/* What the root image has under this index, unless it was removed or replaced. */
static bool list_lower(const struct node *directory, uint64_t index, struct listing *listing)
{
	const struct root_entry *lower = root_entry(directory->directory.lower, index);
	const char *name = root_entry_name(lower);
	uint64_t cookie = DIRECTORY_FIRST_COOKIE + index;
	const struct entry *entry = find_entry(directory->directory.first, name, lower->length);
	if (entry && (!entry->node || entry->cookie != cookie))
		return false;
	*listing = (struct listing){
	    .name = name,
	    .length = lower->length,
	    .number = lower->node + 1UL,
	    .cookie = cookie,
	    .mode = entry ? entry->node->mode : root_node(lower->node)->mode,
	};
	return true;
}

bool directory_list(const struct node *directory, uint64_t cookie, struct listing *listing)
{
	const struct root_node *lower = directory->directory.lower;
	uint64_t end = DIRECTORY_FIRST_COOKIE + (lower ? lower->size : 0);
	for (; cookie < end; cookie++)
		if (list_lower(directory, cookie - DIRECTORY_FIRST_COOKIE, listing))
			return true;
	const struct entry *entry = directory->directory.first;
	while (entry && (entry->cookie < cookie || !entry->node))
		entry = entry->next;
	if (!entry)
		return false;
	*listing = (struct listing){
	    .name = entry->name,
	    .length = entry->length,
	    .number = entry->node->number,
	    .cookie = entry->cookie,
	    .mode = entry->node->mode,
	};
	return true;
}

bool directory_is_empty(const struct node *directory)
{
	return !directory->directory.count;
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
	struct entry *removed = find_entry(directory->directory.first, name, length);
	if (!append_entry(directory, name, length, node, directory->directory.next_cookie))
		return -ENOSPC;
	directory->directory.next_cookie++;
	directory->directory.count++;
	directory->directory.subdirectories += S_ISDIR(node->mode);
	if (removed && !removed->node)
		unlink_entry(directory, removed); /* the new one hides the root image's as well */
	node_changed(node);
	node_modified(directory);
	return 0;
}

void directory_remove(struct node *directory, const char *name, size_t length)
{
	uint64_t index;
	struct entry *entry = find_entry(directory->directory.first, name, length);
	if (!entry || !entry->node)
		return;
	struct node *node = entry->node;
	const struct root_node *lower = directory->directory.lower;
	/* The name must not come back from the root image; where a new entry of that name stands
	 * behind this one, that hides it. */
	if (lower && root_find(lower, name, length, &index) &&
	    !find_entry(entry->next, name, length))
		entry->node = NULL;
	else
		unlink_entry(directory, entry);
	directory->directory.count--;
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
