/* The program in a Solo5 image: what is loaded where. */
#ifndef MAYFLY_MONITOR_SOLO5_PROGRAM_H
#define MAYFLY_MONITOR_SOLO5_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define SOLO5_SEGMENTS_MAX 16

struct solo5_segment {
	uint64_t start, end;	     /* of its pages */
	uint64_t address, file_size; /* what the file has of it lies here */
	uint64_t offset;	     /* in the file */
	bool writable, executable;   /* never both */
};

struct solo5_program {
	uint64_t entry;
	uint64_t end;					   /* of the last segment's pages */
	struct solo5_segment segments[SOLO5_SEGMENTS_MAX]; /* ascending */
	size_t segment_count;
};

/* Checks what stands at the beginning of the file, so that its program headers can be read. ENOEXEC,
 * as the next. */
int solo5_program_check(const uint8_t *file, size_t size, struct error *error);

/* Finds the segments, which must lie in `memory` bytes and above SOLO5_GUEST_BASE. The headers were
 * checked. */
int solo5_program_parse(struct solo5_program *program, const uint8_t *file, size_t size,
			uint64_t memory, struct error *error);

#endif
