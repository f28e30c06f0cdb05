/* Opening snapshot files; see file.h.
 *
 * Hashing all that is in a file costs a millisecond for each 1.5 MB or so; which files were found
 * to be whole is remembered (digest_cache.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest_cache.h"
#include "file.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/trust.h"

#define WHOLE "whole" /* the word that is remembered of a whole file */

struct opened {
	int fd;
	struct stat status;
	struct snapshot_layout layout;
	uint8_t *metadata;
};

static void opened_release(struct opened *opened)
{
	if (opened->fd >= 0)
		close(opened->fd);
	snapshot_layout_release(&opened->layout);
	free(opened->metadata);
}

/* ── verifying ───────────────────────────────────────────────────────────────────────────────── */

/* `length` is not 0. */
static bool is_zero(const uint8_t *data, uint64_t length)
{
	return !data[0] && !memcmp(data, data + 1, length - 1);
}

static int check_part(const uint8_t *data, uint64_t length, const uint8_t expected[HASH_SIZE],
		      const char *what, uint64_t at, struct error *error)
{
	uint8_t digest[HASH_SIZE];
	int result = hash_bytes(data, length, digest, error);
	if (!result && memcmp(digest, expected, HASH_SIZE) != 0)
		result = error_set(error, EBADMSG, "damaged: %s at 0x%lx, %lu KiB", what, at,
				   (length + 1023) >> 10);
	return result;
}

/* What no extent names must be zero. A hole is; only what the file system calls data is read. */
static int check_gap(const struct opened *opened, const uint8_t *memory, uint64_t start,
		     uint64_t end, struct error *error)
{
	const uint64_t base = opened->layout.header.memory_offset;
	while (start < end) {
		off_t data = lseek(opened->fd, (off_t)(base + start), SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0)
			return error_set_errno(error, errno, "cannot be read");
		if ((uint64_t)data >= base + end)
			return 0;
		start = (uint64_t)data - base;
		off_t hole = lseek(opened->fd, data, SEEK_HOLE);
		if (hole < 0)
			return error_set_errno(error, errno, "cannot be read");
		uint64_t stop = (uint64_t)hole - base < end ? (uint64_t)hole - base : end;
		for (uint64_t next; start < stop; start = next) {
			next = stop - start > GUEST_PAGE_SIZE ? start + GUEST_PAGE_SIZE : stop;
			if (!is_zero(memory + start, next - start))
				return error_set(
				    error, EBADMSG,
				    "damaged: memory at 0x%lx, which ought to be empty", start);
		}
	}
	return 0;
}

static int check_contents(const struct opened *opened, const struct snapshot *snapshot,
			  struct error *error)
{
	const uint8_t *memory = snapshot->image.memory;
	const struct snapshot_layout *layout = &opened->layout;
	int result = 0;
	uint64_t end = 0;
	for (size_t i = 0; i < layout->extent_count && !result; i++) {
		const struct snapshot_extent *extent = &layout->extents[i];
		result = check_gap(opened, memory, end, extent->offset, error);
		end = extent->offset + extent->length;
		if (!result)
			result = check_part(memory + extent->offset, extent->length, extent->digest,
					    "memory", extent->offset, error);
	}
	if (!result)
		result = check_gap(opened, memory, end, snapshot->image.size, error);
	if (!result)
		result = check_part(snapshot->program.data, snapshot->program.size,
				    snapshot->program_digest, "the program", 0, error);
	return result;
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static int read_metadata(struct opened *opened, struct error *error)
{
	struct snapshot_header *header = &opened->layout.header;
	if (fstat(opened->fd, &opened->status))
		return error_set_errno(error, errno, "cannot be read");
	ssize_t got = file_read_full(opened->fd, header, sizeof(*header));
	if (got < 0)
		return error_set_errno(error, (int)-got, "cannot be read");
	if (got < (ssize_t)sizeof(*header))
		return error_set(error, EBADMSG, "cut off: %zd bytes are there", got);
	int result = snapshot_parse_header(header, (uint64_t)opened->status.st_size, error);
	if (result)
		return result;
	opened->metadata = malloc(header->metadata_length);
	if (!opened->metadata)
		return error_set(error, ENOMEM, "no memory for its metadata");
	got = file_read_full(opened->fd, opened->metadata, header->metadata_length);
	if (got < 0)
		return error_set_errno(error, (int)-got, "cannot be read");
	if ((uint64_t)got < header->metadata_length)
		return error_set(error, EBADMSG, "cut off in its metadata");
	return 0;
}

static int check_metadata(const struct opened *opened, struct error *error)
{
	uint8_t digest[HASH_SIZE];
	int result = snapshot_digest(&opened->layout.header, opened->metadata, digest, error);
	if (!result && memcmp(digest, opened->layout.header.digest, HASH_SIZE) != 0)
		result = error_set(error, EBADMSG, "damaged: its metadata have another digest");
	return result;
}

static int map_part(int fd, uint64_t offset, uint64_t length, uint8_t **out, struct error *error)
{
	void *memory = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, (off_t)offset);
	if (memory == MAP_FAILED)
		return error_set_errno(error, errno, "cannot be mapped");
	*out = memory;
	return 0;
}

static int map_parts(const struct opened *opened, struct snapshot *snapshot, struct error *error)
{
	const struct snapshot_header *header = &opened->layout.header;
	struct image *image = &snapshot->image;
	uint8_t *program = NULL;
	int result = map_part(opened->fd, image->file_offset, image->size, &image->memory, error);
	if (!result)
		result = map_part(opened->fd, header->program_offset, header->program_size,
				  &program, error);
	if (result)
		return result;
	snapshot->program =
	    (struct snapshot_program){.data = program, .size = header->program_size};
	return 0;
}

static int check_machine(const struct snapshot *snapshot, struct error *error)
{
	struct cpu_features here;
	cpu_features_read(&here);
	const char *missing = cpu_features_missing(&snapshot->features, &here);
	if (missing)
		return error_set(error, ENOTSUP,
				 "taken on another machine: this processor has no %s; make the "
				 "snapshot again here",
				 missing);
	return 0;
}

static int snapshot_open(struct opened *opened, struct snapshot *snapshot, const char *path,
			 struct error *error)
{
	int result = read_metadata(opened, error);
	char word[DIGEST_CACHE_WORD_SIZE];
	bool verified =
	    !result && digest_cache_recall(&opened->status, word) && !strcmp(word, WHOLE);
	if (!result && !verified)
		result = check_metadata(opened, error);
	if (!result)
		result = snapshot_parse(snapshot, &opened->layout, opened->metadata, error);
	if (!result)
		result = check_machine(snapshot, error);
	if (!result)
		result = map_parts(opened, snapshot, error);
	if (!result && !verified) {
		result = check_contents(opened, snapshot, error);
		if (!result)
			digest_cache_remember(&opened->status, WHOLE);
	}
	if (!result && snapshot->root.size)
		result = snapshot_root_open(&snapshot->root, path, &snapshot->image.root, error);
	if (!result)
		snapshot->image.memfd = take_fd(&opened->fd);
	return result;
}

int snapshot_file_open(struct snapshot *snapshot, const char *path, struct error *error)
{
	cleanup(opened_release) struct opened opened = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
	*snapshot = (struct snapshot){.image.memfd = -1, .image.root = -1};
	if (opened.fd < 0)
		return error_set_errno(error, errno, "cannot open snapshot %s", path);
	int result = trust_open_file(opened.fd, "it", error);
	if (!result)
		result = snapshot_open(&opened, snapshot, path, error);
	if (result) {
		snapshot_release(snapshot);
		return error_wrap(error, "snapshot %s", path);
	}
	return 0;
}
