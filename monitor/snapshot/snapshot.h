/* A snapshot: a guest that waits for its request, as far as a file can hold it. file.h has how it
 * gets into one. */
#ifndef MAYFLY_MONITOR_SNAPSHOT_H
#define MAYFLY_MONITOR_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "format.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/image.h"
#include "monitor/slot/setup.h"
#include "root.h"

/* The file that the guest was loaded from, whole; for its kind to look into. */
struct snapshot_program {
	uint8_t *data; /* mapped where it comes from a snapshot file, else borrowed */
	size_t size;
};

/* image.root is open while there is a root, and belongs to whoever holds the snapshot. */
struct snapshot {
	char kind[SNAPSHOT_KIND_SIZE];		 /* of the guest */
	char isolation[SNAPSHOT_ISOLATION_SIZE]; /* in which it was taken */
	char name[SNAPSHOT_NAME_SIZE];
	struct cpu_features features;
	struct image image;
	struct machine_entries entries;
	struct guest_state state;
	struct snapshot_program program;
	uint8_t program_digest[HASH_SIZE];
	struct setup_output setup_output;
	struct accelerator_journal journal;
	struct snapshot_root root;
};

/* Frees all that a snapshot from a file has. */
void snapshot_release(struct snapshot *snapshot);

#endif
