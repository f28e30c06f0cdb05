/* The root image; see imagefs.h. The monitor has checked it: every number in it is within
 * bounds. */
#include "imagefs.h"

#include <errno.h>

#include "directory.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "inode.h"
#include "layer.h"
#include "lower.h"
#include "mayfly/root_format.h"

static const struct layer_operations imagefs_operations;

static const struct root_header *root_header(void)
{
	return (const struct root_header *)libos_start_info.root_base;
}

static const void *root_at(uint64_t offset)
{
	return (const char *)root_header() + offset;
}

bool imagefs_is_there(void)
{
	return libos_start_info.root_size != 0;
}

uint64_t imagefs_inode_count(void)
{
	return imagefs_is_there() ? root_header()->node_count : 0;
}

static const struct root_node *root_node(uint32_t number)
{
	return (const struct root_node *)root_at(root_header()->nodes_offset) + number;
}

static const char *root_target(const struct root_node *link)
{
	return (const char *)root_at(root_header()->names_offset) + link->data;
}

static const struct root_entry *root_entry(const struct root_node *directory, uint64_t index)
{
	const struct root_entry *entries = root_at(root_header()->entries_offset);
	return &entries[directory->data + index];
}

static const char *root_entry_name(const struct root_entry *entry)
{
	return (const char *)root_at(root_header()->names_offset) + entry->name;
}

static bool root_find(const struct root_node *directory, const char *name, size_t length,
		      uint64_t *index)
{
	uint64_t low = 0, high = directory->size;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const struct root_entry *entry = root_entry(directory, middle);
		size_t common = length < entry->length ? length : entry->length;
		int order = memcmp(name, root_entry_name(entry), common);
		if (!order && length == entry->length) {
			*index = middle;
			return true;
		}
		if (order < 0 || (!order && length < entry->length))
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* ── inodes ──────────────────────────────────────────────────────────────────────────────────── */

static struct inode *make_inode(uint32_t number)
{
	const struct root_node *node = root_node(number);
	const bool is_link = S_ISLNK(node->mode);
	const char *target = is_link ? root_target(node) : NULL;
	struct inode *inode = lower_create(node->mode, is_link ? strlen(target) : node->size,
					   target, &imagefs_operations, node);
	if (!inode)
		return NULL;
	inode->number = number + 1UL;
	inode->owner = node->owner;
	inode->group = node->group;
	inode->accessed_ns = inode->modified_ns = inode->changed_ns = node->modified_ns;
	if (S_ISDIR(node->mode)) {
		inode->directory.next_cookie = DIRECTORY_FIRST_COOKIE + node->size;
		inode->directory.subdirectories = node->links - 2;
	}
	return inode;
}

struct inode *imagefs_root(void)
{
	return make_inode(0);
}

/* ── the layer ───────────────────────────────────────────────────────────────────────────────── */

static int lookup(const struct inode *directory, const char *name, size_t length,
		  struct inode **found)
{
	uint64_t index;
	if (!root_find(directory->lower, name, length, &index))
		return -ENOENT;
	*found = make_inode(root_entry(directory->lower, index)->node);
	return *found ? 0 : -ENOMEM;
}

static bool may_have(const struct inode *directory, const char *name, size_t length)
{
	uint64_t index;
	return root_find(directory->lower, name, length, &index);
}

static uint64_t count(const struct inode *directory)
{
	const struct root_node *node = directory->lower;
	return node->size;
}

static void describe(const struct inode *directory, uint64_t index, struct dirent_info *info)
{
	const struct root_entry *entry = root_entry(directory->lower, index);
	*info = (struct dirent_info){
	    .name = root_entry_name(entry),
	    .length = entry->length,
	    .number = entry->node + 1UL,
	    .mode = root_node(entry->node)->mode,
	};
}

static const char *contents(const struct inode *file)
{
	const struct root_node *node = file->lower;
	return root_at(node->data);
}

/* The program may have cut the file off. */
static int read_contents(struct inode *file, char *out, uint64_t length, uint64_t offset)
{
	uint64_t there = 0;
	if (offset < file->regular.lower_size) {
		there = file->regular.lower_size - offset;
		if (there > length)
			there = length;
		memcpy(out, contents(file) + offset, there);
	}
	memset(out + there, 0, length - there);
	return 0;
}

static const struct layer_operations imagefs_operations = {
    .lookup = lookup,
    .may_have = may_have,
    .count = count,
    .describe = describe,
    .read = read_contents,
    .contents = contents,
};
