/* Reading what a snapshot file says about itself; see file.h. The bytes may be anybody's:
 * no number is used before it was compared with what it must fit into. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "mayfly/root_format.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/page_tables.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/text.h"

#define JOURNAL_COUNT_MAX 1024

void snapshot_release(struct snapshot *snapshot)
{
	if (snapshot->image.root_size && snapshot->image.root >= 0)
		close(snapshot->image.root);
	image_release(&snapshot->image);
	if (snapshot->program.data)
		munmap(snapshot->program.data, snapshot->program.size);
	setup_output_release(&snapshot->setup_output);
	free(snapshot->state.devices);
	accelerator_journal_release(&snapshot->journal);
}

void snapshot_layout_release(struct snapshot_layout *layout)
{
	free(layout->extents);
	*layout = (struct snapshot_layout){0};
}

int snapshot_parse_header(const struct snapshot_header *header, uint64_t file_size,
			  struct error *error)
{
	if (memcmp(header->magic, SNAPSHOT_MAGIC, sizeof(header->magic)) != 0)
		return error_set(error, ENOEXEC, "not a snapshot");
	if (header->version != SNAPSHOT_VERSION || header->abi_version != GUEST_ABI_VERSION)
		return error_set(error, EPROTONOSUPPORT,
				 "made by another version of Mayfly (format %u.%u, this one reads "
				 "%u.%u): make the snapshot again",
				 header->version, header->abi_version, SNAPSHOT_VERSION,
				 GUEST_ABI_VERSION);
	if (file_size < header->file_size)
		return error_set(error, EBADMSG, "cut off: %lu of %lu bytes are there", file_size,
				 header->file_size);
	if (file_size > header->file_size ||
	    header->metadata_length < sizeof(struct snapshot_metadata) ||
	    header->metadata_length > SNAPSHOT_METADATA_MAX ||
	    header->memory_offset % GUEST_PAGE_SIZE || header->program_offset % GUEST_PAGE_SIZE ||
	    header->memory_offset < sizeof(*header) + header->metadata_length ||
	    header->program_offset < header->memory_offset || !header->program_size ||
	    !range_within(header->program_offset, header->program_size, file_size))
		return error_set(error, EBADMSG, "damaged: its header is not sound");
	return 0;
}

int snapshot_digest(const struct snapshot_header *header, const uint8_t *metadata,
		    uint8_t digest[HASH_SIZE], struct error *error)
{
	struct {
		struct snapshot_header header;
		uint8_t metadata[HASH_SIZE];
	} both = {.header = *header};
	memset(both.header.digest, 0, HASH_SIZE);
	int result = hash_bytes(metadata, header->metadata_length, both.metadata, error);
	return result ? result : hash_bytes(&both, sizeof(both), digest, error);
}

/* What is left of the metadata. */
struct reader {
	const uint8_t *next;
	uint64_t left;
};

/* Copies `length` bytes; false where there are fewer. */
static bool take(struct reader *reader, void *out, uint64_t length)
{
	if (length > reader->left)
		return false;
	memcpy(out, reader->next, length);
	reader->next += length;
	reader->left -= length;
	return true;
}

/* The same into fresh memory. */
static void *take_copy(struct reader *reader, uint64_t length)
{
	uint8_t *copy = length <= reader->left ? malloc(length ? length : 1) : NULL;
	if (copy && take(reader, copy, length))
		return copy;
	free(copy);
	return NULL;
}

/* Names are for messages: a line of text. */
static bool name_is_sound(const char *name, size_t size)
{
	const size_t length = strnlen(name, size);
	cleanup_free char *line = strndup(name, length);
	if (!line || !length || length == size)
		return false;
	text_make_line(line, length);
	return !memcmp(line, name, length);
}

/* Where programs, their memory and the library OS may lie: the window, the hypercall page and the
 * helper of process isolation have places of their own. */
static bool address_is_free(uint64_t address, uint64_t length)
{
	uint64_t end;
	if (add_overflows(address, length, &end) || address < GUEST_PAGE_SIZE)
		return false;
	return end <= GUEST_WINDOW_BASE || (address >= GUEST_LIBOS_BASE && end <= GUEST_HYPERCALL);
}

static bool take_regions(struct reader *reader, struct image *image, size_t count)
{
	const uint64_t begin = image->page_tables + image->page_tables_size;
	if (count > IMAGE_REGIONS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct snapshot_region region;
		if (!take(reader, &region, sizeof(region)) || !region.length ||
		    region.address % GUEST_PAGE_SIZE || region.length % GUEST_PAGE_SIZE ||
		    region.offset % GUEST_PAGE_SIZE || region.offset < begin ||
		    !range_within(region.offset, region.length, image->next) ||
		    !address_is_free(region.address, region.length) ||
		    region.protection & ~(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE))
			return false;
		for (size_t j = 0; j < i; j++) {
			const struct image_region *other = &image->regions[j];
			if (region.address < other->address + other->length &&
			    other->address < region.address + region.length)
				return false;
		}
		image->regions[image->region_count++] = (struct image_region){
		    .address = region.address,
		    .length = region.length,
		    .offset = region.offset,
		    .protection = region.protection,
		};
	}
	return true;
}

/* The system pages and page tables of ours, and how much is in use; a kernel's memory has none of
 * them. */
static bool layout_is_sound(const struct image *image)
{
	const uint64_t tables = IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE;
	if (image_is_flat(image))
		return !image->page_tables && image->next == image->size && !image->root_size;
	return image->page_tables == tables && !(image->page_tables_size % GUEST_PAGE_SIZE) &&
	       image->next <= image->size &&
	       range_within(tables, image->page_tables_size, image->next);
}

/* The memory that the header leaves room for, and what the metadata says is in it. */
static bool take_image(struct reader *reader, struct image *image,
		       const struct snapshot_metadata *metadata,
		       const struct snapshot_header *header)
{
	*image = (struct image){
	    .memfd = -1,
	    .root = -1,
	    .root_size = metadata->root_size,
	    .file_offset = header->memory_offset,
	    .size = metadata->memory_size,
	    .page_tables = metadata->page_tables,
	    .page_tables_size = metadata->page_tables_size,
	    .next = metadata->next,
	};
	if (image->size % GUEST_PAGE_SIZE || image->size > PAGE_WINDOW_PHYSICAL ||
	    image->size > header->program_offset - header->memory_offset || !image->size ||
	    !layout_is_sound(image) || (image_is_flat(image) && metadata->region_count))
		return false;
	return take_regions(reader, image, metadata->region_count);
}

static bool take_extents(struct reader *reader, struct snapshot_layout *layout, uint32_t count,
			 uint64_t memory_size)
{
	if (count > reader->left / sizeof(*layout->extents))
		return false;
	layout->extents = calloc(count ? count : 1, sizeof(*layout->extents));
	if (!layout->extents)
		return false;
	uint64_t end = 0;
	for (; layout->extent_count < count; layout->extent_count++) {
		struct snapshot_extent *extent = &layout->extents[layout->extent_count];
		if (!take(reader, extent, sizeof(*extent)) || extent->offset < end ||
		    !extent->length || extent->length > SNAPSHOT_EXTENT_MAX ||
		    extent->offset % GUEST_PAGE_SIZE || extent->length % GUEST_PAGE_SIZE ||
		    !range_within(extent->offset, extent->length, memory_size))
			return false;
		end = extent->offset + extent->length;
	}
	return true;
}

static bool take_journal(struct reader *reader, struct accelerator_journal *journal, size_t count)
{
	if (count > JOURNAL_COUNT_MAX)
		return false;
	journal->messages = calloc(count ? count : 1, sizeof(*journal->messages));
	if (!journal->messages)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct snapshot_message message;
		if (!take(reader, &message, sizeof(message)) ||
		    message.extent > WINDOW_ARENA_SIZE || message.length > message.extent)
			return false;
		uint8_t *data = take_copy(reader, message.length);
		if (!data)
			return false;
		journal->messages[i].data = data;
		journal->messages[i].length = message.length;
		journal->messages[i].extent = message.extent;
		journal->count++;
		journal->bytes += message.length;
	}
	return true;
}

static bool take_setup_output(struct reader *reader, struct setup_output *setup_output,
			      uint64_t length)
{
	if (length > SETUP_OUTPUT_MAX)
		return false;
	setup_output->data = take_copy(reader, length);
	setup_output->length = setup_output->data ? length : 0;
	return setup_output->data;
}

/* What stands in them is for the isolation and the devices to check. */
static bool take_state(struct reader *reader, struct guest_state *state,
		       const struct snapshot_metadata *metadata)
{
	if (metadata->machine_length > sizeof(state->machine.bytes) ||
	    !take(reader, state->machine.bytes, metadata->machine_length))
		return false;
	state->machine.length = metadata->machine_length;
	if (!metadata->devices_length)
		return true;
	state->devices = take_copy(reader, metadata->devices_length);
	state->devices_length = state->devices ? metadata->devices_length : 0;
	return state->devices;
}

/* A root image has a size, a digest and an absolute path, or there is none. */
static bool take_root(struct reader *reader, struct snapshot_root *root,
		      const struct snapshot_metadata *metadata)
{
	const uint64_t length = metadata->root_path_length;
	if (!metadata->root_size)
		return !length;
	if (metadata->root_size > ROOT_IMAGE_MAX || metadata->root_size % ROOT_PAGE_SIZE ||
	    length >= sizeof(root->path) || !take(reader, root->path, length) ||
	    root->path[0] != '/' || strlen(root->path) != length)
		return false;
	root->size = metadata->root_size;
	memcpy(root->digest, metadata->root_digest, sizeof(metadata->root_digest));
	return strlen(root->digest) == sizeof(metadata->root_digest);
}

int snapshot_parse(struct snapshot *snapshot, struct snapshot_layout *layout,
		   const uint8_t *metadata, struct error *error)
{
	struct reader reader = {metadata, layout->header.metadata_length};
	struct snapshot_metadata fixed;
	*snapshot = (struct snapshot){.image.memfd = -1, .image.root = -1};
	if (!take(&reader, &fixed, sizeof(fixed)) ||
	    !name_is_sound(fixed.kind, sizeof(fixed.kind)) ||
	    !name_is_sound(fixed.isolation, sizeof(fixed.isolation)) ||
	    !name_is_sound(fixed.name, sizeof(fixed.name)))
		return error_set(error, EBADMSG, "damaged: its metadata are not sound");
	memcpy(snapshot->kind, fixed.kind, sizeof(fixed.kind));
	memcpy(snapshot->isolation, fixed.isolation, sizeof(fixed.isolation));
	memcpy(snapshot->name, fixed.name, sizeof(fixed.name));
	memcpy(snapshot->program_digest, fixed.program_digest, HASH_SIZE);
	snapshot->features = fixed.features;
	snapshot->entries = (struct machine_entries){
	    .start = fixed.start,
	    .resume = fixed.resume,
	    .system_call = fixed.system_call,
	    .upcall = fixed.upcall,
	};
	if (!take_image(&reader, &snapshot->image, &fixed, &layout->header))
		return error_set(error, EBADMSG, "damaged: its memory regions are not sound");
	if (!take_extents(&reader, layout, fixed.extent_count, snapshot->image.size))
		return error_set(error, EBADMSG, "damaged: its list of pages is not sound");
	if (!take_journal(&reader, &snapshot->journal, fixed.journal_count) ||
	    !take_setup_output(&reader, &snapshot->setup_output, fixed.setup_output_length))
		return error_set(error, EBADMSG, "damaged: its set-up's output is not sound");
	if (!take_state(&reader, &snapshot->state, &fixed))
		return error_set(error, EBADMSG,
				 "damaged: its processor and devices are not sound");
	if (!take_root(&reader, &snapshot->root, &fixed) || reader.left)
		return error_set(error, EBADMSG, "damaged: its root is not sound");
	return 0;
}
