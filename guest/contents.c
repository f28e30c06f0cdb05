/* The contents of regular files: an array of pages. Where nothing was written, there are those that
 * lie below (in the root image, or at the server of the root directory) up to lower_size, and
 * holes. Of what is served, pages that were read may be kept in the array. */
#include <errno.h>

#include "files.h"
#include "libos.h"
#include "served.h"
#include "text.h"

/* Bounds the page array's size, so that no arithmetic on it can overflow. */
#define CONTENTS_MAX (1UL << 40)

/* Copies [offset, offset + length) of what lies below the pages. 0 or a negative errno. */
static int read_lower(struct node *node, char *out, uint64_t offset, uint64_t length)
{
	uint64_t there = 0;
	if (node->served)
		return served_read(node, out, length, offset);
	if (offset < node->contents.lower_size) {
		there = node->contents.lower_size - offset;
		if (there > length)
			there = length;
		memcpy(out, node->contents.lower + offset, there);
	}
	memset(out + there, 0, length - there);
	return 0;
}

/* How much of [offset, offset + left) can be copied at once: to the end of the page, or as far as
 * nothing was written. */
static uint64_t read_part(const struct node *node, uint64_t offset, uint64_t left, bool keeps)
{
	if (!node->contents.capacity && !keeps)
		return left;
	uint64_t part = GUEST_PAGE_SIZE - offset % GUEST_PAGE_SIZE;
	return part < left ? part : left;
}

uint64_t contents_image_pages(const struct file *file, uint64_t offset, uint64_t *length)
{
	const struct node *node = file->node;
	if (node->operations != &regular_operations || node->served || file->generated)
		return 0;
	const uint64_t size = node->contents.lower_size;
	if (node->contents.capacity || size != node->size || offset >= size)
		return 0;
	const char *start = node->contents.lower;
	const uint64_t end = (size + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	/* What was cut off in this clone must not be seen. */
	for (uint64_t i = size; i < end; i++)
		if (start[i])
			return 0;
	*length = end - offset;
	return (uint64_t)start + offset;
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

/* Fetches a page that is served, and keeps it. NULL where there is no memory for that, or it cannot
 * be fetched. */
static const char *keep_page(struct node *node, uint64_t index)
{
	if (index >= node->contents.lower_size / GUEST_PAGE_SIZE + 1 ||
	    contents_reserve(node, index + 1))
		return NULL;
	char *page = memory_allocate_pages(1);
	if (!page)
		return NULL;
	if (read_lower(node, page, index * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE)) {
		memory_free_pages(page, 1);
		return NULL;
	}
	node->contents.pages[index] = page;
	return page;
}

static int64_t contents_read(struct node *node, void *out, uint64_t length, uint64_t offset,
			     bool keeps)
{
	const uint64_t start = offset;
	if (offset >= node->size)
		return 0;
	if (length > node->size - offset)
		length = node->size - offset;
	keeps = keeps && node->served && served_may_keep(node, length);
	char *next = out;
	for (uint64_t left = length; left;) {
		uint64_t index = offset / GUEST_PAGE_SIZE, within = offset % GUEST_PAGE_SIZE;
		uint64_t part = read_part(node, offset, left, keeps);
		const char *page =
		    index < node->contents.capacity ? node->contents.pages[index] : NULL;
		if (!page && keeps && !served_is_streamed(node, index * GUEST_PAGE_SIZE))
			page = keep_page(node, index);
		int error = 0;
		if (page)
			memcpy(next, page + within, part);
		else
			error = read_lower(node, next, offset, part);
		if (error)
			return offset > start ? (int64_t)(offset - start) : error;
		next += part;
		offset += part;
		left -= part;
	}
	/* A file that is served may have become shorter meanwhile. */
	if (offset > node->size)
		offset = node->size > start ? node->size : start;
	return (int64_t)(offset - start);
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
			error = part < GUEST_PAGE_SIZE
				    ? read_lower(node, page, offset - within, GUEST_PAGE_SIZE)
				    : 0;
			if (error) {
				memory_free_pages(page, 1);
				break;
			}
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
		return error ? error : -ENOSPC;
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
	return contents_read(file->node, out, length, offset, true);
}

int64_t contents_copy(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return file->node->operations == &regular_operations
		   ? contents_read(file->node, out, length, offset, false)
		   : file->node->operations->read(file, out, length, offset);
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
