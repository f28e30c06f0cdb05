/* Reading what a snapshot file says about itself; see snapshot_file.h. The bytes may be anybody's:
 * no number is used before it was compared with what it must fit into. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isolation.h"
#include "mayfly/root_format.h"
#include "snapshot_file.h"
#include "util/checked.h"
#include "virtual_cpu.h"

#define JOURNAL_COUNT_MAX 1024

void snapshot_release(struct snapshot *snapshot)
{
	if (snapshot->image.root_size && snapshot->image.root >= 0)
		close(snapshot->image.root);
	image_release(&snapshot->image);
	elf_file_release(&snapshot->program);
	prefix_release(&snapshot->prefix);
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

/* Names are for messages. */
static bool name_is_sound(const char *name, size_t size)
{
	size_t length = strnlen(name, size);
	for (size_t i = 0; i < length; i++)
		if (!isprint((unsigned char)name[i]))
			return false;
	return length && length < size;
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

static bool is_library_os_address(const struct image *image, uint64_t address)
{
	return address >= GUEST_LIBOS_BASE && image_region_at(image, address);
}

/* The memory that the header leaves room for, and what the metadata says is in it. */
static bool take_image(struct reader *reader, struct image *image,
		       const struct snapshot_metadata *metadata,
		       const struct snapshot_header *header)
{
	const uint64_t tables = IMAGE_SYSTEM_OFFSET + IMAGE_SYSTEM_SIZE;
	*image = (struct image){
	    .memfd = -1,
	    .root = -1,
	    .root_size = metadata->root_size,
	    .file_offset = header->memory_offset,
	    .size = metadata->memory_size,
	    .page_tables = metadata->page_tables,
	    .page_tables_size = metadata->page_tables_size,
	    .next = metadata->next,
	    .start = metadata->start,
	    .resume = metadata->resume,
	    .syscall_entry = metadata->syscall_entry,
	    .upcall = metadata->upcall,
	};
	if (image->size % GUEST_PAGE_SIZE || image->size > VIRTUAL_CPU_WINDOW_PHYSICAL ||
	    image->size > header->program_offset - header->memory_offset ||
	    image->page_tables != tables || !image->page_tables_size ||
	    image->page_tables_size % GUEST_PAGE_SIZE || image->next > image->size ||
	    !range_within(tables, image->page_tables_size, image->next))
		return false;
	return take_regions(reader, image, metadata->region_count) &&
	       is_library_os_address(image, image->start) &&
	       is_library_os_address(image, image->resume) &&
	       is_library_os_address(image, image->syscall_entry) &&
	       is_library_os_address(image, image->upcall);
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

static bool take_prefix(struct reader *reader, struct prefix *prefix, uint64_t length)
{
	if (length > PREFIX_MAX)
		return false;
	prefix->data = take_copy(reader, length);
	prefix->length = prefix->data ? length : 0;
	return prefix->data;
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
	    !name_is_sound(fixed.isolation, sizeof(fixed.isolation)) ||
	    !name_is_sound(fixed.name, sizeof(fixed.name)))
		return error_set(error, EBADMSG, "damaged: its metadata are not sound");
	memcpy(snapshot->isolation, fixed.isolation, sizeof(fixed.isolation));
	memcpy(snapshot->name, fixed.name, sizeof(fixed.name));
	memcpy(snapshot->program_digest, fixed.program_digest, HASH_SIZE);
	snapshot->features = fixed.features;
	snapshot->program_base = fixed.program_base;
	if (!take_image(&reader, &snapshot->image, &fixed, &layout->header))
		return error_set(error, EBADMSG, "damaged: its memory regions are not sound");
	if (!take_extents(&reader, layout, fixed.extent_count, snapshot->image.size))
		return error_set(error, EBADMSG, "damaged: its list of pages is not sound");
	if (!take_journal(&reader, &snapshot->journal, fixed.journal_count) ||
	    !take_prefix(&reader, &snapshot->prefix, fixed.prefix_length))
		return error_set(error, EBADMSG, "damaged: its set-up's output is not sound");
	if (!take_root(&reader, &snapshot->root, &fixed) || reader.left)
		return error_set(error, EBADMSG, "damaged: its root is not sound");
	return 0;
}
