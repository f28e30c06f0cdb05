/* What comes of a device's word for a guest of its own kind (enum device_next). */
#ifndef MAYFLY_MONITOR_GUEST_DEVICE_NEXT_H
#define MAYFLY_MONITOR_GUEST_DEVICE_NEXT_H

#include "kind.h"
#include "monitor/devices/bus.h"

/* The guest is ready to be frozen. Where the slot has a set-up that is the set-up's end, or the
 * beginning of its warm-up, once the devices have handed on what they gathered; otherwise the guest goes
 * on. Sets *next only where it does not. */
int guest_is_ready(struct slot *slot, enum guest_next *next, struct error *error);

/* Does what a device has said. Sets *next only where the guest does not go on. */
int guest_follow_device(struct slot *slot, enum device_next device, enum guest_next *next,
			struct error *error);

#endif
