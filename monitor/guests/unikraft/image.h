/* Images of Unikraft, and other kernels in ELF files that start by the same boot protocols: what is in
 * them. Needs no machine. */
#ifndef MAYFLY_MONITOR_UNIKRAFT_IMAGE_H
#define MAYFLY_MONITOR_UNIKRAFT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/unikraft_protocol.h"
#include "monitor/isolation/kernel.h"
#include "util/error.h"

#define UNIKRAFT_SEGMENTS_MAX 16
#define UNIKRAFT_FILE_MAX     (1UL << 30)

struct unikraft_segment {
	uint64_t address, memory_size; /* guest-physical */
	uint64_t offset, file_size;    /* in the file */
	bool executable, writable;
};

struct unikraft_image {
	enum unikraft_protocol protocol;
	uint64_t entry;
	uint64_t end; /* of the last segment */
	struct unikraft_segment segments[UNIKRAFT_SEGMENTS_MAX];
	size_t segment_count;
	/* Where it has instructions, as its sections say where they do; else all that may be executed. */
	struct kernel_code code[KERNEL_CODES_MAX];
	size_t code_count;
};

/* Parses and checks a whole file, nobody's promise but its size, for a guest with so much memory. The
 * error says what the file is, and what is missing. */
int unikraft_image_parse(struct unikraft_image *image, const uint8_t *file, size_t size,
			 uint64_t memory, struct error *error);

#endif
