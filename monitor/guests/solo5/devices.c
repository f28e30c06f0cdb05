/* Attaching devices; see devices.h. */
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mayfly/accel_device.h"
#include "mayfly/guest_abi.h"
#include "monitor/guests/guest_devices.h"
#include "monitor/slot/request_disk.h"
#include "sizes/sizes.h"

#define REQUEST_FILE	 "@request"
#define ACCELERATOR_FILE "@accelerator"
#define BLOCK_SIZE_USUAL 512
#define BLOCK_SIZE_MAX	 32768 /* the manifest has 16 bits for it */

/* What Solo5's own tender says then, for whoever looks for its words. */
#define TENDER_SAYS_SIZE                                                                           \
	": Block size must be a multiple of 2 greater than or equal 512, and a power of it"
#define TENDER_SAYS_ALIGNED ": Backing storage size must be block aligned"

static const char *const kinds[] = {"block", "block-sector-size", "net", "net-mac", NULL};

/* ── block devices ───────────────────────────────────────────────────────────────────────────── */

static int find_block_size(struct solo5_entry *entry, const char *text, struct error *error)
{
	char *end;
	unsigned long size = BLOCK_SIZE_USUAL;
	if (text) {
		size = strtoul(text, &end, 10);
		if (*text < '0' || *text > '9' || *end || size < BLOCK_SIZE_USUAL ||
		    size > BLOCK_SIZE_MAX || size & (size - 1))
			return error_set(error, EINVAL,
					 "--block-sector-size:%s: '%.32s' is no power of two from "
					 "%d to %d" TENDER_SAYS_SIZE,
					 entry->name, text, BLOCK_SIZE_USUAL, BLOCK_SIZE_MAX);
	}
	entry->block.block_size = (uint16_t)size;
	return 0;
}

static int open_file(struct solo5_device *device, const char *path, struct error *error)
{
	const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	device->is_writable = true;
	device->file = open(path, O_RDWR | flags);
	if (device->file < 0 && (errno == EACCES || errno == EROFS || errno == EPERM)) {
		device->is_writable = false;
		device->file = open(path, O_RDONLY | flags);
	}
	return device->file < 0 ? error_set_errno(error, errno, "cannot open %s", path) : 0;
}

static int check_capacity(const struct solo5_entry *entry, const char *path, struct error *error)
{
	const uint64_t size = entry->block.block_size;
	if (entry->block.capacity % size)
		return error_set(error, EINVAL,
				 "%s has %lu bytes, which are no whole blocks of %lu (see "
				 "--block-sector-size:%s)" TENDER_SAYS_ALIGNED,
				 path, entry->block.capacity, size, entry->name);
	if (!entry->block.capacity)
		return error_set(error, EINVAL, "%s is empty: a device has one block at least",
				 path);
	return 0;
}

/* Its places are those of the window. */
static int attach_accelerator(struct solo5_device *device, struct solo5_entry *entry,
			      const char *block_size, struct error *error)
{
	if (block_size && entry->block.block_size != ACCEL_DEVICE_BLOCK_SIZE)
		return error_set(error, EINVAL,
				 "--block-sector-size:%s: the accelerator host's device has blocks "
				 "of %d bytes",
				 entry->name, ACCEL_DEVICE_BLOCK_SIZE);
	device->is_accelerator = true;
	entry->block.block_size = ACCEL_DEVICE_BLOCK_SIZE;
	entry->block.capacity = WINDOW_SIZE;
	return 0;
}

/* What is behind a device is said, or its name says it. */
static bool is_behind(const char *path, const char *file, const struct solo5_entry *entry,
		      const char *name)
{
	return !strcmp(path ? path : entry->name, path ? file : name);
}

static int attach_block(struct solo5_device *device, struct solo5_entry *entry,
			const char *const *options, struct error *error)
{
	const char *path = guest_device_find(options, "block", entry->name);
	const char *block_size = guest_device_find(options, "block-sector-size", entry->name);
	int result = find_block_size(entry, block_size, error);
	if (result)
		return result;
	if (is_behind(path, ACCELERATOR_FILE, entry, ACCEL_DEVICE_NAME))
		return attach_accelerator(device, entry, block_size, error);
	device->is_request = is_behind(path, REQUEST_FILE, entry, SOLO5_REQUEST_NAME);
	if (!path && !device->is_request)
		return error_set(error, EINVAL,
				 "its manifest has the block device %s: say what is behind it by "
				 "--block:%s=FILE",
				 entry->name, entry->name);
	if (device->is_request) {
		entry->block.capacity = REQUEST_DISK_MAX + entry->block.block_size;
		return 0;
	}
	result = open_file(device, path, error);
	if (result)
		return result;
	const off_t size = lseek(device->file, 0, SEEK_END);
	if (size < 0)
		return error_set_errno(error, errno, "%s has no size", path);
	entry->block.capacity = (uint64_t)size;
	return check_capacity(entry, path, error);
}

/* ── network devices ─────────────────────────────────────────────────────────────────────────── */

static int attach_net(struct solo5_devices *devices, struct solo5_device *device,
		      struct solo5_entry *entry, struct error *error)
{
	device->network = networks_find(&devices->networks, entry->name);
	if (!device->network)
		return error_set(error, EINVAL,
				 "its manifest has the network device %s: say what it is connected "
				 "to by --net:%s=TAP",
				 entry->name, entry->name);
	entry->net.mtu = (uint16_t)device->network->mtu;
	return 0;
}

/* ── all ─────────────────────────────────────────────────────────────────────────────────────── */

/* Whoever mistypes a name hears of that, and not of the device that is missing then. */
static int check_names(const struct solo5_manifest *manifest, const char *const *options,
		       struct error *error)
{
	struct guest_device said;
	for (; options && *options; options++) {
		int result = guest_device_parse(*options, &said, error);
		if (result)
			return result;
		const uint32_t type = said.kind[0] == 'b' ? SOLO5_BLOCK : SOLO5_NET;
		/* For any there may be, perhaps none. */
		bool found = type == SOLO5_NET && said.name_length == strlen(NETWORK_ANY) &&
			     !memcmp(said.name, NETWORK_ANY, said.name_length);
		for (uint32_t i = 1; i < manifest->count; i++) {
			const struct solo5_entry *entry = &manifest->entries[i];
			found |= entry->type == type && strlen(entry->name) == said.name_length &&
				 !memcmp(entry->name, said.name, said.name_length);
		}
		if (!found)
			return error_set(error, EINVAL,
					 "its manifest has no %s device %.*s, for which --%.*s is "
					 "given",
					 type == SOLO5_BLOCK ? "block" : "network",
					 (int)said.name_length, said.name,
					 (int)(said.what - said.kind) - 1, said.kind);
	}
	return 0;
}

int solo5_devices_open(struct solo5_devices *devices, struct solo5_manifest *manifest,
		       const char *const *options, struct error *error)
{
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++)
		devices->devices[i].file = -1;
	int result = guest_devices_check(options, kinds, error);
	if (!result)
		result = check_names(manifest, options, error);
	if (!result)
		result = networks_parse(&devices->networks, options, error);
	if (!result)
		result = networks_open(&devices->networks, error);
	for (uint32_t i = 1; i < manifest->count && !result; i++) {
		struct solo5_entry *entry = &manifest->entries[i];
		struct solo5_device *device = &devices->devices[i];
		memset(entry->bytes, 0, sizeof(entry->bytes));
		result = entry->type == SOLO5_BLOCK ? attach_block(device, entry, options, error)
						    : attach_net(devices, device, entry, error);
		entry->backing = 0;
		entry->attached = 1;
	}
	return result;
}

void solo5_devices_release(struct solo5_devices *devices)
{
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++)
		if (devices->devices[i].file > STDERR_FILENO)
			close(devices->devices[i].file);
	networks_release(&devices->networks);
}

int solo5_devices_keep(const struct solo5_devices *devices, struct descriptors_kept *kept)
{
	int result = networks_keep(&devices->networks, kept);
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX && !result; i++)
		if (devices->devices[i].file > STDERR_FILENO)
			result = descriptors_keep(kept, devices->devices[i].file);
	return result;
}
