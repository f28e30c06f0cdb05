/* Writing a root image; see builder.h. The tree is kept in memory, with each directory's entries in
 * the order of their names; contents never are. */
#include "root/builder.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mayfly/root_format.h"
#include "root/writer.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"

struct build_entry {
	char *name;
	struct build_node *node;
};

struct build_node {
	struct root_node image;	 /* as it will stand in the image */
	uint32_t names;		 /* entries that name it */
	uint32_t number;	 /* 0: not numbered yet */
	struct build_node *next; /* with the number that follows */
	char *target;
	struct build_entry *entries;
	size_t count, room;
};

struct root_builder {
	struct file_replacement image;
	struct root_writer writer;
	uint64_t size;	/* where the next contents go */
	uint64_t named; /* bytes of the tables for all names so far; some were replaced */
	struct build_node *root, *file;
	/* The tables, while they are made. */
	struct build_node *first, *last;
	size_t node_count;
	uint64_t entry_count, names_size;
};

/* ── the tree in memory ──────────────────────────────────────────────────────────────────────── */

static struct build_node *node_create(const struct root_attributes *attributes)
{
	struct build_node *node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->image.mode = attributes->mode;
	node->image.owner = attributes->owner;
	node->image.group = attributes->group;
	if (attributes->modified.tv_sec > 0)
		node->image.modified_ns = (uint64_t)attributes->modified.tv_sec * 1000000000UL +
					  (uint64_t)attributes->modified.tv_nsec;
	if (S_ISLNK(attributes->mode)) {
		node->target = strdup(attributes->target);
		if (!node->target) {
			free(node);
			return NULL;
		}
		node->image.size = strlen(node->target);
	}
	return node;
}

static void clear_directory(struct build_node *directory);

/* Takes a name from a node. A node without names is freed with all below it. The recursion is as
 * deep as a path has components, which PATH_MAX bounds. */
static void node_drop(struct build_node *node)
{
	if (!node || --node->names)
		return;
	clear_directory(node);
	free(node->entries);
	free(node->target);
	free(node);
}

/* The entry of that name, or NULL; *place: where it is, or where it would go. */
static struct build_entry *find_entry(const struct build_node *directory, const char *name,
				      size_t *place)
{
	size_t low = 0, high = directory->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct build_entry *entry = &directory->entries[middle];
		int order = strcmp(name, entry->name);
		if (!order) {
			*place = middle;
			return entry;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*place = low;
	return NULL;
}

static int too_many_names(struct error *error)
{
	return error_set(error, EFBIG,
			 "the tree has too many names: the limit of its tables is %lu MiB",
			 ROOT_METADATA_MAX >> 20);
}

/* Gives a node that has no name yet this one. The node belongs to the tree afterwards, also when
 * that fails. */
static int put_entry(struct root_builder *builder, struct build_node *directory, const char *name,
		     struct build_node *node, struct error *error)
{
	size_t place;
	struct build_entry *old = find_entry(directory, name, &place);
	node->names++;
	/* A small archive may hold more names than there is memory for. */
	builder->named += sizeof(struct root_node) + sizeof(struct root_entry) + strlen(name) + 1 +
			  (node->target ? node->image.size + 1 : 0);
	if (builder->named > 2 * ROOT_METADATA_MAX) {
		node_drop(node);
		return too_many_names(error);
	}
	if (old) {
		node_drop(old->node);
		old->node = node;
		return 0;
	}
	char *copy = strdup(name);
	if (copy && directory->count == directory->room) {
		size_t room = directory->room ? 2 * directory->room : 8;
		struct build_entry *grown =
		    reallocarray(directory->entries, room, sizeof(*directory->entries));
		if (grown) {
			directory->entries = grown;
			directory->room = room;
		}
	}
	if (!copy || directory->count == directory->room) {
		free(copy);
		node_drop(node);
		return error_set(error, ENOMEM, "no memory for the tree of files");
	}
	memmove(&directory->entries[place + 1], &directory->entries[place],
		(directory->count - place) * sizeof(*directory->entries));
	directory->entries[place] = (struct build_entry){copy, node};
	directory->count++;
	return 0;
}

/* Goes on to a directory's subdirectory, which is made where there is none. */
static int enter_directory(struct root_builder *builder, struct build_node **directory,
			   const char *name, struct error *error)
{
	const struct root_attributes missing = {.mode = S_IFDIR | 0755};
	struct build_node *here = *directory;
	size_t place;
	const struct build_entry *entry = find_entry(here, name, &place);
	if (entry && S_ISDIR(entry->node->image.mode)) {
		*directory = entry->node;
		return 0;
	}
	struct build_node *made = node_create(&missing);
	if (!made)
		return error_set(error, ENOMEM, "no memory for the tree of files");
	int result = put_entry(builder, here, name, made, error);
	if (!result)
		*directory = made;
	return result;
}

/* Finds the directory that `path` lies in, making what is missing, and the last component's name,
 * which is empty where the path is the root itself. */
static int find_parent(struct root_builder *builder, const char *path, struct build_node **parent,
		       char name[ROOT_NAME_MAX + 1], struct error *error)
{
	struct build_node *here = builder->root;
	*parent = here;
	name[0] = 0;
	if (strlen(path) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "a path has more than %d bytes: %.60s…",
				 PATH_MAX - 1, path);
	for (const char *next = path; *next;) {
		size_t length = strcspn(next, "/");
		if (!length || (length == 1 && next[0] == '.')) {
			next += length + (next[length] == '/');
			continue;
		}
		if (length == 2 && !memcmp(next, "..", 2))
			return error_set(error, EINVAL, "the path %s leads upwards", path);
		if (length > ROOT_NAME_MAX)
			return error_set(error, ENAMETOOLONG, "a name has more than %d bytes: %s",
					 ROOT_NAME_MAX, path);
		if (name[0]) {
			int result = enter_directory(builder, &here, name, error);
			if (result)
				return result;
		}
		memcpy(name, next, length);
		name[length] = 0;
		next += length + (next[length] == '/');
	}
	*parent = here;
	return 0;
}

bool root_builder_has(const struct root_builder *builder, const char *path)
{
	const struct build_node *node = builder->root;
	for (const char *next = path + strspn(path, "/"); *next && node;) {
		char name[ROOT_NAME_MAX + 1];
		size_t length = strcspn(next, "/"), place;
		if (length > ROOT_NAME_MAX)
			return false;
		memcpy(name, next, length);
		name[length] = 0;
		const struct build_entry *entry = find_entry(node, name, &place);
		node = entry ? entry->node : NULL;
		next += length;
		next += strspn(next, "/");
	}
	return node;
}

static void set_attributes(struct build_node *directory, const struct root_node *image)
{
	directory->image.mode = image->mode;
	directory->image.owner = image->owner;
	directory->image.group = image->group;
	directory->image.modified_ns = image->modified_ns;
}

int root_builder_add(struct root_builder *builder, const char *path,
		     const struct root_attributes *attributes, struct error *error)
{
	char name[ROOT_NAME_MAX + 1];
	struct build_node *parent;
	builder->file = NULL;
	if (S_ISLNK(attributes->mode) &&
	    (!attributes->target[0] || strlen(attributes->target) > ROOT_TARGET_MAX))
		return error_set(error, EINVAL, "%s is a link with a target that is not possible",
				 path);
	int result = find_parent(builder, path, &parent, name, error);
	if (result)
		return result;
	struct build_node *node = node_create(attributes);
	if (!node)
		return error_set(error, ENOMEM, "no memory for the tree of files");
	size_t place;
	const struct build_entry *entry = name[0] ? find_entry(parent, name, &place) : NULL;
	struct build_node *old = entry ? entry->node : name[0] ? NULL : parent;
	if (old && S_ISDIR(old->image.mode) && S_ISDIR(node->image.mode)) {
		set_attributes(old, &node->image);
		free(node);
		return 0;
	}
	if (!name[0]) {
		node->names = 1;
		node_drop(node);
		return error_set(error, EINVAL, "the root of a tree is a directory");
	}
	node->image.data = S_ISREG(node->image.mode) ? builder->size : 0;
	result = put_entry(builder, parent, name, node, error);
	if (!result && S_ISREG(attributes->mode))
		builder->file = node;
	return result;
}

int root_builder_link(struct root_builder *builder, const char *path, const char *existing,
		      struct error *error)
{
	char name[ROOT_NAME_MAX + 1];
	struct build_node *parent;
	builder->file = NULL;
	int result = find_parent(builder, existing, &parent, name, error);
	if (result)
		return result;
	size_t place;
	const struct build_entry *entry = find_entry(parent, name, &place);
	if (!entry || S_ISDIR(entry->node->image.mode))
		return error_set(error, ENOENT, "%s is a link to %s, which is no file before it",
				 path, existing);
	struct build_node *node = entry->node;
	/* Held meanwhile: a directory on the way to the new name may replace the old name. */
	node->names++;
	result = find_parent(builder, path, &parent, name, error);
	if (!result && !name[0])
		result = error_set(error, EINVAL, "the root of a tree is a directory");
	if (!result)
		result = put_entry(builder, parent, name, node, error);
	node_drop(node);
	return result;
}

static void clear_directory(struct build_node *directory)
{
	for (size_t i = 0; i < directory->count; i++) {
		free(directory->entries[i].name);
		node_drop(directory->entries[i].node);
	}
	directory->count = 0;
}

int root_builder_remove(struct root_builder *builder, const char *path, bool keep,
			struct error *error)
{
	char name[ROOT_NAME_MAX + 1];
	struct build_node *parent;
	size_t place = 0;
	builder->file = NULL;
	int result = find_parent(builder, path, &parent, name, error);
	if (result)
		return result;
	struct build_entry *entry = name[0] ? find_entry(parent, name, &place) : NULL;
	if (keep && (!name[0] || entry)) {
		clear_directory(entry ? entry->node : parent);
	} else if (entry) {
		free(entry->name);
		node_drop(entry->node);
		parent->count--;
		memmove(entry, entry + 1, (parent->count - place) * sizeof(*entry));
	}
	return 0;
}

/* ── the file ────────────────────────────────────────────────────────────────────────────────── */

int root_builder_open(struct root_builder **builder, const char *path, struct error *error)
{
	const struct root_attributes root = {.mode = S_IFDIR | 0755};
	struct root_builder *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a root image");
	self->image.fd = -1;
	self->size = ROOT_PAGE_SIZE;
	self->root = node_create(&root);
	if (!self->root) {
		root_builder_close(self);
		return error_set(error, ENOMEM, "no memory for a root image");
	}
	self->root->names = 1;
	mode_t mask = umask(0);
	umask(mask);
	int result = file_replacement_open(&self->image, path, 0666 & ~mask, error);
	if (!result)
		result = root_writer_init(&self->writer, self->image.fd, self->image.path, error);
	if (result) {
		root_builder_close(self);
		return result;
	}
	*builder = self;
	return 0;
}

void root_builder_close(struct root_builder *builder)
{
	if (!builder)
		return;
	root_writer_release(&builder->writer);
	file_replacement_abandon(&builder->image);
	node_drop(builder->root);
	free(builder);
}

uint64_t root_builder_size(const struct root_builder *builder)
{
	return builder->size;
}

int root_builder_write(struct root_builder *builder, const void *data, size_t length,
		       struct error *error)
{
	struct build_node *file = builder->file;
	if (!file)
		return error_set(error, EINVAL, "contents come after the name of a file");
	uint64_t end;
	if (add_overflows(file->image.data + file->image.size, length, &end) ||
	    end > ROOT_IMAGE_MAX - ROOT_METADATA_MAX)
		return error_set(error, EFBIG, "a root image holds at most %lu GiB",
				 ROOT_IMAGE_MAX >> 30);
	int result = root_writer_put(&builder->writer, data, length,
				     file->image.data + file->image.size, error);
	if (result)
		return result;
	file->image.size += length;
	/* The writer fills the rest of the page with zeros. */
	builder->size = round_up(end, ROOT_PAGE_SIZE);
	return 0;
}

/* ── the tables ──────────────────────────────────────────────────────────────────────────────── */

static void number_node(struct root_builder *builder, struct build_node *node)
{
	if (builder->last)
		builder->last->next = node;
	else
		builder->first = node;
	builder->last = node;
	node->number = (uint32_t)builder->node_count++;
	builder->names_size += node->target ? node->image.size + 1 : 0;
}

/* Numbers the nodes by their distance from the root, so that parents come first. */
static void number_nodes(struct root_builder *builder)
{
	number_node(builder, builder->root);
	for (struct build_node *node = builder->first; node; node = node->next) {
		if (!S_ISDIR(node->image.mode)) {
			node->image.links = node->names;
			continue;
		}
		node->image.links = 2;
		node->image.data = builder->entry_count;
		node->image.size = node->count;
		builder->entry_count += node->count;
		for (size_t i = 0; i < node->count; i++) {
			struct build_node *child = node->entries[i].node;
			node->image.links += S_ISDIR(child->image.mode) != 0;
			builder->names_size += strlen(node->entries[i].name) + 1;
			if (!child->number)
				number_node(builder, child);
		}
	}
}

static uint64_t add_name(char *names, uint64_t *next, const char *text)
{
	uint64_t place = *next;
	size_t size = strlen(text) + 1;
	memcpy(names + place, text, size);
	*next += size;
	return place;
}

static void fill_tables(const struct root_builder *builder, struct root_node *nodes,
			struct root_entry *entries, char *names)
{
	uint64_t next = 0;
	for (struct build_node *node = builder->first; node; node = node->next) {
		if (node->target)
			node->image.data = add_name(names, &next, node->target);
		*nodes++ = node->image;
		for (size_t j = 0; j < node->count; j++)
			*entries++ = (struct root_entry){
			    .name = add_name(names, &next, node->entries[j].name),
			    .length = (uint32_t)strlen(node->entries[j].name),
			    .node = node->entries[j].node->number,
			};
	}
}

/* Where an image ends that has contents up to `end`: padding follows. */
static uint64_t image_end(uint64_t end)
{
	if (end < ROOT_LARGE_PAGE)
		return round_up(end, ROOT_PAGE_SIZE);
	return round_up(end, ROOT_LARGE_PAGE);
}

static int write_tables(struct root_builder *builder, struct error *error)
{
	struct root_header header = {
	    .magic = ROOT_MAGIC,
	    .version = ROOT_VERSION,
	    .header_size = sizeof(header),
	    .nodes_offset = builder->size,
	    .node_count = builder->node_count,
	    .entry_count = builder->entry_count,
	    .names_size = builder->names_size,
	};
	uint64_t nodes = builder->node_count * sizeof(struct root_node);
	uint64_t entries = builder->entry_count * sizeof(struct root_entry);
	uint64_t size = nodes + entries + builder->names_size;
	size = image_end(builder->size + size) - builder->size;
	if (size > ROOT_METADATA_MAX)
		return too_many_names(error);
	header.entries_offset = header.nodes_offset + nodes;
	header.names_offset = header.entries_offset + entries;
	header.image_size = header.nodes_offset + size;
	cleanup_free uint8_t *all = calloc(1, sizeof(header) + size);
	if (!all)
		return error_set(error, ENOMEM, "no memory for the root image's tables");
	uint8_t *tables = all + sizeof(header);
	fill_tables(builder, (struct root_node *)tables, (struct root_entry *)(tables + nodes),
		    (char *)tables + nodes + entries);
	memcpy(all, &header, sizeof(header));
	char hex[HASH_HEX_SIZE];
	int result = hash_buffer(all, sizeof(header) + size, hex, error);
	if (result)
		return result;
	memcpy(header.digest, hex, sizeof(header.digest));
	result = root_writer_put(&builder->writer, tables, size, header.nodes_offset, error);
	return result ? result
		      : root_writer_finish(&builder->writer, &header, sizeof(header), error);
}

int root_builder_finish(struct root_builder *builder, struct error *error)
{
	number_nodes(builder);
	int result = write_tables(builder, error);
	return result ? result : file_replacement_close(&builder->image, 0, error);
}
