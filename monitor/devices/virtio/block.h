/* What is behind a virtio block device: a file that is open, the same for all slots. */
#ifndef MAYFLY_MONITOR_VIRTIO_BLOCK_H
#define MAYFLY_MONITOR_VIRTIO_BLOCK_H

#include "monitor/slot/request_disk.h"
#include "rate.h"
#include "virtio.h"

#define VIRTIO_SECTOR_SIZE	  512UL
#define VIRTIO_BLOCK_IDENTITY_MAX 20

struct virtio_disk {
	int fd;			      /* -1 where it is the request */
	struct request_disk *request; /* NULL where it is a file */
	uint64_t size;		      /* bytes, a multiple of block_size */
	uint32_t block_size; /* what the guest is told; a power of two, at least a sector */
	bool read_only;
	char identity[VIRTIO_BLOCK_IDENTITY_MAX]; /* its name; no NUL where it is that long */
	struct rate_limit limit;
};

/* Opens a file or block device; where it may not be written, the disk is read-only. EINVAL where
 * there can be no such blocks, or the size is no multiple of them. */
int virtio_disk_open(struct virtio_disk *disk, const char *name, const char *file,
		     uint64_t block_size, struct error *error);

/* A read-only disk that is the request of a slot. EINVAL where there can be no such blocks. */
int virtio_disk_of_request(struct virtio_disk *disk, const char *name, uint64_t block_size,
			   struct error *error);

#endif
