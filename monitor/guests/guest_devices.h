/* Devices as whoever starts a guest names them: KIND:NAME=WHAT each (guest_options.devices). */
#ifndef MAYFLY_MONITOR_GUEST_DEVICES_H
#define MAYFLY_MONITOR_GUEST_DEVICES_H

#include <stddef.h>

#include "util/error.h"

#define GUEST_DEVICE_NAME_MAX 67 /* characters, as Solo5's manifest has room for */

/* What is said of a device, as its kinds of options name it: "block", "net-mac" and so on. */
struct guest_device {
	const char *kind, *name, *what; /* in the text; the first two end at their lengths */
	size_t kind_length, name_length;
};

/* Takes a text apart. EINVAL. */
int guest_device_parse(const char *text, struct guest_device *device, struct error *error);

/* WHAT of the device `kind`:`name`; NULL where nothing is said. Where it is said twice, that counts
 * which guest_devices_check() refuses. */
const char *guest_device_find(const char *const *devices, const char *kind, const char *name);

/* Refuses what is no device of one of these kinds (ends with NULL), or is said twice. `devices` may
 * be NULL. EINVAL. */
int guest_devices_check(const char *const *devices, const char *const *kinds, struct error *error);

#endif
