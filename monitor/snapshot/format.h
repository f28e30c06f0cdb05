/* The layout of a snapshot file, as it lies on disk.
 *
 *     0               struct snapshot_header
 *                     struct snapshot_metadata
 *                     struct snapshot_region[region_count]
 *                     struct snapshot_extent[extent_count]
 *                     struct snapshot_message[journal_count], each followed by its bytes
 *                     setup_output_length bytes: what the set-up wrote to standard output
 *                     machine_length bytes: the processor, where the kind of guest keeps it there
 *                     devices_length bytes: the states of its devices
 *                     root_path_length bytes: where the root image is, where there is one
 *     memory_offset   guest memory, memory_size bytes; what no extent names is a hole
 *     program_offset  the file that the guest was loaded from: the names in crash reports are there
 *     file_size
 *
 * Little-endian; memory and program begin at page borders, because they are mapped. Structures are
 * not padded and follow each other without gaps.
 */
#ifndef MAYFLY_MONITOR_SNAPSHOT_FORMAT_H
#define MAYFLY_MONITOR_SNAPSHOT_FORMAT_H

#include <stdint.h>

#include "monitor/x86_64/cpu_features.h"
#include "util/hash.h"

#define SNAPSHOT_MAGIC	 "MAYFLYSN"
#define SNAPSHOT_VERSION 4

#define SNAPSHOT_METADATA_MAX	(1UL << 30)
#define SNAPSHOT_EXTENT_MAX	(1UL << 20) /* bytes that one digest covers */
#define SNAPSHOT_NAME_SIZE	64
#define SNAPSHOT_KIND_SIZE	16
#define SNAPSHOT_ISOLATION_SIZE 16

struct snapshot_header {
	char magic[8];
	uint32_t version, abi_version;
	uint64_t file_size;
	uint64_t metadata_length; /* of all between this header and the memory, without the gap */
	uint64_t memory_offset, program_offset, program_size;
	uint8_t digest[HASH_SIZE]; /* of this header, with zeros here, and the metadata's digest */
};
_Static_assert(sizeof(struct snapshot_header) == 88, "not padded");

struct snapshot_metadata {
	struct cpu_features features;
	/* NUL-terminated */
	char kind[SNAPSHOT_KIND_SIZE], isolation[SNAPSHOT_ISOLATION_SIZE];
	char name[SNAPSHOT_NAME_SIZE];
	uint64_t created; /* seconds since 1970 */
	uint8_t program_digest[HASH_SIZE];
	/* struct image */
	uint64_t memory_size, page_tables, page_tables_size, next;
	/* struct machine_entries */
	uint64_t start, resume, system_call, upcall;
	uint64_t setup_output_length;
	/* What the kind of guest keeps of its machine: 0 where it keeps nothing. */
	uint64_t machine_length, devices_length;
	/* The root image: bytes, and the hexadecimal digits of its SHA-256. 0: there is none. */
	uint64_t root_size;
	char root_digest[HASH_HEX_SIZE - 1];
	uint32_t region_count, extent_count, journal_count, root_path_length;
};
_Static_assert(sizeof(struct snapshot_metadata) == 40 + 96 + 8 + 32 + 88 + 72 + 16, "not padded");

struct snapshot_region {
	uint64_t address, length, offset;
	uint32_t protection, reserved;
};

/* Pages of memory that are not zero. Ascending; none overlaps another. */
struct snapshot_extent {
	uint64_t offset, length; /* in the memory; multiples of the page size */
	uint8_t digest[HASH_SIZE];
};

/* A message of the set-up to the accelerator host. */
struct snapshot_message {
	uint64_t length; /* of the bytes that follow */
	uint64_t extent;
};

#endif
