/* The virtio devices that a command line gives to a guest: read and opened once, while the monitor
 * may still open something, and made for each slot.
 *
 *     block:NAME=FILE               a disk; read-only where the file may not be written; @request: the
 *                                   request (devices/virtio/block.h)
 *     block-sector-size:NAME=BYTES  the size of its blocks: 512, the usual one, to 4096
 *     block-limit:NAME=BYTES[,OPERATIONS]
 *                                   how much of it in a second
 *     net:NAME=WHAT, net-mac:NAME=MAC
 *                                   a network (network/network.h)
 *     net-limit:NAME=BYTES[,FRAMES] how much of it in a second, in each direction
 *     9p:TAG=DIRECTORY              files to read, which the guest mounts by that tag; only one
 *     accel:guest=LAYOUT            accelerated ops (devices/virtio/accel.h)
 *
 * The guest finds blocks and networks in their order.
 */
#ifndef MAYFLY_MONITOR_GUEST_VIRTIO_GIVEN_H
#define MAYFLY_MONITOR_GUEST_VIRTIO_GIVEN_H

#include "monitor/devices/virtio/accel.h"
#include "monitor/devices/virtio/attach.h"
#include "monitor/devices/virtio/block.h"
#include "monitor/devices/virtio/net.h"
#include "monitor/devices/virtio/nine_p.h"
#include "monitor/guests/options.h"
#include "monitor/network/network.h"
#include "util/descriptors.h"

struct virtio_given_device {
	const struct virtio_kind *kind;
	struct virtio_disk disk; /* of virtio_block */
	bool is_request;	 /* each slot has a copy of that disk, for its own request */
	struct network *network; /* of virtio_net */
	struct rate_limit limit; /* of virtio_net */
};

struct virtio_given {
	struct virtio_given_device list[VIRTIO_DEVICES_MAX];
	size_t count;
	struct networks networks;
	struct virtio_root root;	  /* what is mounted; its files are NULL where nothing is */
	const struct accel_layout *accel; /* NULL: no accelerated ops */
};

/* What a slot has of them. */
struct virtio_links {
	struct virtio_net_link list[VIRTIO_DEVICES_MAX];
	size_t count;
	struct virtio_disk request_disks[VIRTIO_DEVICES_MAX];
	struct request_disk request; /* of all of these */
	size_t request_disk_count;
};

/* What may be said, for guest_devices_check(), which comes first. */
#define VIRTIO_GIVEN_KINDS                                                                         \
	"block", "block-sector-size", "block-limit", "net", "net-mac", "net-limit", "9p", "accel"

/* Opens what texts (NULL-terminated; NULL: none) name; those of other kinds are somebody else's. An
 * error leaves nothing open. */
int virtio_given_open(struct virtio_given *given, const char *const *devices, struct error *error);
void virtio_given_release(struct virtio_given *given);

/* Opens the directory of a text `9p`, where there is one: its server is started by the options'
 * reviver. *files is what it is read by, and is the guest's to close (struct guest). */
int virtio_given_open_files(struct virtio_given *given, const struct guest_options *options,
			    struct root_client **files, struct error *error);

/* How many devices these are. */
size_t virtio_given_count(const struct virtio_given *given);

/* Notes the descriptors that are to stay. */
int virtio_given_keep(const struct virtio_given *given, struct descriptors_kept *kept);

/* Adds them to the devices of a slot, with links of its own that virtio_links_release() releases;
 * both must outlive the bus. An error leaves no link. */
int virtio_given_add(struct virtio_given *given, struct virtio_devices *devices,
		     struct virtio_links *links, struct error *error);
void virtio_links_release(struct virtio_links *links);

#endif
