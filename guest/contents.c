/* The contents of regular files: an array of pages. Where nothing was written, there are those of
 * the root image, up to lower_size, and holes. */
#include <errno.h>

#include "files.h"
#include "libos.h"
#include "text.h"

/* Bounds the page array's size, so that no arithmetic on it can overflow. */
#define CONTENTS_MAX (1UL << 40)

/* Copies [offset, offset + length) of what lies below the pages. */
static void read_lower(const struct node *node, char *out, uint64_t offset, uint64_t length)
{
	uint64_t there = 0;
	if (offset < node->contents.lower_size) {
		there = node->contents.lower_size - offset;
		if (there > length)
			there = length;
		memcpy(out, node->contents.lower + offset, there);
	}
	memset(out + there, 0, length - there);
}

/* How much of [offset, offset + left) can be copied at once: to the end of the page, or as far as
 * nothing was written. */
static uint64_t read_part(const struct node *node, uint64_t offset, uint64_t left)
{
	if (!node->contents.capacity)
		return left;
	uint64_t part = GUEST_PAGE_SIZE - offset % GUEST_PAGE_SIZE;
	return part < left ? part : left;
}

static int64_t contents_read(struct node *node, void *out, uint64_t length, uint64_t offset)
{
	if (offset >= node->size)
		return 0;
	if (length > node->size - offset)
		length = node->size - offset;
	char *next = out;
	for (uint64_t left = length; left;) {
		uint64_t index = offset / GUEST_PAGE_SIZE, within = offset % GUEST_PAGE_SIZE;
		uint64_t part = read_part(node, offset, left);
		const char *page =
		    index < node->contents.capacity ? node->contents.pages[index] : NULL;
		if (page)
			memcpy(next, page + within, part);
		else
			read_lower(node, next, offset, part);
		next += part;
		offset += part;
		left -= part;
	}
	return (int64_t)length;
}

static int contents_reserve(struct node *node, uint64_t pages)
{
	uint64_t capacity = node->contents.capacity ? node->contents.capacity : 2;
	if (pages <= node->contents.capacity)
		return 0;
	while (capacity < pages)
		capacity *= 2;
	char **grown = heap_resize(node->contents.pages, node->contents.capacity * sizeof(char *),
				   capacity * sizeof(char *));
	if (!grown)
		return -ENOSPC;
	node->contents.pages = grown;
	node->contents.capacity = capacity;
	return 0;
}

int64_t contents_write(struct node *node, const void *in, uint64_t length, uint64_t offset)
{
	uint64_t end;
	if (!length)
		return 0;
	if (__builtin_add_overflow(offset, length, &end) || end > CONTENTS_MAX)
		return -EFBIG;
	int error = contents_reserve(node, (end + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE);
	if (error)
		return error;
	const char *next = in;
	while (offset < end) {
		uint64_t index = offset / GUEST_PAGE_SIZE, within = offset % GUEST_PAGE_SIZE;
		uint64_t part = GUEST_PAGE_SIZE - within;
		if (part > end - offset)
			part = end - offset;
		if (!node->contents.pages[index]) {
			char *page = memory_allocate_pages(1);
			if (!page)
				break;
			if (part < GUEST_PAGE_SIZE)
				read_lower(node, page, offset - within, GUEST_PAGE_SIZE);
			node->contents.pages[index] = page;
		}
		memcpy(node->contents.pages[index] + within, next, part);
		next += part;
		offset += part;
	}
	if (offset > node->size)
		node->size = offset;
	int64_t written = next - (const char *)in;
	if (!written)
		return -ENOSPC;
	node_modified(node);
	return written;
}

static void free_pages_from(struct node *node, uint64_t index)
{
	for (; index < node->contents.capacity; index++) {
		if (node->contents.pages[index])
			memory_free_pages(node->contents.pages[index], 1);
		node->contents.pages[index] = NULL;
	}
}

int contents_resize(struct node *node, uint64_t size)
{
	if (size > CONTENTS_MAX)
		return -EFBIG;
	if (size < node->size) {
		uint64_t index = size / GUEST_PAGE_SIZE, within = size % GUEST_PAGE_SIZE;
		/* What lies behind the end must be zero when the file grows again. */
		if (within && index < node->contents.capacity && node->contents.pages[index])
			memset(node->contents.pages[index] + within, 0, GUEST_PAGE_SIZE - within);
		free_pages_from(node, index + (within != 0));
		if (node->contents.lower_size > size)
			node->contents.lower_size = size;
	}
	node->size = size;
	node_modified(node);
	return 0;
}

void contents_free(struct node *node)
{
	free_pages_from(node, 0);
	heap_free(node->contents.pages, node->contents.capacity * sizeof(char *));
}

static int64_t regular_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return contents_read(file->node, out, length, offset);
}

static int64_t regular_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return contents_write(file->node, in, length, offset);
}

static uint64_t regular_available(struct file *file)
{
	return file->offset < file->node->size ? file->node->size - file->offset : 0;
}

const struct file_operations regular_operations = {
    .read = regular_read,
    .write = regular_write,
    .available = regular_available,
    .seekable = true,
};
