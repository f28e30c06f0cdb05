/* Devices of a command line; see virtio_given.h. */
#include "virtio_given.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/guests/guest_devices.h"
#include "root/pack.h"

#define REQUEST_FILE "@request"

/* ── once ────────────────────────────────────────────────────────────────────────────────────── */

static int read_limit(struct rate_limit *limit, const char *const *devices, const char *kind,
		      const char *name, struct error *error)
{
	const char *text = guest_device_find(devices, kind, name);
	return text ? rate_parse(limit, text, name, error) : 0;
}

/* 0 for what is no size: virtio_disk_open() says what can be one. */
static uint64_t read_block_size(const char *text)
{
	char *end;
	if (!text)
		return VIRTIO_SECTOR_SIZE;
	const unsigned long size = strtoul(text, &end, 10);
	return *end ? 0 : size;
}

static int open_block(struct virtio_given *given, const char *const *devices, const char *name,
		      const char *file, struct error *error)
{
	const char *size = guest_device_find(devices, "block-sector-size", name);
	struct virtio_given_device *next = &given->list[given->count];
	next->kind = &virtio_block;
	next->is_request = !strcmp(file, REQUEST_FILE);
	const uint64_t block_size = read_block_size(size);
	int result = next->is_request
			 ? virtio_disk_of_request(&next->disk, name, block_size, error)
			 : virtio_disk_open(&next->disk, name, file, block_size, error);
	if (result)
		return result;
	given->count++;
	return read_limit(&next->disk.limit, devices, "block-limit", name, error);
}

static int find_network(struct virtio_given *given, const char *const *devices, const char *name,
			struct error *error)
{
	struct virtio_given_device *next = &given->list[given->count++];
	next->kind = &virtio_net;
	next->network = networks_find(&given->networks, name);
	return read_limit(&next->limit, devices, "net-limit", name, error);
}

/* What is said of a device, as block-limit is of block, says nothing where there is none. */
static int check_owner(const char *const *devices, const struct guest_device *device,
		       const char *kind, const char *name, struct error *error)
{
	const size_t length = strlen(kind);
	if (device->kind_length <= length || strncmp(device->kind, kind, length) != 0 ||
	    device->kind[length] != '-' || guest_device_find(devices, kind, name))
		return 0;
	return error_set(error, EINVAL,
			 "--%.*s:%s is about a device that there is not: give --%s:%s, too",
			 (int)device->kind_length, device->kind, name, kind, name);
}

static int open_accel(struct virtio_given *given, const char *layout, struct error *error)
{
	if (given->accel)
		return error_set(error, E2BIG,
				 "a guest has one device for accelerated ops: "
				 "--accel is given twice");
	given->accel = accel_layout_find(layout);
	return given->accel ? 0
			    : error_set(error, EINVAL,
					"--accel: there is no layout '%.64s'; there are v0.2 and "
					"development",
					layout);
}

static bool is_kind(const struct guest_device *device, const char *kind)
{
	return device->kind_length == strlen(kind) &&
	       !memcmp(device->kind, kind, device->kind_length);
}

static int take_text(struct virtio_given *given, const char *const *devices, const char *text,
		     struct error *error)
{
	struct guest_device device;
	char name[GUEST_DEVICE_NAME_MAX + 1];
	int result = guest_device_parse(text, &device, error);
	if (result)
		return result;
	const bool is_block = is_kind(&device, "block"), is_net = is_kind(&device, "net");
	if (is_kind(&device, "accel"))
		return open_accel(given, device.what, error);
	snprintf(name, sizeof(name), "%.*s", (int)device.name_length, device.name);
	if (!is_block && !is_net) {
		result = check_owner(devices, &device, "block", name, error);
		return result ? result : check_owner(devices, &device, "net", name, error);
	}
	if (given->count == VIRTIO_DEVICES_MAX)
		return error_set(error, E2BIG, "more than %d block and network devices",
				 VIRTIO_DEVICES_MAX);
	return is_block ? open_block(given, devices, name, device.what, error)
			: find_network(given, devices, name, error);
}

int virtio_given_open(struct virtio_given *given, const char *const *devices, struct error *error)
{
	*given = (struct virtio_given){0};
	int result = networks_parse(&given->networks, devices, error);
	if (!result)
		result = networks_open(&given->networks, error);
	for (size_t i = 0; devices && devices[i] && !result; i++)
		result = take_text(given, devices, devices[i], error);
	if (result)
		virtio_given_release(given);
	return result;
}

void virtio_given_release(struct virtio_given *given)
{
	for (size_t i = 0; i < given->count; i++)
		if (given->list[i].disk.fd >= 0 && given->list[i].kind == &virtio_block)
			close(given->list[i].disk.fd);
	given->count = 0;
	networks_release(&given->networks);
}

size_t virtio_given_count(const struct virtio_given *given)
{
	return given->count + (given->root.files ? 1 : 0) + (given->accel ? 1 : 0);
}

int virtio_given_keep(const struct virtio_given *given, struct descriptors_kept *kept)
{
	int result = networks_keep(&given->networks, kept);
	for (size_t i = 0; i < given->count && !result; i++)
		if (given->list[i].kind == &virtio_block)
			result = descriptors_keep(kept, given->list[i].disk.fd);
	return result;
}

static int open_directory(struct virtio_given *given, const struct guest_device *device,
			  const struct root_reviver *reviver, struct root_client **files,
			  struct error *error)
{
	struct virtio_root *root = &given->root;
	if (root->files)
		return error_set(error, E2BIG, "a guest mounts one directory: --9p is given twice");
	if (device->name_length > sizeof(root->tag))
		return error_set(error, EINVAL, "the tag '%.*s' is longer than %zu characters",
				 (int)device->name_length, device->name, sizeof(root->tag));
	if (!root_is_directory(device->what))
		return error_set(error, EINVAL, "--9p:%.*s: %s is no directory",
				 (int)device->name_length, device->name, device->what);
	int result = root_client_open_by(files, device->what, reviver, error);
	if (result)
		return result;
	root->files = *files;
	memcpy(root->tag, device->name, device->name_length);
	return 0;
}

int virtio_given_open_files(struct virtio_given *given, const struct guest_options *options,
			    struct root_client **files, struct error *error)
{
	const char *const *devices = options->devices;
	int result = 0;
	for (; devices && *devices && !result; devices++) {
		struct guest_device device;
		result = guest_device_parse(*devices, &device, error);
		if (!result && is_kind(&device, "9p"))
			result = open_directory(given, &device, options->reviver, files, error);
	}
	return result;
}

/* ── for each slot ───────────────────────────────────────────────────────────────────────────── */

static int add_link(struct network *network, const struct rate_limit *limit,
		    struct virtio_devices *devices, struct virtio_links *links, struct error *error)
{
	struct virtio_net_link *next = &links->list[links->count];
	next->limit = *limit;
	int result = network_link_open(network, &next->link, error);
	if (result)
		return result;
	links->count++;
	return virtio_devices_add(devices, &virtio_net, next, error);
}

static int add_block(struct virtio_given_device *device, struct virtio_devices *devices,
		     struct virtio_links *links, struct error *error)
{
	struct virtio_disk *disk = &device->disk;
	if (device->is_request) {
		disk = &links->request_disks[links->request_disk_count++];
		*disk = device->disk;
		disk->request = &links->request;
	}
	return virtio_devices_add(devices, &virtio_block, disk, error);
}

int virtio_given_add(struct virtio_given *given, struct virtio_devices *devices,
		     struct virtio_links *links, struct error *error)
{
	int result = 0;
	*links = (struct virtio_links){0};
	for (size_t i = 0; i < given->count && !result; i++) {
		struct virtio_given_device *device = &given->list[i];
		if (device->kind == &virtio_net)
			result = add_link(device->network, &device->limit, devices, links, error);
		else
			result = add_block(device, devices, links, error);
	}
	if (!result && given->root.files)
		result = virtio_devices_add(devices, &virtio_9p, &given->root, error);
	if (!result && given->accel)
		/* A layout is a table, which nobody writes to. */
		result = virtio_devices_add(devices, &virtio_accel, (void *)given->accel, error);
	if (result)
		virtio_links_release(links);
	return result;
}

void virtio_links_release(struct virtio_links *links)
{
	for (size_t i = 0; i < links->count; i++)
		network_link_release(links->list[i].link);
	links->count = 0;
	request_disk_release(&links->request);
}
