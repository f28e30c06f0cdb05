/* Snapshot files: a program that waits for its request, to be gone on with by a later process.
 *
 * The memory in the file is mapped, not read: whoever uses the file shares its pages with all
 * others. A file is what its writer wrote (digests tell), and yet nothing in it is trusted: numbers
 * are checked before they are used, and the page tables must keep the guest where it belongs. A
 * root image is not in the file, but named by it (root.h).
 *
 * To replace a file in use, rename another one over it: writing into it changes the memory of
 * running guests, and cutting it off kills their monitors.
 */
#ifndef MAYFLY_MONITOR_SNAPSHOT_FILE_H
#define MAYFLY_MONITOR_SNAPSHOT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "format.h"
#include "snapshot.h"
#include "util/error.h"

/* Writes all of the file into an empty one, which is open as `fd`. */
int snapshot_file_write(int fd, const struct snapshot *snapshot, struct error *error);

/* Opens a file for this machine and maps its memory, read-only, as snapshot->image. The reason is
 * told where it is of another version or machine, cut off or damaged. */
int snapshot_file_open(struct snapshot *snapshot, const char *path, struct error *error);

/* Where the parts of a file are: what snapshot_parse() finds out beside the snapshot itself. */
struct snapshot_layout {
	struct snapshot_header header;
	struct snapshot_extent *extents;
	size_t extent_count;
};

void snapshot_layout_release(struct snapshot_layout *layout);

/* Checks a header as read from a file of `file_size` bytes. */
int snapshot_parse_header(const struct snapshot_header *header, uint64_t file_size,
			  struct error *error);

/* The digest that header->digest must be. */
int snapshot_digest(const struct snapshot_header *header, const uint8_t *metadata,
		    uint8_t digest[HASH_SIZE], struct error *error);

/* Takes the metadata behind a checked layout->header apart: everything but memory and program. What
 * it made must be released, also after an error. */
int snapshot_parse(struct snapshot *snapshot, struct snapshot_layout *layout,
		   const uint8_t *metadata, struct error *error);

#endif
