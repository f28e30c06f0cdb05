/* Snapshot files from hostile hands. The input is what a file begins with, the header and the
 * metadata, and behind that changes of page tables, 16 bytes each: what is accepted keeps the
 * promises of snapshot_file.h and virtual_cpu.h. */
#include <stdlib.h>
#include <string.h>

#include "snapshot_file.h"
#include "util/checked.h"
#include "virtual_cpu.h"

#define MEMORY_SIZE (64UL << 10)
#define ROOT_SIZE   (16UL << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_snapshot(const struct snapshot *snapshot, const struct snapshot_layout *layout)
{
	const struct image *image = &snapshot->image;
	check(strnlen(snapshot->name, sizeof(snapshot->name)) < sizeof(snapshot->name));
	check(image->region_count <= IMAGE_REGIONS_MAX);
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *region = &image->regions[i];
		check(range_within(region->offset, region->length, image->size));
		check(range_within(region->address, region->length, GUEST_HYPERCALL));
	}
	check(image_region_at(image, image->resume) != NULL);
	check(range_within(image->file_offset, image->size, layout->header.file_size));
	for (size_t i = 0; i < layout->extent_count; i++)
		check(range_within(layout->extents[i].offset, layout->extents[i].length,
				   image->size));
	for (size_t i = 0; i < snapshot->journal.count; i++)
		check(snapshot->journal.messages[i].length <= WINDOW_ARENA_SIZE);
	check(snapshot->prefix.length <= PREFIX_MAX);
	check(!snapshot->root.size == !snapshot->root.path[0]);
	check(snapshot->root.size == image->root_size && image->root == -1);
}

static void parse(const uint8_t *data, size_t size)
{
	struct snapshot_layout layout = {0};
	struct snapshot snapshot;
	struct error error = {0};
	memcpy(&layout.header, data, sizeof(layout.header));
	/* The file is as long as it says, and the metadata is no longer than what is there. */
	if (snapshot_parse_header(&layout.header, layout.header.file_size, &error) ||
	    layout.header.metadata_length > size - sizeof(layout.header)) {
		check(!error.code || *error.text);
		return;
	}
	if (!snapshot_parse(&snapshot, &layout, data + sizeof(layout.header), &error))
		check_snapshot(&snapshot, &layout);
	else
		check(error.code > 0 && *error.text);
	snapshot_release(&snapshot);
	snapshot_layout_release(&layout);
}

/* Changes the page tables of a small image. Where the check lets them pass, the monitor may work
 * with them. */
static void change_page_tables(const uint8_t *data, size_t size)
{
	struct image image;
	struct error error = {0};
	check(!image_create_with_root(&image, MEMORY_SIZE, -1, ROOT_SIZE, &error));
	check(!image_map(&image, GUEST_POOL_BASE, MEMORY_SIZE, GUEST_READ | GUEST_WRITE, &error));
	check(!virtual_cpu_prepare(&image, &error));
	check(!virtual_cpu_check(&image, &error));
	for (; size >= 16; data += 16, size -= 16) {
		uint64_t place, value;
		memcpy(&place, data, sizeof(place));
		memcpy(&value, data + 8, sizeof(value));
		place = image.page_tables + place % (image.page_tables_size / 8) * 8;
		memcpy(image.memory + place, &value, sizeof(value));
	}
	if (!virtual_cpu_check(&image, &error)) {
		uint32_t protection;
		virtual_cpu_protection_run(image.memory, GUEST_POOL_BASE,
					   GUEST_POOL_BASE + MEMORY_SIZE, &protection);
		virtual_cpu_protect(image.memory, GUEST_POOL_BASE, MEMORY_SIZE, GUEST_READ, NULL);
		check(!virtual_cpu_check(&image, &error));
	}
	image_release(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot_header header;
	if (size < sizeof(header))
		return 0;
	memcpy(&header, data, sizeof(header));
	parse(data, size);
	data += sizeof(header);
	size -= sizeof(header);
	if (header.metadata_length < size)
		change_page_tables(data + header.metadata_length, size - header.metadata_length);
	return 0;
}
