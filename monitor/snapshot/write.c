/* Writing snapshot files; see file.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

struct writer {
	const struct snapshot *snapshot;
	struct snapshot_header header;
	struct snapshot_extent *extents;
	size_t extent_count, extent_room;
	uint8_t *metadata;
	uint64_t used; /* of it */
};

static void writer_release(struct writer *writer)
{
	free(writer->extents);
	free(writer->metadata);
}

static bool page_is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, GUEST_PAGE_SIZE - 1);
}

static int add_page(struct writer *writer, uint64_t offset, struct error *error)
{
	struct snapshot_extent *last =
	    writer->extent_count ? &writer->extents[writer->extent_count - 1] : NULL;
	if (last && last->offset + last->length == offset && last->length < SNAPSHOT_EXTENT_MAX) {
		last->length += GUEST_PAGE_SIZE;
		return 0;
	}
	if (writer->extent_count == writer->extent_room) {
		size_t room = writer->extent_room ? 2 * writer->extent_room : 64;
		void *grown = reallocarray(writer->extents, room, sizeof(*writer->extents));
		if (!grown)
			return error_set(error, ENOMEM, "no memory for a list of pages");
		writer->extents = grown;
		writer->extent_room = room;
	}
	writer->extents[writer->extent_count++] =
	    (struct snapshot_extent){.offset = offset, .length = GUEST_PAGE_SIZE};
	return 0;
}

/* Lists the pages that are there and not zero, and hashes them. */
static int find_extents(struct writer *writer, struct error *error)
{
	const struct image *image = &writer->snapshot->image;
	off_t start = 0;
	while ((start = lseek(image->memfd, start, SEEK_DATA)) >= 0) {
		off_t end = lseek(image->memfd, start, SEEK_HOLE);
		if (end < 0)
			return error_set_errno(error, errno, "cannot look into the snapshot");
		for (; start < end; start += (off_t)GUEST_PAGE_SIZE) {
			if (page_is_zero(image->memory + start))
				continue;
			int result = add_page(writer, (uint64_t)start, error);
			if (result)
				return result;
		}
	}
	for (size_t i = 0; i < writer->extent_count; i++) {
		struct snapshot_extent *extent = &writer->extents[i];
		int result = hash_bytes(image->memory + extent->offset, extent->length,
					extent->digest, error);
		if (result)
			return result;
	}
	return 0;
}

static void put(struct writer *writer, const void *data, uint64_t length)
{
	if (length)
		memcpy(writer->metadata + writer->used, data, length);
	writer->used += length;
}

static void describe(const struct writer *writer, struct snapshot_metadata *metadata)
{
	const struct snapshot *snapshot = writer->snapshot;
	const struct image *image = &snapshot->image;
	*metadata = (struct snapshot_metadata){
	    .features = snapshot->features,
	    .created = (uint64_t)time(NULL),
	    .memory_size = image->size,
	    .page_tables = image->page_tables,
	    .page_tables_size = image->page_tables_size,
	    .next = image->next,
	    .start = snapshot->entries.start,
	    .resume = snapshot->entries.resume,
	    .system_call = snapshot->entries.system_call,
	    .upcall = snapshot->entries.upcall,
	    .setup_output_length = snapshot->setup_output.length,
	    .machine_length = snapshot->state.machine.length,
	    .devices_length = snapshot->state.devices_length,
	    .root_size = snapshot->root.size,
	    .region_count = (uint32_t)image->region_count,
	    .extent_count = (uint32_t)writer->extent_count,
	    .journal_count = (uint32_t)snapshot->journal.count,
	    .root_path_length = (uint32_t)strlen(snapshot->root.path),
	};
	memcpy(metadata->root_digest, snapshot->root.digest, sizeof(metadata->root_digest));
	memcpy(metadata->kind, snapshot->kind, sizeof(metadata->kind));
	memcpy(metadata->isolation, snapshot->isolation, sizeof(metadata->isolation));
	memcpy(metadata->name, snapshot->name, sizeof(metadata->name));
	memcpy(metadata->program_digest, snapshot->program_digest, HASH_SIZE);
}

static int build_metadata(struct writer *writer, struct error *error)
{
	const struct snapshot *snapshot = writer->snapshot;
	const struct image *image = &snapshot->image;
	const struct accelerator_journal *journal = &snapshot->journal;
	struct snapshot_metadata metadata;
	describe(writer, &metadata);
	uint64_t length = sizeof(metadata) + image->region_count * sizeof(struct snapshot_region) +
			  writer->extent_count * sizeof(struct snapshot_extent) +
			  journal->count * sizeof(struct snapshot_message) + journal->bytes +
			  snapshot->setup_output.length + metadata.machine_length +
			  metadata.devices_length + metadata.root_path_length;
	writer->metadata = malloc(length);
	if (!writer->metadata)
		return error_set(error, ENOMEM, "no memory for a snapshot's metadata");
	put(writer, &metadata, sizeof(metadata));
	for (size_t i = 0; i < image->region_count; i++) {
		const struct snapshot_region region = {
		    .address = image->regions[i].address,
		    .length = image->regions[i].length,
		    .offset = image->regions[i].offset,
		    .protection = image->regions[i].protection,
		};
		put(writer, &region, sizeof(region));
	}
	put(writer, writer->extents, writer->extent_count * sizeof(*writer->extents));
	for (size_t i = 0; i < journal->count; i++) {
		const struct snapshot_message message = {
		    .length = journal->messages[i].length,
		    .extent = journal->messages[i].extent,
		};
		put(writer, &message, sizeof(message));
		put(writer, journal->messages[i].data, message.length);
	}
	put(writer, snapshot->setup_output.data, snapshot->setup_output.length);
	put(writer, snapshot->state.machine.bytes, metadata.machine_length);
	put(writer, snapshot->state.devices, metadata.devices_length);
	put(writer, snapshot->root.path, metadata.root_path_length);
	return 0;
}

static int build_header(struct writer *writer, struct error *error)
{
	const struct snapshot *snapshot = writer->snapshot;
	struct snapshot_header *header = &writer->header;
	*header = (struct snapshot_header){
	    .version = SNAPSHOT_VERSION,
	    .abi_version = GUEST_ABI_VERSION,
	    .metadata_length = writer->used,
	    .memory_offset = round_up(sizeof(*header) + writer->used, GUEST_PAGE_SIZE),
	    .program_size = snapshot->program.size,
	};
	memcpy(header->magic, SNAPSHOT_MAGIC, sizeof(header->magic));
	header->program_offset =
	    header->memory_offset + round_up(snapshot->image.size, GUEST_PAGE_SIZE);
	header->file_size = header->program_offset + header->program_size;
	return snapshot_digest(header, writer->metadata, header->digest, error);
}

/* All of it: 0 or a negative errno. Not pwrite(2): a monitor has no other use for it, and may not
 * call it (rights.c). */
static int write_at(int fd, const void *data, uint64_t length, uint64_t offset)
{
	return lseek(fd, (off_t)offset, SEEK_SET) < 0 ? -errno : file_write_all(fd, data, length);
}

static int write_parts(const struct writer *writer, int fd)
{
	const struct snapshot_header *header = &writer->header;
	const struct snapshot *snapshot = writer->snapshot;
	if (ftruncate(fd, (off_t)header->file_size))
		return -errno;
	int result = write_at(fd, header, sizeof(*header), 0);
	if (!result)
		result = write_at(fd, writer->metadata, writer->used, sizeof(*header));
	for (size_t i = 0; i < writer->extent_count && !result; i++)
		result = write_at(fd, snapshot->image.memory + writer->extents[i].offset,
				  writer->extents[i].length,
				  header->memory_offset + writer->extents[i].offset);
	if (!result)
		result = write_at(fd, snapshot->program.data, header->program_size,
				  header->program_offset);
	return result;
}

int snapshot_file_write(int fd, const struct snapshot *snapshot, struct error *error)
{
	cleanup(writer_release) struct writer writer = {.snapshot = snapshot};
	int result = find_extents(&writer, error);
	if (!result)
		result = build_metadata(&writer, error);
	if (!result)
		result = build_header(&writer, error);
	if (result)
		return result;
	result = write_parts(&writer, fd);
	return result ? error_set_errno(error, -result, "cannot write the snapshot") : 0;
}
