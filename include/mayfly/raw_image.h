/* The format of a raw image, and what its guest finds.
 *
 *     0             struct raw_header
 *     code_offset   code and constants, code_size bytes, shown at code_address: not writable
 *     data_offset   the first data_size bytes of memory at data_address, zero behind them up to
 *                   data_memory bytes: not executable
 *
 * The guest begins at `entry` in the processor's unprivileged ring, with no stack and zeros in its
 * registers. It talks to the devices that the header names, by ports; by one of them it says when a
 * snapshot is to be taken (docs/guest-kinds.md). Little-endian; both addresses are multiples of the
 * page size. Plain C, also for assembly.
 */
#ifndef MAYFLY_RAW_IMAGE_H
#define MAYFLY_RAW_IMAGE_H

#define RAW_VERSION 1

#define RAW_DEVICES_MAX	 8
#define RAW_NAME_SIZE	 16
#define RAW_OPTIONS_SIZE 48

#ifndef __ASSEMBLER__
#include <stdint.h>

#define RAW_MAGIC "MAYFLYRW"

struct raw_device {
	char name[RAW_NAME_SIZE];	/* NUL-terminated; empty: none */
	char options[RAW_OPTIONS_SIZE]; /* NAME=VALUE with commas between them, NUL-terminated */
};

struct raw_header {
	char magic[8];
	uint32_t version, reserved;
	uint64_t entry;
	uint64_t code_offset, code_size, code_address;
	uint64_t data_offset, data_size, data_address, data_memory;
	struct raw_device devices[RAW_DEVICES_MAX];
};
_Static_assert(sizeof(struct raw_header) == 80 + RAW_DEVICES_MAX * 64, "not padded");
#endif

#endif
