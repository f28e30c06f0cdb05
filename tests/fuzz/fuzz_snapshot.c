/* Snapshot files from hostile hands. The input is what a file begins with, the header and the
 * metadata, and behind that changes of page tables, 16 bytes each: what is accepted keeps the
 * promises of snapshot/file.h and page_tables.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/devices/bus.h"
#include "monitor/kvm/deprivileged/state.h"
#include "monitor/kvm/kernel/ring0.h"
#include "monitor/kvm/x86_64/cpu_state.h"
#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "monitor/snapshot/file.h"
#include "sizes/sizes.h"

#define MEMORY_SIZE (2 * GUEST_SPACE_OWN_SIZE)
#define TABLES	    96UL /* pages, of which about half are in use */
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
	check(range_within(image->file_offset, image->size, layout->header.file_size));
	for (size_t i = 0; i < layout->extent_count; i++)
		check(range_within(layout->extents[i].offset, layout->extents[i].length,
				   image->size));
	for (size_t i = 0; i < snapshot->journal.count; i++)
		check(snapshot->journal.messages[i].length <= WINDOW_ARENA_SIZE);
	check(snapshot->setup_output.length <= SETUP_OUTPUT_MAX);
	check(!snapshot->root.size == !snapshot->root.path[0]);
	check(snapshot->state.machine.length <= sizeof(snapshot->state.machine.bytes));
	check(!snapshot->state.devices_length == !snapshot->state.devices);
	check(snapshot->root.size == image->root_size && image->root == -1);
}

/* Whoever it is made for, the states of processor and devices are refused or harmless. */
static void check_state(const struct guest_state *state)
{
	struct error error = {0};
	struct bus *bus = bus_create(&error);
	check(bus && !bus_attach(bus, "console", "", &error) &&
	      !bus_attach(bus, "power", "", &error) &&
	      !bus_attach(bus, "rtc", "port=0x170", &error));
	if (!bus_load(bus, state->devices, state->devices_length, &error)) {
		uint8_t *data = NULL;
		size_t length = 0;
		check(!bus_save(bus, &data, &length, &error));
		check(!bus_load(bus, data, length, &error));
		free(data);
	} else {
		check(error.code == EBADMSG);
	}
	bus_release(bus);
	cpu_state_is_sound(&state->machine, 7);
	deprivileged_state_is_sound(&state->machine, 7);
	ring0_state_is_sound(&state->machine, 7);
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
	if (!snapshot_parse(&snapshot, &layout, data + sizeof(layout.header), &error)) {
		check_snapshot(&snapshot, &layout);
		check_state(&snapshot.state);
	} else {
		check(error.code > 0 && *error.text);
	}
	snapshot_release(&snapshot);
	snapshot_layout_release(&layout);
}

/* The second part of the pool for itself, a page there and one of the program's. */
static int make_space(struct page_area *area, uint64_t number, bool is_full)
{
	const struct page_run runs[] = {
	    {.address = GUEST_POOL_BASE + GUEST_SPACE_OWN_SIZE, .length = GUEST_SPACE_OWN_SIZE},
	    {GUEST_POOL_BASE + GUEST_SPACE_OWN_SIZE, GUEST_PAGE_SIZE, GUEST_POOL_BASE,
	     GUEST_READ | GUEST_WRITE},
	    {GUEST_AREA_BASE, GUEST_PAGE_SIZE, GUEST_ROOT_BASE, GUEST_READ},
	};
	return page_space_make(area, number, runs, 1, is_full ? 2 : 0, NULL);
}

/* What the monitor does with spaces that a file has. */
static void use_spaces(const struct image *image)
{
	struct page_area area = {.image = image, .memory = image->memory};
	struct page_run run;
	for (uint64_t i = 0; i < GUEST_SPACES_MAX; i++) {
		page_space_switch(&area, i);
		page_tables_protect(image->memory, GUEST_POOL_BASE, 16 * GUEST_PAGE_SIZE,
				    GUEST_READ, NULL);
		if (page_area_find(&area, GUEST_AREA_BASE, GUEST_STACK_TOP, &run))
			page_area_unmap(&area, &run, NULL);
		page_space_switch(&area, 0);
		page_space_drop(&area, i);
		make_space(&area, i, false);
	}
}

/* Changes the page tables of a small image. Where the check lets them pass, the monitor may work
 * with them. */
static void change_page_tables(const uint8_t *data, size_t size)
{
	struct image image;
	struct error error = {0};
	check(!image_create_with_root(&image, MEMORY_SIZE, -1, ROOT_SIZE, &error));
	check(!image_map(&image, GUEST_POOL_BASE, MEMORY_SIZE, GUEST_READ | GUEST_WRITE, &error));
	image.page_tables_size = TABLES * GUEST_PAGE_SIZE;
	check(!page_tables_build(&image, NULL, &error));
	struct page_area area = {.image = &image, .memory = image.memory};
	check(!make_space(&area, 1, true) && !make_space(&area, 2, false));
	check(!page_tables_check(&image, NULL, &error));
	for (; size >= 16; data += 16, size -= 16) {
		uint64_t place, value;
		memcpy(&place, data, sizeof(place));
		memcpy(&value, data + 8, sizeof(value));
		place = image.page_tables + place % (image.page_tables_size / 8) * 8;
		memcpy(image.memory + place, &value, sizeof(value));
	}
	if (!page_tables_check(&image, NULL, &error)) {
		uint32_t protection;
		page_tables_protection_run(image.memory, GUEST_POOL_BASE,
					   GUEST_POOL_BASE + MEMORY_SIZE, &protection);
		page_tables_protect(image.memory, GUEST_POOL_BASE, MEMORY_SIZE, GUEST_READ, NULL);
		use_spaces(&image);
		check(!page_tables_check(&image, NULL, &error));
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
