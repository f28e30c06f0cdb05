/* Reading a root image; see image.h. */
#include "root/image.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/hash.h"

/* Reads all of [offset, offset + length), or fails: EIO where the file is shorter. */
static int read_range(int fd, void *out, size_t length, uint64_t offset)
{
	uint8_t *next = out;
	while (length) {
		ssize_t got = pread(fd, next, length, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		next += got;
		offset += (size_t)got;
		length -= (size_t)got;
	}
	return 0;
}

static int damaged(struct error *error, const char *what, uint64_t which)
{
	return error_set(error, EINVAL, "the root image is damaged: %s (%lu)", what, which);
}

/* ── the header: where everything lies ───────────────────────────────────────────────────────── */

/* A table of `count` elements, aligned, that begins where the one before it ended; moves *next. */
static bool table_follows(uint64_t offset, uint64_t count, uint64_t element, uint64_t *next)
{
	uint64_t length;
	if (offset != *next || mul_overflows(count, element, &length) || length > ROOT_METADATA_MAX)
		return false;
	*next = offset + length;
	return true;
}

static int check_header(const struct root_header *header, uint64_t file_size, struct error *error)
{
	if (header->magic != ROOT_MAGIC)
		return error_set(error, EINVAL,
				 "this is no root image; make one with mayfly root build");
	if (header->version != ROOT_VERSION)
		return error_set(error, EINVAL,
				 "the root image has version %u and this Mayfly reads version %u; "
				 "build it anew with mayfly root build",
				 header->version, ROOT_VERSION);
	if (header->header_size != sizeof(*header))
		return damaged(error, "its header is not sound", header->header_size);
	if (header->image_size > ROOT_IMAGE_MAX || header->image_size % ROOT_PAGE_SIZE)
		return damaged(error, "its size is not possible", header->image_size);
	if (header->image_size != file_size)
		return error_set(error, EINVAL,
				 "the root image is cut off or damaged: %lu bytes instead of %lu",
				 file_size, header->image_size);
	uint64_t next = header->nodes_offset;
	if (next < ROOT_PAGE_SIZE || next % ROOT_PAGE_SIZE || next > header->image_size ||
	    header->image_size - next > ROOT_METADATA_MAX || !header->node_count ||
	    !table_follows(next, header->node_count, sizeof(struct root_node), &next) ||
	    !table_follows(header->entries_offset, header->entry_count, sizeof(struct root_entry),
			   &next) ||
	    !table_follows(header->names_offset, header->names_size, 1, &next) ||
	    next > header->image_size || header->image_size - next >= ROOT_LARGE_PAGE)
		return damaged(error, "its tables do not fit", next);
	return 0;
}

static int check_digest(const struct root_header *header, const uint8_t *metadata, size_t size,
			struct error *error)
{
	cleanup_free uint8_t *all = malloc(sizeof(*header) + size);
	if (!all)
		return error_set(error, ENOMEM, "no memory for a root image's tables");
	memcpy(all, header, sizeof(*header));
	memset(all + offsetof(struct root_header, digest), 0, ROOT_DIGEST_SIZE);
	memcpy(all + sizeof(*header), metadata, size);
	char hex[HASH_HEX_SIZE];
	int result = hash_buffer(all, sizeof(*header) + size, hex, error);
	if (!result && memcmp(hex, header->digest, ROOT_DIGEST_SIZE) != 0)
		return error_set(error, EINVAL,
				 "the root image is damaged: its tables are not what was written");
	return result;
}

/* ── the tables: each node, each entry, and that they are a tree ─────────────────────────────── */

static bool is_text(const struct root_image *image, uint64_t offset, uint64_t length)
{
	return range_within(offset, length + 1, image->header.names_size) &&
	       !memchr(image->names + offset, 0, length) && !image->names[offset + length];
}

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	return order ? order : (a_length > b_length) - (a_length < b_length);
}

static bool is_name(const struct root_image *image, const struct root_entry *entry)
{
	if (!entry->length || entry->length > ROOT_NAME_MAX ||
	    !is_text(image, entry->name, entry->length))
		return false;
	const char *name = image->names + entry->name;
	return !memchr(name, '/', entry->length) && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* Checks a directory's entries and counts in `found` who names what. */
static int check_directory(const struct root_image *image, uint64_t number, uint32_t *found,
			   struct error *error)
{
	const struct root_node *directory = &image->nodes[number];
	const struct root_entry *previous = NULL;
	uint32_t subdirectories = 0;
	if (!range_within(directory->data, directory->size, image->header.entry_count))
		return damaged(error, "a directory has entries that are not there", number);
	for (uint64_t i = directory->data; i < directory->data + directory->size; i++) {
		const struct root_entry *entry = &image->entries[i];
		if (!is_name(image, entry))
			return damaged(error, "an entry has a name that is not possible", i);
		if (previous && compare_names(image->names + previous->name, previous->length,
					      image->names + entry->name, entry->length) >= 0)
			return damaged(error, "a directory's names are not in order", number);
		previous = entry;
		if (!entry->node || entry->node >= image->header.node_count)
			return damaged(error, "an entry names what is not there", i);
		bool is_directory = S_ISDIR(image->nodes[entry->node].mode);
		if (is_directory && (entry->node <= number || found[entry->node]))
			return damaged(error, "a directory has two parents", entry->node);
		subdirectories += is_directory;
		found[entry->node]++;
	}
	if (directory->links != 2 + subdirectories)
		return damaged(error, "a directory's links are miscounted", number);
	return 0;
}

static int check_node(const struct root_image *image, uint64_t number, uint32_t *found,
		      struct error *error)
{
	const struct root_node *node = &image->nodes[number];
	uint64_t contents_end = image->header.nodes_offset;
	if (node->mode & ~(uint32_t)(S_IFMT | 07777))
		return damaged(error, "a node's mode is not possible", number);
	switch (node->mode & S_IFMT) {
	case S_IFDIR:
		return check_directory(image, number, found, error);
	case S_IFREG:
		if (node->data < ROOT_PAGE_SIZE || node->data % ROOT_PAGE_SIZE ||
		    !range_within(node->data, node->size, contents_end))
			return damaged(error, "a file's contents are not there", number);
		return 0;
	case S_IFLNK:
		if (!node->size || node->size > ROOT_TARGET_MAX ||
		    !is_text(image, node->data, node->size))
			return damaged(error, "a link's target is not there", number);
		return 0;
	default:
		return damaged(error, "a node is neither file, directory nor link", number);
	}
}

static int check_tree(const struct root_image *image, struct error *error)
{
	uint64_t count = image->header.node_count;
	if (!S_ISDIR(image->nodes[0].mode))
		return damaged(error, "its root is no directory", 0);
	cleanup_free uint32_t *found = calloc(count, sizeof(*found));
	if (!found)
		return error_set(error, ENOMEM, "no memory to check a root image");
	for (uint64_t i = 0; i < count; i++) {
		int result = check_node(image, i, found, error);
		if (result)
			return result;
	}
	/* A directory comes after its parent, so all names have been counted by now. */
	for (uint64_t i = 1; i < count; i++) {
		bool is_directory = S_ISDIR(image->nodes[i].mode);
		if (is_directory ? !found[i] : found[i] != image->nodes[i].links)
			return damaged(error, "a node's links are miscounted", i);
		if (!found[i])
			return damaged(error, "nothing names a node", i);
	}
	return 0;
}

/* ── looking up ──────────────────────────────────────────────────────────────────────────────── */

/* The node called so in a directory; 0, the root, where there is none. */
static uint32_t find_entry(const struct root_image *image, uint32_t directory, const char *name,
			   size_t length)
{
	uint64_t low = image->nodes[directory].data, high = low + image->nodes[directory].size;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const struct root_entry *entry = &image->entries[middle];
		int order = compare_names(name, length, image->names + entry->name, entry->length);
		if (!order)
			return entry->node;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

int root_image_node(const struct root_image *image, const char *path, uint32_t *node)
{
	*node = 0;
	while (*path) {
		size_t length = strcspn(path, "/");
		if (!S_ISDIR(image->nodes[*node].mode))
			return -ENOTDIR;
		*node = find_entry(image, *node, path, length);
		if (!*node)
			return -ENOENT;
		path += length + (path[length] == '/');
	}
	return 0;
}

static int find_node(const struct root_image *image, const char *path,
		     const struct root_node **node)
{
	uint32_t number = 0;
	int result = root_image_node(image, path, &number);
	*node = &image->nodes[number];
	return result;
}

static int look(const struct root_tree *tree, const char *path, struct root_file *file)
{
	const struct root_image *image = (const struct root_image *)tree;
	const struct root_node *node;
	int result = find_node(image, path, &node);
	if (result)
		return result;
	file->mode = node->mode;
	file->size = node->size;
	if (S_ISLNK(node->mode))
		memcpy(file->target, image->names + node->data, node->size + 1);
	return 0;
}

static ssize_t read_contents(const struct root_tree *tree, const char *path, uint64_t offset,
			     void *out, size_t length)
{
	const struct root_image *image = (const struct root_image *)tree;
	const struct root_node *node;
	int result = find_node(image, path, &node);
	if (result)
		return result;
	if (!S_ISREG(node->mode))
		return -EINVAL;
	if (offset >= node->size)
		return 0;
	if (length > node->size - offset)
		length = node->size - offset;
	result = read_range(image->fd, out, length, node->data + offset);
	return result ? result : (ssize_t)length;
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

int root_image_open_descriptor(struct root_image *image, int fd, struct error *error)
{
	*image = (struct root_image){.tree = {look, read_contents}, .fd = fd};
	struct root_header *header = &image->header;
	struct stat status;
	int result = 0;
	root_fetch_large_pages(fd, 0, ROOT_PAGE_SIZE);
	if (fstat(fd, &status))
		result = error_set_errno(error, errno, "cannot stat the root image");
	else if (!S_ISREG(status.st_mode))
		result = error_set(error, EINVAL, "a root image is a regular file");
	else if ((uint64_t)status.st_size < sizeof(*header) ||
		 read_range(fd, header, sizeof(*header), 0))
		result = error_set(error, EINVAL, "the file is too short for a root image");
	if (!result)
		result = check_header(header, (uint64_t)status.st_size, error);
	if (!result) {
		size_t size = header->image_size - header->nodes_offset;
		root_fetch_large_pages(fd, header->nodes_offset, size);
		image->metadata = malloc(size);
		if (!image->metadata)
			result = error_set(error, ENOMEM, "no memory for a root image's tables");
		else if (read_range(fd, image->metadata, size, header->nodes_offset))
			result = error_set(error, EIO, "cannot read the root image's tables");
		else
			result = check_digest(header, image->metadata, size, error);
	}
	if (!result) {
		assert(image->metadata);
		const uint8_t *base = image->metadata;
		image->nodes = (const struct root_node *)base;
		image->entries = (const struct root_entry *)(base + (header->entries_offset -
								     header->nodes_offset));
		image->names = (const char *)base + (header->names_offset - header->nodes_offset);
		result = check_tree(image, error);
	}
	if (result)
		root_image_release(image);
	return result;
}

int root_image_open(struct root_image *image, const char *path, struct error *error)
{
	*image = (struct root_image){.fd = -1};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	int result = root_image_open_descriptor(image, fd, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

void root_image_release(struct root_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	free(image->metadata);
	*image = (struct root_image){.fd = -1};
}
