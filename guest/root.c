/* The root image; see root.h. */
#include "root.h"

#include "libos.h"
#include "text.h"

static const struct root_header *root_header(void)
{
	return (const struct root_header *)libos_start_info.root_base;
}

static const void *root_at(uint64_t offset)
{
	return (const char *)root_header() + offset;
}

bool root_is_there(void)
{
	return libos_start_info.root_size != 0;
}

uint64_t root_node_count(void)
{
	return root_is_there() ? root_header()->node_count : 0;
}

const struct root_node *root_node(uint32_t number)
{
	return (const struct root_node *)root_at(root_header()->nodes_offset) + number;
}

const char *root_target(const struct root_node *link)
{
	return (const char *)root_at(root_header()->names_offset) + link->data;
}

const char *root_contents(const struct root_node *file)
{
	return root_at(file->data);
}

const struct root_entry *root_entry(const struct root_node *directory, uint64_t index)
{
	const struct root_entry *entries = root_at(root_header()->entries_offset);
	return &entries[directory->data + index];
}

const char *root_entry_name(const struct root_entry *entry)
{
	return (const char *)root_at(root_header()->names_offset) + entry->name;
}

bool root_find(const struct root_node *directory, const char *name, size_t length, uint64_t *index)
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
