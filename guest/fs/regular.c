/* Regular files; see regular.h. Their contents are an array of pages. Where nothing was written
 * there are those of the layer below, up to lower_size, and holes. Pages of the layer that were
 * read may be kept in the array, too. */
#include "regular.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "file.h"
#include "guest/lib/text.h"
#include "guest/mm/backing.h"
#include "guest/mm/heap.h"
#include "guest/mm/pool.h"
#include "guest/mm/shared.h"
#include "inode.h"
#include "layer.h"
#include "sizes/sizes.h"

/* Bounds the page array's size, so that no arithmetic on it can overflow. */
#define CONTENTS_MAX (1UL << 40)

#define NO_WRITES (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define ALL_SEALS                                                                                  \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |          \
	 REGULAR_SEAL_EXEC)

/* Copies [offset, offset + length) of what lies below the pages. 0 or a negative errno. */
static int read_lower(struct inode *inode, char *out, uint64_t offset, uint64_t length)
{
	if (inode->layer)
		return inode->layer->read(inode, out, length, offset);
	memset(out, 0, length);
	return 0;
}

/* How much of [offset, offset + left) can be copied at once: to the end of the page, or as far as
 * nothing was written. */
static uint64_t read_part(const struct inode *inode, uint64_t offset, uint64_t left, bool keeps)
{
	if (!inode->regular.capacity && !keeps)
		return left;
	uint64_t part = GUEST_PAGE_SIZE - offset % GUEST_PAGE_SIZE;
	return part < left ? part : left;
}

/* The contents from `offset` on, as they lie in the root image: their address there, and how
 * many bytes, up to the end of the last page. 0 where any was written in this clone, or there
 * are none. */
static uint64_t find_image_pages(const struct inode *inode, uint64_t offset, uint64_t *length)
{
	if (!inode->layer || !inode->layer->contents)
		return 0;
	const uint64_t size = inode->regular.lower_size;
	if (inode->regular.capacity || size != inode->size || offset >= size)
		return 0;
	const char *start = inode->layer->contents(inode);
	const uint64_t end = round_up(size, GUEST_PAGE_SIZE);
	/* What was truncated in this clone must not be seen. */
	for (uint64_t i = size; i < end; i++)
		if (start[i])
			return 0;
	*length = end - offset;
	return (uint64_t)start + offset;
}

static int regular_reserve(struct inode *inode, uint64_t pages)
{
	uint64_t capacity = inode->regular.capacity ? inode->regular.capacity : 2;
	if (pages <= inode->regular.capacity)
		return 0;
	while (capacity < pages)
		capacity *= 2;
	char **grown = heap_resize(inode->regular.pages, inode->regular.capacity * sizeof(char *),
				   capacity * sizeof(char *));
	if (!grown)
		return -ENOSPC;
	inode->regular.pages = grown;
	inode->regular.capacity = capacity;
	return 0;
}

/* Reads a page of the layer, and keeps it. NULL where there is no memory for that, or it cannot
 * be fetched. */
static const char *keep_page(struct inode *inode, uint64_t index)
{
	if (index >= inode->regular.lower_size / GUEST_PAGE_SIZE + 1 ||
	    regular_reserve(inode, index + 1))
		return NULL;
	char *page = pool_allocate(1);
	if (!page)
		return NULL;
	if (read_lower(inode, page, index * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE)) {
		pool_release(page, 1);
		return NULL;
	}
	inode->regular.pages[index] = page;
	return page;
}

static int64_t regular_read(struct inode *inode, void *out, uint64_t length, uint64_t offset,
			    bool keeps)
{
	const uint64_t start = offset;
	if (offset >= inode->size)
		return 0;
	if (length > inode->size - offset)
		length = inode->size - offset;
	keeps = keeps && inode->layer && inode->layer->may_cache &&
		inode->layer->may_cache(inode, length);
	char *next = out;
	for (uint64_t left = length; left;) {
		uint64_t index = offset / GUEST_PAGE_SIZE, within = offset % GUEST_PAGE_SIZE;
		uint64_t part = read_part(inode, offset, left, keeps);
		const char *page =
		    index < inode->regular.capacity ? inode->regular.pages[index] : NULL;
		if (!page && keeps && !inode->layer->is_streamed(inode, index * GUEST_PAGE_SIZE))
			page = keep_page(inode, index);
		int error = 0;
		if (page)
			memcpy(next, page + within, part);
		else
			error = read_lower(inode, next, offset, part);
		if (error)
			return offset > start ? (int64_t)(offset - start) : error;
		next += part;
		offset += part;
		left -= part;
	}
	/* A file of the host may have become shorter meanwhile. */
	if (offset > inode->size)
		offset = inode->size > start ? inode->size : start;
	return (int64_t)(offset - start);
}

int64_t regular_write(struct inode *inode, const void *in, uint64_t length, uint64_t offset)
{
	uint64_t end;
	if (!length)
		return 0;
	if (add_overflows(offset, length, &end) || end > CONTENTS_MAX)
		return -EFBIG;
	int error = regular_reserve(inode, divide_up(end, GUEST_PAGE_SIZE));
	if (error)
		return error;
	const char *next = in;
	while (offset < end) {
		uint64_t index = offset / GUEST_PAGE_SIZE, within = offset % GUEST_PAGE_SIZE;
		uint64_t part = GUEST_PAGE_SIZE - within;
		if (part > end - offset)
			part = end - offset;
		if (!inode->regular.pages[index]) {
			char *page = pool_allocate(1);
			if (!page)
				break;
			error = part < GUEST_PAGE_SIZE
				    ? read_lower(inode, page, offset - within, GUEST_PAGE_SIZE)
				    : 0;
			if (error) {
				pool_release(page, 1);
				break;
			}
			inode->regular.pages[index] = page;
		}
		memcpy(inode->regular.pages[index] + within, next, part);
		next += part;
		offset += part;
	}
	if (offset > inode->size)
		inode->size = offset;
	int64_t written = next - (const char *)in;
	if (!written)
		return error ? error : -ENOSPC;
	inode_modified(inode);
	return written;
}

static void free_pages_from(struct inode *inode, uint64_t index)
{
	if (index < inode->regular.capacity)
		shared_forget(inode, index * GUEST_PAGE_SIZE, UINT64_MAX);
	for (; index < inode->regular.capacity; index++) {
		if (inode->regular.pages[index])
			pool_release(inode->regular.pages[index], 1);
		inode->regular.pages[index] = NULL;
	}
}

int regular_resize(struct inode *inode, uint64_t size)
{
	if (size > CONTENTS_MAX)
		return -EFBIG;
	if ((size < inode->size && inode->regular.seals & F_SEAL_SHRINK) ||
	    (size > inode->size && inode->regular.seals & F_SEAL_GROW))
		return -EPERM;
	if (size < inode->size) {
		uint64_t index = size / GUEST_PAGE_SIZE, within = size % GUEST_PAGE_SIZE;
		/* What lies beyond the end must be zero when the file grows again. */
		if (within && index < inode->regular.capacity && inode->regular.pages[index])
			memset(inode->regular.pages[index] + within, 0, GUEST_PAGE_SIZE - within);
		free_pages_from(inode, index + (within != 0));
		if (inode->regular.lower_size > size)
			inode->regular.lower_size = size;
	}
	inode->size = size;
	inode_modified(inode);
	return 0;
}

static int clear(struct inode *inode, uint64_t offset, uint64_t length)
{
	static const char zeros[GUEST_PAGE_SIZE];
	if (inode->regular.seals & NO_WRITES)
		return -EPERM;
	const uint64_t end = offset + length < inode->size ? offset + length : inode->size;
	while (offset < end) {
		uint64_t index = offset / GUEST_PAGE_SIZE;
		uint64_t part = GUEST_PAGE_SIZE - offset % GUEST_PAGE_SIZE;
		if (part > end - offset)
			part = end - offset;
		char *page = index < inode->regular.capacity ? inode->regular.pages[index] : NULL;
		bool lies_below = index * GUEST_PAGE_SIZE < inode->regular.lower_size;
		if (page && part == GUEST_PAGE_SIZE && !lies_below) {
			shared_forget(inode, offset, offset + GUEST_PAGE_SIZE);
			pool_release(page, 1);
			inode->regular.pages[index] = NULL;
		} else if (page || lies_below) {
			int64_t put = regular_write(inode, zeros, part, offset);
			if (put < (int64_t)part)
				return put < 0 ? (int)put : -ENOSPC;
		}
		offset += part;
	}
	inode_modified(inode);
	return 0;
}

/* True if something was written there, or lies below. */
static bool has_page(const struct inode *inode, uint64_t index)
{
	return index * GUEST_PAGE_SIZE < inode->regular.lower_size ||
	       (index < inode->regular.capacity && inode->regular.pages[index]);
}

static uint64_t count_pages(const struct inode *inode)
{
	uint64_t pages = 0, end = divide_up(inode->size, GUEST_PAGE_SIZE);
	uint64_t lower = divide_up(inode->regular.lower_size, GUEST_PAGE_SIZE);
	for (uint64_t index = lower; index < end && index < inode->regular.capacity; index++)
		pages += inode->regular.pages[index] != NULL;
	return pages + (lower < end ? lower : end);
}

/* Where data, or a hole, begins from `offset` on; the file's size: nowhere. */
static uint64_t find_data(const struct inode *inode, uint64_t offset, bool hole)
{
	const uint64_t size = inode->size;
	for (uint64_t index = offset / GUEST_PAGE_SIZE; offset < size; index++) {
		if (has_page(inode, index) != hole)
			return offset;
		/* Behind all that is kept there is one hole. */
		if (!hole && index >= inode->regular.capacity &&
		    offset >= inode->regular.lower_size)
			break;
		offset = (index + 1) * GUEST_PAGE_SIZE;
	}
	return size;
}

static void free_contents(struct inode *inode)
{
	free_pages_from(inode, 0);
	if (inode->regular.name)
		heap_free(inode->regular.name, strlen(inode->regular.name) + 1);
	heap_free(inode->regular.pages, inode->regular.capacity * sizeof(char *));
}

static int64_t read_opened(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return regular_read(file->inode, out, length, offset, true);
}

static int64_t write_opened(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	const uint32_t seals = file->inode->regular.seals;
	uint64_t end;
	if (length &&
	    (seals & NO_WRITES || (seals & F_SEAL_GROW && !add_overflows(offset, length, &end) &&
				   end > file->inode->size)))
		return -EPERM;
	return regular_write(file->inode, in, length, offset);
}

static uint64_t available(struct file *file)
{
	return file->offset < file->inode->size ? file->inode->size - file->offset : 0;
}

static int64_t seek(struct file *file, int64_t offset, uint32_t whence)
{
	const int64_t size = (int64_t)file->inode->size;
	if (whence == SEEK_END)
		return file_set_position(file, size, offset);
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return file_seek_position(file, offset, whence);
	if (offset < 0 || offset >= size)
		return -ENXIO;
	offset = (int64_t)find_data(file->inode, (uint64_t)offset, whence == SEEK_HOLE);
	return whence == SEEK_DATA && offset == size ? -ENXIO : file_set_position(file, 0, offset);
}

/* ── mappings ────────────────────────────────────────────────────────────────────────────────── */

/* Of what is fetched for a mapping no page is kept besides. */
static int64_t read_for_mapping(struct backing *backing, void *out, uint64_t length,
				uint64_t offset)
{
	return regular_read(file_of_backing(backing)->inode, out, length, offset, false);
}

static uint64_t image_pages_for_mapping(const struct backing *backing, uint64_t offset,
					uint64_t *length)
{
	return find_image_pages(file_of_backing(backing)->inode, offset, length);
}

/* As many new pages in a row as there are holes from `index` on, and memory for. */
static int fill_holes(struct inode *inode, uint64_t index, uint64_t pages)
{
	uint64_t count = 1;
	const uint64_t lower = divide_up(inode->regular.lower_size, GUEST_PAGE_SIZE);
	while (index >= lower && count < pages && index + count < inode->regular.capacity &&
	       !inode->regular.pages[index + count])
		count++;
	char *made;
	while (!(made = pool_allocate(count)))
		if (!(count /= 2))
			return -ENOMEM;
	int error =
	    index < lower ? read_lower(inode, made, index * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE) : 0;
	if (error) {
		pool_release(made, count);
		return error;
	}
	for (uint64_t i = 0; i < count; i++)
		inode->regular.pages[index + i] = made + i * GUEST_PAGE_SIZE;
	return 0;
}

static int frames_for_mapping(const struct backing *backing, uint64_t offset, uint64_t *length,
			      uint64_t *frame)
{
	struct inode *inode = file_of_backing(backing)->inode;
	const uint64_t index = offset / GUEST_PAGE_SIZE;
	const uint64_t end = divide_up(inode->size, GUEST_PAGE_SIZE);
	uint64_t pages = *length / GUEST_PAGE_SIZE, count = 1;
	if (index >= end)
		return -ENXIO;
	if (pages > end - index)
		pages = end - index;
	if (regular_reserve(inode, index + pages))
		return -ENOMEM;
	int error = inode->regular.pages[index] ? 0 : fill_holes(inode, index, pages);
	if (error)
		return error;
	char *const *found = inode->regular.pages + index;
	while (count < pages && found[count] == found[0] + count * GUEST_PAGE_SIZE)
		count++;
	*frame = (uint64_t)found[0];
	*length = count * GUEST_PAGE_SIZE;
	return 0;
}

static uint64_t end_for_mapping(const struct backing *backing)
{
	return round_up(file_of_backing(backing)->inode->size, GUEST_PAGE_SIZE);
}

static const void *object_for_mapping(const struct backing *backing)
{
	return file_of_backing(backing)->inode;
}

static int map(struct file *file, struct backing **backing)
{
	static const struct backing_operations operations = {
	    .read = read_for_mapping,
	    .image_pages = image_pages_for_mapping,
	    .frames = frames_for_mapping,
	    .end = end_for_mapping,
	    .object = object_for_mapping,
	    .hold = file_hold_backing,
	    .drop = file_drop_backing,
	};
	file->backing.operations = &operations;
	*backing = &file->backing;
	return 0;
}

const struct inode_operations regular_inode_operations = {
    .resize = regular_resize,
    .clear = clear,
    .pages = count_pages,
    .free = free_contents,
};

const struct file_operations regular_file_operations = {
    .read = read_opened,
    .write = write_opened,
    .seek = seek,
    .available = available,
    .map = map,
    .positioned = true,
    .stored = true,
};

struct inode *regular_create(uint32_t mode)
{
	return inode_create(S_IFREG | mode, &regular_inode_operations, &regular_file_operations);
}

/* ── files without a place ───────────────────────────────────────────────────────────────────── */

struct inode *regular_create_named(uint32_t mode, const char *name, uint32_t seals)
{
	struct inode *inode = regular_create(mode);
	const size_t size = strlen(name) + 1;
	char *copy = inode ? heap_allocate(size) : NULL;
	if (!copy) {
		if (inode)
			inode_drop(inode);
		return NULL;
	}
	memcpy(copy, name, size);
	inode->regular.name = copy;
	inode->regular.sealable = true;
	inode->regular.seals = seals;
	return inode;
}

uint32_t regular_seals(const struct inode *inode)
{
	return inode->regular.sealable ? inode->regular.seals : F_SEAL_SEAL;
}

int regular_add_seals(struct inode *inode, uint32_t seals)
{
	if (seals & ~(uint32_t)ALL_SEALS)
		return -EINVAL;
	if (regular_seals(inode) & F_SEAL_SEAL)
		return -EPERM;
	if (seals & ~inode->regular.seals & F_SEAL_WRITE && shared_is_writable(inode))
		return -EBUSY;
	/* What may not become executable, where it is, may not be written either. */
	if (seals & REGULAR_SEAL_EXEC && inode->mode & 0111)
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	inode->regular.seals |= seals;
	return 0;
}
