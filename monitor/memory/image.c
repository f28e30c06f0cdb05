/* The memory image of a machine; see image.h. */
#include "image.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "page_tables.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

static int image_open(struct image *image, struct error *error)
{
	cleanup_close int memfd = memfd_create("mayfly-image", MFD_CLOEXEC);
	if (memfd < 0)
		return error_set_errno(error, errno, "cannot create guest memory");
	if (ftruncate(memfd, (off_t)image->size))
		return error_set_errno(error, errno, "cannot reserve %lu MiB of guest memory",
				       image->size >> 20);
	void *memory =
	    mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd, 0);
	if (memory == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map %lu MiB of guest memory",
				       image->size >> 20);
	image->memory = memory;
	image->memfd = take_fd(&memfd);
	return 0;
}

int image_create(struct image *image, uint64_t memory, struct error *error)
{
	return image_create_with_root(image, memory, -1, 0, error);
}

int image_create_with_root(struct image *image, uint64_t memory, int root, uint64_t root_size,
			   struct error *error)
{
	const uint64_t tables = page_tables_room(memory, root_size);
	*image = (struct image){
	    .memfd = -1,
	    .root = root,
	    .root_size = root_size,
	    .page_tables = IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE,
	    .page_tables_size = tables,
	    .next = IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE + tables,
	};
	if (add_overflows(image->next, memory, &image->size))
		return error_set(error, EINVAL, "%lu bytes of guest memory are too many", memory);
	return image_open(image, error);
}

int image_create_flat(struct image *image, uint64_t memory, struct error *error)
{
	*image = (struct image){.memfd = -1, .root = -1, .next = memory, .size = memory};
	return image_open(image, error);
}

void image_release(struct image *image)
{
	if (image->memory)
		munmap(image->memory, image->size);
	if (image->memfd >= 0)
		close(image->memfd);
	*image = (struct image){.memfd = -1};
}

int image_map(struct image *image, uint64_t address, uint64_t length, uint32_t protection,
	      struct error *error)
{
	uint64_t end;
	if (address % GUEST_PAGE_SIZE || length % GUEST_PAGE_SIZE || !length ||
	    add_overflows(address, length, &end))
		return error_set(error, EINVAL, "guest region %#lx+%#lx is not made of pages",
				 address, length);
	if (image->region_count == IMAGE_REGIONS_MAX)
		return error_set(error, E2BIG, "more than %d guest memory regions",
				 IMAGE_REGIONS_MAX);
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *other = &image->regions[i];
		if (address < other->address + other->length && other->address < end)
			return error_set(error, EEXIST, "guest regions overlap at %#lx",
					 address > other->address ? address : other->address);
	}
	if (length > image->size - image->next)
		return error_set(error, ENOMEM, "%lu KiB more do not fit into guest memory",
				 length >> 10);
	image->regions[image->region_count++] = (struct image_region){
	    .address = address,
	    .length = length,
	    .offset = image->next,
	    .protection = protection,
	};
	image->next += length;
	return 0;
}

const struct image_region *image_region_at(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *region = &image->regions[i];
		if (address >= region->address && address - region->address < region->length)
			return region;
	}
	return NULL;
}

void *image_pointer(const struct image *image, uint64_t address, uint64_t length)
{
	const struct image_region *region = image_region_at(image, address);
	if (!region || !range_within(address - region->address, length, region->length))
		return NULL;
	return image->memory + region->offset + (address - region->address);
}

/* By write(2): through the mapping it takes twice as long, for a fault for each page. */
static int write_at(const struct image *image, uint64_t offset, const void *data, size_t length)
{
	if (lseek(image->memfd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	return file_write_all(image->memfd, data, length);
}

int image_fill_at(const struct image *image, uint64_t offset, const void *data, size_t length,
		  struct error *error)
{
	if (!range_within(offset, length, image->size))
		return error_set(error, EFAULT, "there is no guest memory at %#lx", offset);
	int result = write_at(image, offset, data, length);
	return result ? error_set_errno(error, -result, "cannot fill guest memory") : 0;
}

int image_fill(const struct image *image, uint64_t address, const void *data, size_t length,
	       struct error *error)
{
	const uint8_t *there = image_pointer(image, address, length);
	if (!there)
		return error_set(error, EFAULT, "there is no guest memory at %#lx", address);
	return image_fill_at(image, (uint64_t)(there - image->memory), data, length, error);
}

int image_copy(struct image *copy, const struct image *image, struct error *error)
{
	*copy = *image;
	copy->memfd = -1;
	copy->working_set = NULL;
	copy->file_offset = 0;
	copy->memory = NULL;
	int result = image_open(copy, error);
	if (result)
		return error_wrap(error, "cannot copy the image");
	assert(copy->memory);
	off_t start = 0, end;
	while ((start = lseek(image->memfd, start, SEEK_DATA)) >= 0) {
		end = lseek(image->memfd, start, SEEK_HOLE);
		if (end < 0)
			break;
		result =
		    write_at(copy, (uint64_t)start, image->memory + start, (size_t)(end - start));
		if (result)
			break;
		start = end;
	}
	if (errno == ENXIO && start < 0)
		return 0; /* no more data */
	result = error_set_errno(error, errno, "cannot copy the image");
	image_release(copy);
	return result;
}

bool image_find_data(const struct image *image, uint64_t *start, uint64_t limit, uint64_t *end)
{
	const off_t base = (off_t)image->file_offset;
	if (*start >= limit)
		return false;
	const off_t data = lseek(image->memfd, base + (off_t)*start, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return false;
	const off_t hole = data < 0 ? data : lseek(image->memfd, data, SEEK_HOLE);
	*end = limit;
	if (hole < 0)
		return true;
	/* Blocks of a file may be smaller than pages. */
	*start = round_down((uint64_t)(data - base), GUEST_PAGE_SIZE);
	if ((uint64_t)(hole - base) < limit)
		*end = round_up((uint64_t)(hole - base), GUEST_PAGE_SIZE);
	return *start < limit;
}

uint64_t image_resident_bytes(const struct image *image)
{
	struct stat status;
	return fstat(image->memfd, &status) ? 0 : (uint64_t)status.st_blocks * 512;
}

/* The last page of a file is there whole. */
static bool is_cut_off(int fd, uint64_t size)
{
	struct stat status;
	return !fstat(fd, &status) && (uint64_t)status.st_size + GUEST_PAGE_SIZE - 1 < size;
}

int image_check_files(const struct image *image, struct error *error)
{
	const char *what = NULL;
	if (is_cut_off(image->memfd, image->file_offset + image->size))
		what = "snapshot file";
	else if (image->root_size && is_cut_off(image->root, image->root_size))
		what = "root image";
	if (!what)
		return 0;
	return error_set(error, EIO,
			 "the %s was cut off while it was in use: replace such a file by another "
			 "one of its name, and do not write into it",
			 what);
}
