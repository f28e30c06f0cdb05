/* Reading a root image (mayfly/root_format.h): checked once as a whole, then looked up in.
 *
 * The file is somebody else's: nothing in it is used before it was checked, and metadata is used
 * from a copy, so that nobody changes it afterwards. A program that the library OS then runs from
 * the image sees the file itself: whoever changes it meanwhile spoils guests, not the host.
 */
#ifndef MAYFLY_ROOT_IMAGE_H
#define MAYFLY_ROOT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/root_format.h"
#include "root/tree.h"
#include "util/error.h"

struct root_image {
	struct root_tree tree; /* to find programs in it */
	int fd;		       /* open for reading only */
	struct root_header header;
	uint8_t *metadata; /* what follows the contents */
	const struct root_node *nodes;
	const struct root_entry *entries;
	const char *names;
};

/* Opens and checks an image. EINVAL where it is no root image of this version or damaged, with the
 * reason. Release by root_image_release(). */
int root_image_open(struct root_image *image, const char *path, struct error *error);

/* The same for a descriptor, which the image takes over, also where it fails. */
int root_image_open_descriptor(struct root_image *image, int fd, struct error *error);
void root_image_release(struct root_image *image);

/* True where the file begins as a root image does, of whatever version. */
bool root_image_recognise(int fd);

/* Brings what is not in the page cache yet there in large pages, from which later guests profit.
 * read(2) would bring small ones. On file systems without large pages this changes nothing. */
void root_fetch_large_pages(int fd, uint64_t offset, uint64_t length);

/* The number of the node that a path without links names, as struct root_tree has it. 0, -ENOENT or
 * -ENOTDIR. */
int root_image_node(const struct root_image *image, const char *path, uint32_t *node);

#endif
