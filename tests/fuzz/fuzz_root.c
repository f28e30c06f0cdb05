/* Root images from hostile hands: whatever the tables say, what is accepted is a tree whose parts
 * lie within the file. The digest is put right first, or nothing would come past it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root/image.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

/* Puts the digest into the copy, where it says sensible places. */
static void put_digest(uint8_t *image, size_t size)
{
	struct root_header header;
	char hex[HASH_HEX_SIZE];
	if (size < sizeof(header))
		return;
	memcpy(&header, image, sizeof(header));
	if (header.nodes_offset > size)
		return;
	size_t length = size - header.nodes_offset;
	cleanup_free uint8_t *all = malloc(sizeof(header) + length);
	check(all != NULL);
	memset(header.digest, 0, sizeof(header.digest));
	memcpy(all, &header, sizeof(header));
	memcpy(all + sizeof(header), image + header.nodes_offset, length);
	check(!hash_buffer(all, sizeof(header) + length, hex, NULL));
	memcpy(image + offsetof(struct root_header, digest), hex, ROOT_DIGEST_SIZE);
}

static void walk(const struct root_image *image)
{
	for (uint64_t i = 0; i < image->header.node_count; i++) {
		const struct root_node *node = &image->nodes[i];
		if (S_ISREG(node->mode))
			check(range_within(node->data, node->size, image->header.nodes_offset));
		if (S_ISLNK(node->mode))
			check(strlen(image->names + node->data) == node->size);
		for (uint64_t j = 0; S_ISDIR(node->mode) && j < node->size; j++) {
			const struct root_entry *entry = &image->entries[node->data + j];
			check(strlen(image->names + entry->name) == entry->length);
			char resolved[PATH_MAX];
			struct root_file found;
			root_tree_find(&image->tree, image->names + entry->name, &found, resolved);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct root_image image;
	struct error error = {0};
	cleanup_free uint8_t *copy = malloc(size + 1);
	int fd = memfd_create("image", MFD_CLOEXEC);
	check(copy && fd >= 0);
	memcpy(copy, data, size);
	put_digest(copy, size);
	check(!file_write_all(fd, copy, size));
	if (root_image_open_descriptor(&image, fd, &error)) {
		check(error.code > 0 && *error.text);
		return 0;
	}
	walk(&image);
	root_image_release(&image);
	return 0;
}
