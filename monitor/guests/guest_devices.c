/* The texts of devices; see guest_devices.h. */
#include "guest_devices.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int guest_device_parse(const char *text, struct guest_device *device, struct error *error)
{
	const char *name = strchr(text, ':');
	const char *what = name ? strchr(name, '=') : NULL;
	*device = (struct guest_device){.kind = text, .name = text, .what = text};
	if (!what || name == text || what == name + 1 || !what[1])
		return error_set(error, EINVAL, "a device is KIND:NAME=WHAT, not '%.128s'", text);
	*device = (struct guest_device){
	    .kind = text,
	    .kind_length = (size_t)(name - text),
	    .name = name + 1,
	    .name_length = (size_t)(what - name) - 1,
	    .what = what + 1,
	};
	if (device->name_length > GUEST_DEVICE_NAME_MAX)
		return error_set(error, EINVAL,
				 "the name of a device has up to %d characters: %.80s",
				 GUEST_DEVICE_NAME_MAX, text);
	return 0;
}

static bool equals(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(text, word, length);
}

const char *guest_device_find(const char *const *devices, const char *kind, const char *name)
{
	struct guest_device device;
	for (; devices && *devices; devices++)
		if (!guest_device_parse(*devices, &device, NULL) &&
		    equals(device.kind, device.kind_length, kind) &&
		    equals(device.name, device.name_length, name))
			return device.what;
	return NULL;
}

static bool is_among(const struct guest_device *device, const char *const *kinds)
{
	for (; *kinds; kinds++)
		if (equals(device->kind, device->kind_length, *kinds))
			return true;
	return false;
}

int guest_devices_check(const char *const *devices, const char *const *kinds, struct error *error)
{
	struct guest_device device;
	for (const char *const *next = devices; next && *next; next++) {
		int result = guest_device_parse(*next, &device, error);
		if (result)
			return result;
		if (!is_among(&device, kinds))
			return error_set(error, EINVAL, "this kind of guest has no device %.*s",
					 (int)(device.what - device.kind) - 1, device.kind);
		const size_t length = (size_t)(device.what - device.kind);
		for (const char *const *before = devices; before != next; before++)
			if (!strncmp(*before, *next, length))
				return error_set(error, EINVAL, "--%.*s is given twice",
						 (int)length - 1, device.kind);
	}
	return 0;
}
