/* The devices of a Solo5 guest: what is behind those of its manifest. */
#ifndef MAYFLY_MONITOR_SOLO5_DEVICES_H
#define MAYFLY_MONITOR_SOLO5_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"
#include "monitor/network/network.h"
#include "util/descriptors.h"
#include "util/error.h"

/* A block device without a file that is called so has the request behind it. */
#define SOLO5_REQUEST_NAME "request"

/* And one that is called ACCEL_DEVICE_NAME the accelerator host (mayfly/accel_device.h). */

struct solo5_device {
	/* A block device: its file; -1 for the request, and for the accelerator host. */
	int file;
	bool is_request, is_accelerator, is_writable;
	/* A network device; what it is connected to. */
	struct network *network;
};

/* By handle, as the manifest; the same for all slots. */
struct solo5_devices {
	struct solo5_device devices[SOLO5_ENTRIES_MAX];
	struct networks networks;
};

/* Attaches each device of the manifest to what the texts of `options` say, and notes capacity, size
 * of blocks and MTU there. EINVAL for what is missing, or not to be had so. Release by
 * solo5_devices_release(), whatever comes back. */
int solo5_devices_open(struct solo5_devices *devices, struct solo5_manifest *manifest,
		       const char *const *options, struct error *error);
void solo5_devices_release(struct solo5_devices *devices);

/* Notes the descriptors that are to stay. */
int solo5_devices_keep(const struct solo5_devices *devices, struct descriptors_kept *kept);

#endif
