/* Directories in memory; see directory.h. Their dentries stand in a list in the order in which they
 * came, and once there are many, in a table by their names as well. */
#include "directory.h"

#include <errno.h>

#include "file.h"
#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "inode.h"
#include "layer.h"

/* A directory gets a table at this many entries, and a larger one when there are twice as many as
 * it has places. */
#define TABLE_FROM 32

static bool dentry_matches(const struct dentry *dentry, uint32_t hash, const char *name,
			   size_t length)
{
	return dentry->hash == hash && dentry->length == length &&
	       memcmp(dentry->name, name, length) == 0;
}

/* The first dentry of that name, even of one that was removed, or NULL. */
static struct dentry *find_dentry(const struct inode *directory, const char *name, size_t length)
{
	uint32_t hash = text_hash(name, length);
	const uint32_t places = directory->directory.places;
	if (places) {
		struct dentry *dentry = directory->directory.table[hash & (places - 1)];
		while (dentry && !dentry_matches(dentry, hash, name, length))
			dentry = dentry->next_in_place;
		return dentry;
	}
	struct dentry *dentry = directory->directory.first;
	while (dentry && !dentry_matches(dentry, hash, name, length))
		dentry = dentry->next;
	return dentry;
}

/* Entries of one name stay in the order in which they came. */
static void put_into_table(struct inode *directory, struct dentry *dentry)
{
	struct dentry **place =
	    &directory->directory.table[dentry->hash & (directory->directory.places - 1)];
	while (*place)
		place = &(*place)->next_in_place;
	dentry->next_in_place = NULL;
	*place = dentry;
}

static void take_from_table(struct inode *directory, const struct dentry *dentry)
{
	struct dentry **place =
	    &directory->directory.table[dentry->hash & (directory->directory.places - 1)];
	while (*place != dentry)
		place = &(*place)->next_in_place;
	*place = dentry->next_in_place;
}

static void free_table(struct inode *directory)
{
	heap_free(directory->directory.table, directory->directory.places * sizeof(void *));
	directory->directory.table = NULL;
	directory->directory.places = 0;
}

/* Without memory for a larger table, the old one is kept and becomes slower. */
static void grow_table(struct inode *directory)
{
	uint32_t places =
	    directory->directory.places ? 4 * directory->directory.places : TABLE_FROM;
	struct dentry **table = heap_allocate(places * sizeof(void *));
	if (!table)
		return;
	free_table(directory);
	directory->directory.table = table;
	directory->directory.places = places;
	for (struct dentry *dentry = directory->directory.first; dentry; dentry = dentry->next)
		put_into_table(directory, dentry);
}

/* `inode` may be NULL: then nothing has that name. */
static struct dentry *append_dentry(struct inode *directory, const char *name, size_t length,
				    struct inode *inode)
{
	struct dentry *dentry = heap_allocate(sizeof(*dentry) + length + 1);
	if (!dentry)
		return NULL;
	dentry->inode = inode;
	dentry->hash = text_hash(name, length);
	dentry->length = (uint32_t)length;
	memcpy(dentry->name, name, length);
	dentry->previous = directory->directory.last;
	if (dentry->previous)
		dentry->previous->next = dentry;
	else
		directory->directory.first = dentry;
	directory->directory.last = dentry;
	if (directory->directory.places)
		put_into_table(directory, dentry);
	if (++directory->directory.entries >= TABLE_FROM &&
	    directory->directory.entries > 2 * directory->directory.places)
		grow_table(directory);
	if (!inode)
		return dentry;
	inode->links++;
	if (S_ISDIR(inode->mode))
		inode->directory.parent = directory;
	return dentry;
}

/* Takes a dentry out of the list and frees it. */
static void unlink_dentry(struct inode *directory, struct dentry *dentry)
{
	if (directory->directory.places)
		take_from_table(directory, dentry);
	if (dentry->previous)
		dentry->previous->next = dentry->next;
	else
		directory->directory.first = dentry->next;
	if (dentry->next)
		dentry->next->previous = dentry->previous;
	else
		directory->directory.last = dentry->previous;
	directory->directory.entries--;
	heap_free(dentry, sizeof(*dentry) + dentry->length + 1);
}

void directory_free(struct inode *directory)
{
	while (directory->directory.first)
		unlink_dentry(directory, directory->directory.first);
	free_table(directory);
}

/* ── the layer below ─────────────────────────────────────────────────────────────────────────── */

static uint32_t epoch = 1;

uint32_t directory_epoch(void)
{
	return epoch;
}

void directory_new_epoch(void)
{
	epoch++;
}

/* What lies below under this index, unless it was removed or replaced, or was found to be missing:
 * what is listed can be looked at. */
static bool list_lower(const struct inode *directory, uint64_t index, struct dirent_info *info)
{
	directory->layer->describe(directory, index, info);
	info->cookie = DIRECTORY_FIRST_COOKIE + index;
	const struct dentry *dentry = find_dentry(directory, info->name, info->length);
	if (!dentry || dentry->is_lower)
		return true;
	return !dentry->inode && !dentry->hides_lower && dentry->missing_in != epoch;
}

/* ── finding and listing ─────────────────────────────────────────────────────────────────────── */

/* Nothing lies below under that name, which is noted, so that it need not be asked for again in
 * this clone. */
static void remember_missing(struct inode *directory, const char *name, size_t length)
{
	struct dentry *dentry = append_dentry(directory, name, length, NULL);
	if (dentry)
		dentry->missing_in = epoch;
}

/* Makes a dentry of what lies below, if something does. */
static int lookup_lower(struct inode *directory, const char *name, size_t length,
			struct inode **found)
{
	struct inode *inode;
	int error = directory->layer->lookup(directory, name, length, &inode);
	if (error == -ENOENT) {
		if (directory->layer->remembers_missing)
			remember_missing(directory, name, length);
		return 0;
	}
	if (error)
		return error;
	struct dentry *dentry = append_dentry(directory, name, length, inode);
	if (dentry) {
		dentry->is_lower = dentry->hides_lower = true;
		*found = inode;
	}
	inode_drop(inode);
	return dentry ? 0 : -ENOMEM;
}

/* Takes the names out of a directory that is not there any more, and out of those in it. */
static void empty(struct inode *top)
{
	for (struct inode *at = top; at->directory.first || at != top;) {
		struct dentry *dentry = at->directory.first;
		struct inode *inode = dentry ? dentry->inode : NULL;
		if (!dentry) {
			at = at->directory.parent; /* where it is the first */
			continue;
		}
		if (inode && S_ISDIR(inode->mode) && inode->directory.first) {
			at = inode;
			continue;
		}
		unlink_dentry(at, dentry);
		if (!inode)
			continue;
		inode->links--;
		if (S_ISDIR(inode->mode))
			inode->directory.parent = NULL;
		inode_collect(inode);
	}
}

/* Lets go of a name of the layer's, which it does not have any more, or for something else. */
static void forget_lower(struct inode *directory, struct dentry *dentry)
{
	struct inode *inode = dentry->inode;
	if (S_ISDIR(inode->mode))
		empty(inode);
	unlink_dentry(directory, dentry);
	inode->links--;
	if (S_ISDIR(inode->mode))
		inode->directory.parent = NULL;
	inode_collect(inode);
}

void directory_forget(struct inode *directory, const char *name, size_t length)
{
	struct dentry *dentry = find_dentry(directory, name, length);
	if (dentry && dentry->inode && dentry->is_lower)
		forget_lower(directory, dentry);
}

void directory_move(struct inode *from, const char *from_name, size_t from_length, struct inode *to,
		    const char *to_name, size_t to_length)
{
	struct dentry *dentry = find_dentry(from, from_name, from_length);
	struct dentry *fresh = dentry ? append_dentry(to, to_name, to_length, dentry->inode) : NULL;
	if (!fresh) {
		directory_forget(from, from_name, from_length);
		return;
	}
	fresh->is_lower = fresh->hides_lower = true;
	dentry->inode->links--;
	unlink_dentry(from, dentry);
}

/* What was looked up before is still called so: 0, -ESTALE, or why nobody knows. */
static int revalidate(const struct dentry *dentry)
{
	const struct layer_operations *layer = dentry->inode->layer;
	return dentry->is_lower && layer && layer->revalidate ? layer->revalidate(dentry->inode)
							      : 0;
}

int directory_lookup(struct inode *directory, const char *name, size_t length, struct inode **found)
{
	struct dentry *dentry = find_dentry(directory, name, length);
	int error = dentry && dentry->inode ? revalidate(dentry) : 0;
	*found = NULL;
	if (error == -ESTALE) {
		forget_lower(directory, dentry);
		dentry = NULL;
	} else if (error) {
		return error;
	}
	*found = dentry ? dentry->inode : NULL;
	if (dentry && (dentry->inode || dentry->hides_lower || dentry->missing_in == epoch))
		return 0;
	if (dentry)
		unlink_dentry(directory, dentry);
	return directory->layer ? lookup_lower(directory, name, length, found) : 0;
}

static int load(struct inode *directory, bool begins)
{
	return directory->layer && directory->layer->load
		   ? directory->layer->load(directory, begins)
		   : 0;
}

/* What lies below from this cookie on; false: there is no more. */
static bool list_layer(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	const uint64_t end = DIRECTORY_FIRST_COOKIE + directory->layer->count(directory);
	for (; cookie < end; cookie++)
		if (list_lower(directory, cookie - DIRECTORY_FIRST_COOKIE, info))
			return true;
	return false;
}

bool directory_list(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	if (directory->layer && list_layer(directory, cookie, info))
		return true;
	const struct dentry *dentry = directory->directory.first;
	while (dentry && (dentry->cookie < cookie || !dentry->inode || dentry->is_lower))
		dentry = dentry->next;
	if (!dentry)
		return false;
	*info = (struct dirent_info){
	    .name = dentry->name,
	    .length = dentry->length,
	    .number = dentry->inode->number,
	    .cookie = dentry->cookie,
	    .mode = dentry->inode->mode,
	};
	return true;
}

static int64_t read_file(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return -EISDIR;
}

static int64_t write_file(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return -EBADF;
}

const struct inode_operations directory_inode_operations = {
    .lookup = directory_lookup,
    .load = load,
    .list = directory_list,
    .free = directory_free,
};

const struct file_operations directory_file_operations = {
    .read = read_file,
    .write = write_file,
    .seek = file_seek_position,
    .ignores_out = true,
    .positioned = true,
};

struct inode *directory_create(uint32_t mode, const struct inode_operations *operations)
{
	struct inode *inode = inode_create(S_IFDIR | mode, operations, &directory_file_operations);
	if (inode)
		inode->directory.next_cookie = DIRECTORY_FIRST_COOKIE;
	return inode;
}

/* ── directories of all kinds ────────────────────────────────────────────────────────────────── */

int directory_load(struct inode *directory, bool begins)
{
	return directory->operations->load ? directory->operations->load(directory, begins) : 0;
}

int directory_check_empty(struct inode *directory)
{
	struct dirent_info info;
	int error = directory_load(directory, true);
	if (error)
		return error;
	return directory->operations->list(directory, DIRECTORY_FIRST_COOKIE, &info) ? -ENOTEMPTY
										     : 0;
}

int directory_path(const struct inode *directory, char path[PATH_MAX], size_t *start)
{
	/* From the inside out: each directory's name stands in its parent. */
	while (directory->directory.parent != directory) {
		const struct inode *parent = directory->directory.parent;
		const struct dentry *dentry =
		    parent ? directory_dentry_of(parent, directory) : NULL;
		if (!dentry)
			return -ENOENT;
		size_t length = dentry->length;
		const char *name = parent->operations->name
				       ? parent->operations->name(dentry, &length)
				       : dentry->name;
		if (length + 1 > *start)
			return -ENAMETOOLONG;
		*start -= length;
		memcpy(path + *start, name, length);
		path[--*start] = '/';
		directory = parent;
	}
	return 0;
}

const struct dentry *directory_dentry_of(const struct inode *directory, const struct inode *inode)
{
	const struct dentry *dentry = directory->directory.first;
	while (dentry && dentry->inode != inode)
		dentry = dentry->next;
	return dentry;
}

/* A later dentry has the same name. */
static bool has_successor(const struct inode *directory, const struct dentry *dentry)
{
	const struct dentry *other = dentry;
	do {
		other = directory->directory.places ? other->next_in_place : other->next;
	} while (other && !dentry_matches(other, dentry->hash, dentry->name, dentry->length));
	return other;
}

/* ── changing ────────────────────────────────────────────────────────────────────────────────── */

int directory_add(struct inode *directory, const char *name, size_t length, struct inode *inode)
{
	if (!directory->links || directory->operations->synthetic)
		return -ENOENT;
	struct dentry *before = find_dentry(directory, name, length);
	struct dentry *dentry = append_dentry(directory, name, length, inode);
	if (!dentry)
		return -ENOSPC;
	dentry->cookie = directory->directory.next_cookie++;
	dentry->hides_lower =
	    before ? before->hides_lower
		   : directory->layer && directory->layer->may_have(directory, name, length);
	directory->directory.subdirectories += S_ISDIR(inode->mode);
	if (before && !before->inode)
		unlink_dentry(directory, before);
	inode_changed(inode);
	inode_modified(directory);
	return 0;
}

void directory_remove(struct inode *directory, const char *name, size_t length)
{
	struct dentry *dentry = find_dentry(directory, name, length);
	if (!dentry || !dentry->inode)
		return;
	struct inode *inode = dentry->inode;
	bool hides = dentry->hides_lower;
	/* The name must not reappear from below. A new dentry of that name that follows this one
	 * hides it, too. */
	dentry->inode = NULL;
	dentry->is_lower = false;
	if (!hides || has_successor(directory, dentry))
		unlink_dentry(directory, dentry);
	inode->links--;
	if (S_ISDIR(inode->mode)) {
		directory->directory.subdirectories--;
		if (!inode->links)
			inode->directory.parent = NULL;
	}
	inode_changed(inode);
	inode_modified(directory);
	inode_collect(inode);
}

/* Puts `fresh`, which names nothing yet, in the place of a dentry. */
static void take_over(struct inode *directory, struct dentry *dentry, struct dentry *fresh,
		      struct inode *inode)
{
	fresh->inode = inode;
	fresh->cookie = directory->directory.next_cookie++;
	fresh->hides_lower = dentry->hides_lower;
	directory->directory.subdirectories -= S_ISDIR(dentry->inode->mode);
	directory->directory.subdirectories += S_ISDIR(inode->mode);
	if (S_ISDIR(inode->mode))
		inode->directory.parent = directory;
	unlink_dentry(directory, dentry);
	inode_changed(inode);
	inode_modified(directory);
}

int directory_exchange(struct inode *first, const char *first_name, size_t first_length,
		       struct inode *second, const char *second_name, size_t second_length)
{
	struct dentry *one = find_dentry(first, first_name, first_length);
	struct dentry *other = find_dentry(second, second_name, second_length);
	if (!one || !other)
		return -ENOENT;
	struct dentry *fresh_one = append_dentry(first, first_name, first_length, NULL);
	if (!fresh_one)
		return -ENOSPC;
	struct dentry *fresh_other = append_dentry(second, second_name, second_length, NULL);
	if (!fresh_other) {
		unlink_dentry(first, fresh_one);
		return -ENOSPC;
	}
	struct inode *inode = one->inode;
	take_over(first, one, fresh_one, other->inode);
	take_over(second, other, fresh_other, inode);
	return 0;
}
