/* The entries of directories; see files.h. They stand in a list in the order in which they came,
 * and once there are many, in a table by their names as well. */
#include <dirent.h>
#include <errno.h>

#include "descriptor_links.h"
#include "files.h"
#include "libos.h"
#include "root.h"
#include "served.h"
#include "text.h"

/* A directory gets a table at this many entries, and a larger one when there are twice as many as
 * it has places. */
#define TABLE_FROM 32

static bool entry_matches(const struct entry *entry, uint32_t hash, const char *name, size_t length)
{
	return entry->hash == hash && entry->length == length &&
	       memcmp(entry->name, name, length) == 0;
}

/* The first entry of that name, of one that is not there any more, too, or NULL. */
static struct entry *find_entry(const struct node *directory, const char *name, size_t length)
{
	uint32_t hash = text_hash(name, length);
	const uint32_t places = directory->directory.places;
	if (places) {
		struct entry *entry = directory->directory.table[hash & (places - 1)];
		while (entry && !entry_matches(entry, hash, name, length))
			entry = entry->next_in_place;
		return entry;
	}
	struct entry *entry = directory->directory.first;
	while (entry && !entry_matches(entry, hash, name, length))
		entry = entry->next;
	return entry;
}

/* Entries of one name stay in the order in which they came. */
static void put_into_table(struct node *directory, struct entry *entry)
{
	struct entry **place =
	    &directory->directory.table[entry->hash & (directory->directory.places - 1)];
	while (*place)
		place = &(*place)->next_in_place;
	entry->next_in_place = NULL;
	*place = entry;
}

static void take_from_table(struct node *directory, const struct entry *entry)
{
	struct entry **place =
	    &directory->directory.table[entry->hash & (directory->directory.places - 1)];
	while (*place != entry)
		place = &(*place)->next_in_place;
	*place = entry->next_in_place;
}

static void free_table(struct node *directory)
{
	heap_free(directory->directory.table, directory->directory.places * sizeof(void *));
	directory->directory.table = NULL;
	directory->directory.places = 0;
}

/* Where there is no memory for a larger table, the one that is there becomes slower. */
static void grow_table(struct node *directory)
{
	uint32_t places =
	    directory->directory.places ? 4 * directory->directory.places : TABLE_FROM;
	struct entry **table = heap_allocate(places * sizeof(void *));
	if (!table)
		return;
	free_table(directory);
	directory->directory.table = table;
	directory->directory.places = places;
	for (struct entry *entry = directory->directory.first; entry; entry = entry->next)
		put_into_table(directory, entry);
}

/* `node` may be NULL: nothing is called so. */
static struct entry *append_entry(struct node *directory, const char *name, size_t length,
				  struct node *node)
{
	struct entry *entry = heap_allocate(sizeof(*entry) + length + 1);
	if (!entry)
		return NULL;
	entry->node = node;
	entry->hash = text_hash(name, length);
	entry->length = (uint32_t)length;
	memcpy(entry->name, name, length);
	entry->previous = directory->directory.last;
	if (entry->previous)
		entry->previous->next = entry;
	else
		directory->directory.first = entry;
	directory->directory.last = entry;
	if (directory->directory.places)
		put_into_table(directory, entry);
	if (++directory->directory.entries >= TABLE_FROM &&
	    directory->directory.entries > 2 * directory->directory.places)
		grow_table(directory);
	if (!node)
		return entry;
	node->links++;
	if (S_ISDIR(node->mode))
		node->directory.parent = directory;
	return entry;
}

/* Takes an entry out of the list and frees it. */
static void unlink_entry(struct node *directory, struct entry *entry)
{
	if (directory->directory.places)
		take_from_table(directory, entry);
	if (entry->previous)
		entry->previous->next = entry->next;
	else
		directory->directory.first = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	else
		directory->directory.last = entry->previous;
	directory->directory.entries--;
	heap_free(entry, sizeof(*entry) + entry->length + 1);
}

void directory_free(struct node *directory)
{
	while (directory->directory.first)
		unlink_entry(directory, directory->directory.first);
	free_table(directory);
}

/* ── the lower layer ─────────────────────────────────────────────────────────────────────────── */

/* Makes a node of what lies below under that name. 0, -ENOENT, or another negative errno. */
static int find_lower(const struct node *directory, const char *name, size_t length,
		      struct node **found)
{
	uint64_t index;
	const struct root_node *lower = directory->directory.lower;
	if (directory->served)
		return served_find(directory, name, length, found);
	if (!lower || !root_find(lower, name, length, &index))
		return -ENOENT;
	*found = node_create_lower(root_entry(lower, index)->node);
	return *found ? 0 : -ENOMEM;
}

/* Something of that name may lie below. What is served is not asked for it. */
static bool lower_may_have(const struct node *directory, const char *name, size_t length)
{
	uint64_t index;
	const struct root_node *lower = directory->directory.lower;
	return directory->served || (lower && root_find(lower, name, length, &index));
}

static uint64_t lower_count(const struct node *directory)
{
	if (directory->served)
		return directory->served->listed;
	return directory->directory.lower ? directory->directory.lower->size : 0;
}

static void describe_lower(const struct node *directory, uint64_t index, struct listing *listing)
{
	*listing = (struct listing){.cookie = DIRECTORY_FIRST_COOKIE + index};
	if (directory->served) {
		const struct root_listed *listed = directory->served->names[index];
		listing->name = listed->name;
		listing->length = listed->length;
		listing->number = listed->status.inode;
		listing->mode = (uint32_t)DTTOIF((uint32_t)listed->type);
		return;
	}
	const struct root_entry *lower = root_entry(directory->directory.lower, index);
	listing->name = root_entry_name(lower);
	listing->length = lower->length;
	listing->number = lower->node + 1UL;
	listing->mode = root_node(lower->node)->mode;
}

/* What lies below under this index, unless it was removed or replaced. */
static bool list_lower(const struct node *directory, uint64_t index, struct listing *listing)
{
	describe_lower(directory, index, listing);
	const struct entry *entry = find_entry(directory, listing->name, listing->length);
	return !entry || entry->is_lower || (!entry->node && !entry->hides_lower);
}

/* ── finding and listing ─────────────────────────────────────────────────────────────────────── */

/* Nothing lies below under that name: for a while nobody need ask again. */
static void remember_missing(struct node *directory, const char *name, size_t length)
{
	struct entry *entry = append_entry(directory, name, length, NULL);
	if (entry)
		entry->missing_in = served_epoch();
}

int directory_find(struct node *directory, const char *name, size_t length, struct node **found)
{
	if (directory->directory.has_descriptors)
		return descriptor_link_find(name, length, found);
	struct entry *entry = find_entry(directory, name, length);
	*found = entry ? entry->node : NULL;
	if (entry && (entry->node || entry->hides_lower || entry->missing_in == served_epoch()))
		return 0;
	if (entry)
		unlink_entry(directory, entry);
	struct node *node;
	int error = find_lower(directory, name, length, &node);
	if (error == -ENOENT) {
		if (directory->served)
			remember_missing(directory, name, length);
		return 0;
	}
	if (error)
		return error;
	entry = append_entry(directory, name, length, node);
	if (entry) {
		entry->is_lower = entry->hides_lower = true;
		*found = node;
	}
	node_drop(node);
	return entry ? 0 : -ENOMEM;
}

int directory_load(struct node *directory)
{
	return directory->served ? served_list(directory) : 0;
}

bool directory_list(const struct node *directory, uint64_t cookie, struct listing *listing)
{
	if (directory->directory.has_descriptors)
		return descriptor_link_list(cookie, listing);
	uint64_t end = DIRECTORY_FIRST_COOKIE + lower_count(directory);
	for (; cookie < end; cookie++)
		if (list_lower(directory, cookie - DIRECTORY_FIRST_COOKIE, listing))
			return true;
	const struct entry *entry = directory->directory.first;
	while (entry && (entry->cookie < cookie || !entry->node || entry->is_lower))
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

int directory_check_empty(struct node *directory)
{
	struct listing listing;
	int error = directory_load(directory);
	if (error)
		return error;
	return directory_list(directory, DIRECTORY_FIRST_COOKIE, &listing) ? -ENOTEMPTY : 0;
}

int directory_path(const struct node *directory, char path[PATH_MAX], size_t *start)
{
	/* From the inside out: each directory's name stands in its parent. */
	while (directory != tree_root()) {
		const struct node *parent = directory->directory.parent;
		const struct entry *entry = parent ? directory_entry_of(parent, directory) : NULL;
		if (!entry)
			return -ENOENT;
		if (entry->length + 1 > *start)
			return -ENAMETOOLONG;
		*start -= entry->length;
		memcpy(path + *start, entry->name, entry->length);
		path[--*start] = '/';
		directory = parent;
	}
	return 0;
}

const struct entry *directory_entry_of(const struct node *directory, const struct node *node)
{
	const struct entry *entry = directory->directory.first;
	while (entry && entry->node != node)
		entry = entry->next;
	return entry;
}

/* A later entry has the same name. */
static bool has_successor(const struct node *directory, const struct entry *entry)
{
	const struct entry *other = entry;
	do {
		other = directory->directory.places ? other->next_in_place : other->next;
	} while (other && !entry_matches(other, entry->hash, entry->name, entry->length));
	return other;
}

/* ── changing ────────────────────────────────────────────────────────────────────────────────── */

int directory_add(struct node *directory, const char *name, size_t length, struct node *node)
{
	if (!directory->links || directory->directory.has_descriptors)
		return -ENOENT;
	struct entry *before = find_entry(directory, name, length);
	struct entry *entry = append_entry(directory, name, length, node);
	if (!entry)
		return -ENOSPC;
	entry->cookie = directory->directory.next_cookie++;
	entry->hides_lower = before ? before->hides_lower : lower_may_have(directory, name, length);
	directory->directory.subdirectories += S_ISDIR(node->mode);
	if (before && !before->node)
		unlink_entry(directory, before);
	node_changed(node);
	node_modified(directory);
	return 0;
}

void directory_remove(struct node *directory, const char *name, size_t length)
{
	struct entry *entry = find_entry(directory, name, length);
	if (!entry || !entry->node)
		return;
	struct node *node = entry->node;
	bool hides = entry->hides_lower;
	/* The name must not come back from below; where a new entry of that name stands behind this
	 * one, that hides it. */
	entry->node = NULL;
	entry->is_lower = false;
	if (!hides || has_successor(directory, entry))
		unlink_entry(directory, entry);
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
