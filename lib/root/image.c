/* Reading a root image; see image.h. */
#include "root/image.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/cleanup.h"
#include "util/hash.h"

#define SYMLINKS_MAX 40 /* in one path; as Linux */

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

bool root_image_recognise(int fd)
{
	uint64_t magic = 0;
	return !read_range(fd, &magic, sizeof(magic), 0) && magic == ROOT_MAGIC;
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
	if (header->version != ROOT_VERSION || header->header_size != sizeof(*header))
		return error_set(error, EINVAL,
				 "the root image has version %u and this Mayfly reads version %u; "
				 "build it anew with mayfly root build",
				 header->version, ROOT_VERSION);
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
	    next > header->image_size || header->image_size - next >= ROOT_PAGE_SIZE)
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
	/* Parents come before their directories: what nobody has named by now, nobody does. */
	for (uint64_t i = 1; i < count; i++) {
		bool is_directory = S_ISDIR(image->nodes[i].mode);
		if (is_directory ? !found[i] : found[i] != image->nodes[i].links)
			return damaged(error, "a node's links are miscounted", i);
		if (!found[i])
			return damaged(error, "nothing names a node", i);
	}
	return 0;
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

int root_image_open_descriptor(struct root_image *image, int fd, struct error *error)
{
	*image = (struct root_image){.fd = fd};
	struct root_header *header = &image->header;
	struct stat status;
	int result = 0;
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

/* A path that is being followed: where it has led so far, as numbers and as text. */
struct walk {
	uint32_t directories[PATH_MAX / 2]; /* from the root's child on */
	size_t depth;
	char *resolved;
	size_t length;
};

static uint32_t walk_here(const struct walk *walk)
{
	return walk->depth ? walk->directories[walk->depth - 1] : 0;
}

static void walk_up(struct walk *walk)
{
	if (!walk->depth)
		return;
	walk->depth--;
	while (walk->resolved[--walk->length] != '/')
		;
}

static int walk_down(struct walk *walk, uint32_t node, const char *name, size_t length)
{
	if (walk->length + 1 + length >= PATH_MAX)
		return -ENAMETOOLONG;
	walk->resolved[walk->length++] = '/';
	memcpy(walk->resolved + walk->length, name, length);
	walk->length += length;
	walk->directories[walk->depth++] = node;
	return 0;
}

int root_image_find(const struct root_image *image, const char *path, uint32_t *node,
		    char *resolved)
{
	struct walk walk = {.resolved = resolved};
	char rest[PATH_MAX];
	int links = 0;
	size_t size = strlen(path) + 1;
	if (size > sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(rest, path, size);
	for (char *next = rest + strspn(rest, "/"); *next;) {
		if (!S_ISDIR(image->nodes[walk_here(&walk)].mode))
			return -ENOTDIR;
		size_t length = strcspn(next, "/");
		char *behind = next + length;
		if (length <= 2 && !memcmp(next, "..", length)) {
			if (length == 2)
				walk_up(&walk);
			next = behind + strspn(behind, "/");
			continue;
		}
		uint32_t found = find_entry(image, walk_here(&walk), next, length);
		if (!found)
			return -ENOENT;
		const struct root_node *link = &image->nodes[found];
		if (S_ISLNK(link->mode)) {
			char target[PATH_MAX];
			size_t rest_size = strlen(behind) + 1;
			if (links++ >= SYMLINKS_MAX)
				return -ELOOP;
			if (link->size + rest_size > sizeof(target))
				return -ENAMETOOLONG;
			memcpy(target, image->names + link->data, link->size);
			memcpy(target + link->size, behind, rest_size);
			memcpy(rest, target, link->size + rest_size);
			while (rest[0] == '/' && walk.depth)
				walk_up(&walk);
			next = rest + strspn(rest, "/");
			continue;
		}
		int error = walk_down(&walk, found, next, length);
		if (error)
			return error;
		if (*behind && !S_ISDIR(link->mode))
			return -ENOTDIR;
		next = behind + strspn(behind, "/");
	}
	if (!walk.length)
		resolved[walk.length++] = '/';
	resolved[walk.length] = 0;
	*node = walk_here(&walk);
	return 0;
}

int root_image_read(const struct root_image *image, uint32_t node, size_t limit, uint8_t **data,
		    size_t *size, struct error *error)
{
	const struct root_node *file = &image->nodes[node];
	if (!S_ISREG(file->mode))
		return error_set(error, EACCES, "it is not a regular file");
	if (file->size > limit)
		return error_set(error, EFBIG, "it has %lu bytes, more than the limit of %zu",
				 file->size, limit);
	cleanup_free uint8_t *buffer = malloc(file->size + 1);
	if (!buffer)
		return error_set(error, ENOMEM, "no memory for %lu bytes of it", file->size);
	int result = read_range(image->fd, buffer, file->size, file->data);
	if (result)
		return error_set_errno(error, -result, "cannot read it from the root image");
	*size = file->size;
	*data = take_pointer(buffer);
	return 0;
}
