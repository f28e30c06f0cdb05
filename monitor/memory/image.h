/* The memory image of a machine: one memfd, and which guest address shows which part of it.
 *
 * An image is built once (by a loader), then frozen into a snapshot; every machine maps it. In
 * place of the memfd there may be a snapshot file, of which the memory is a part (snapshot/file.h).
 * The layout of the memfd is the layout of guest-physical memory: what stands at offset n of the
 * memfd is guest-physical n. Regions say what the guest sees where; the page tables of a virtual
 * machine and the mappings of a process are both made from them.
 */
#ifndef MAYFLY_MONITOR_IMAGE_H
#define MAYFLY_MONITOR_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"
#include "util/error.h"

/* The pages before the first region's: descriptor tables, stubs, then page tables
 * (monitor/x86_64/system_pages.h fills them). */
#define IMAGE_SYSTEM_OFFSET 0x0UL
#define IMAGE_SYSTEM_SIZE   0x10000UL

#define IMAGE_REGIONS_MAX GUEST_REGIONS_MAX

/* What one entry of a page table's second level stands for:
 * a table of pages, or this much at once. */
#define IMAGE_LARGE_PAGE (2UL << 20)

struct image_region {
	uint64_t address;    /* guest-virtual */
	uint64_t length;     /* bytes; a multiple of the page size, as all here */
	uint64_t offset;     /* in the memfd */
	uint32_t protection; /* GUEST_READ | … */
};

struct working_set;

struct image {
	int memfd;
	uint64_t file_offset; /* where the memory begins in it: 0 but for a snapshot file */
	uint8_t *memory;      /* all of it, shared: what the builder and the snapshot see */
	uint64_t size;
	uint64_t page_tables, page_tables_size; /* offset and bytes of the page-table area */
	uint64_t next;				/* first offset not used yet */
	struct image_region regions[IMAGE_REGIONS_MAX];
	size_t region_count;
	/* The root image, which the guest may read at GUEST_ROOT_BASE: a descriptor that whoever
	 * made the image keeps open. A size of 0: there is none. */
	int root;
	uint64_t root_size;
	/* The pages that requests use; it belongs to whoever made the image. NULL: nobody wants to
	 * know. */
	struct working_set *working_set;
};

/* An empty image with room for `memory` bytes of regions. Release it by image_release(). */
int image_create(struct image *image, uint64_t memory, struct error *error);

/* The same with a root image. */
int image_create_with_root(struct image *image, uint64_t memory, int root, uint64_t root_size,
			   struct error *error);

/* An empty image without system pages, regions or page tables of ours: all of it is a kernel's
 * (isolation/kernel.h). */
int image_create_flat(struct image *image, uint64_t memory, struct error *error);

static inline bool image_is_flat(const struct image *image)
{
	return !image->page_tables_size;
}

void image_release(struct image *image);

/* Puts a region at `address`. ENOMEM where the image is full, EEXIST where it overlaps another. */
int image_map(struct image *image, uint64_t address, uint64_t length, uint32_t protection,
	      struct error *error);

/* Host pointer to guest-virtual [address, address + length), which must lie in one region; NULL
 * where it does not. */
void *image_pointer(const struct image *image, uint64_t address, uint64_t length);

/* Copies data, which may be much, to that offset in the image; EFAULT where it does not lie in it. */
int image_fill_at(const struct image *image, uint64_t offset, const void *data, size_t length,
		  struct error *error);

/* Copies data, which may be much, to that address; EFAULT where it does not lie in one region. */
int image_fill(const struct image *image, uint64_t address, const void *data, size_t length,
	       struct error *error);

/* The region that holds `address`, or NULL. */
const struct image_region *image_region_at(const struct image *image, uint64_t address);

/* A second image with the same content, in a memfd of its own. Holes stay holes. */
int image_copy(struct image *copy, const struct image *image, struct error *error);

/* Finds the first pages of [*start, limit) that the file has: what it does not have is zeros. From *start
 * to *end then; where the file cannot tell, to `limit`. False: there are no more. */
bool image_find_data(const struct image *image, uint64_t *start, uint64_t limit, uint64_t *end);

/* Bytes of host memory that the memfd holds. */
uint64_t image_resident_bytes(const struct image *image);

/* Checks that the files that are mapped still have their length: -EIO, with a sentence that names
 * the file, if one was cut off. Touching the missing part would raise SIGBUS. */
int image_check_files(const struct image *image, struct error *error);

#endif
