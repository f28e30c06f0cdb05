/* The devices of one slot of a PC: for this folder only. */
#ifndef MAYFLY_MONITOR_PC_DEVICES_H
#define MAYFLY_MONITOR_PC_DEVICES_H

#include "pc.h"

struct pc_devices {
	struct virtio_devices virtio;
	struct virtio_links links;
	struct vsock *vsock; /* NULL: none */
};

/* A bus with all devices, in their first state; NULL, with the reason. `parameters` is what the kernel
 * is to be told of them (virtio_attach_all()). */
struct bus *pc_devices_create(const struct guest_pc *guest, struct pc_devices **devices,
			      char parameters[VIRTIO_PARAMETERS_SIZE], struct error *error);
void pc_devices_release(struct bus *bus, struct pc_devices *devices);

/* No network keeps the guest from being frozen. */
bool pc_devices_are_settled(const struct pc_devices *devices);

/* Another request begins in the same machine. */
void pc_devices_go_on(struct pc_devices *devices, struct bus *bus);

/* Requests come by one of its networks. */
bool pc_devices_bring_requests(const struct pc_devices *devices);

#endif
