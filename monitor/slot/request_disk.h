/* A request that a guest reads as a disk.
 *
 * Its first block begins with the request's length in bytes, a number of 8 bytes, little-endian, and has
 * zeros behind it; the request follows from the second block on, with zeros behind it.
 */
#ifndef MAYFLY_MONITOR_REQUEST_DISK_H
#define MAYFLY_MONITOR_REQUEST_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define REQUEST_DISK_MAX (64UL << 20) /* bytes of a request; the disk has one block more */

/* So much memory is kept for the next request; more is given back. */
#define REQUEST_DISK_KEPT (1UL << 20)

struct slot;

/* Zero: nothing of the request has been taken. Belongs to one slot. */
struct request_disk {
	uint8_t *bytes;
	uint64_t length, room;
	bool complete, too_long; /* where it is too long, the rest is not taken */
};

/* Takes what comes of the request until `until_ns` (CLOCK_MONOTONIC). 0: it is complete, or too long.
 * -EAGAIN: not all of it has come; or the host's error. */
int request_disk_gather(struct request_disk *disk, struct slot *slot, uint64_t until_ns,
			struct error *error);

/* Reads [offset, offset + length) of the disk, all of which exists. */
void request_disk_read(const struct request_disk *disk, uint32_t block_size, uint64_t offset,
		       uint8_t *out, uint64_t length);

/* Another request follows. */
void request_disk_forget(struct request_disk *disk);
void request_disk_release(struct request_disk *disk);

#endif
