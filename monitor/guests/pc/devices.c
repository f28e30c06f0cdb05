/* The devices of a PC: those of all, and those that a command line gives; see pc.h and devices.h. */
#include "devices.h"

#include <errno.h>
#include <stdlib.h>

#include "monitor/devices/bus.h"
#include "sizes/sizes.h"

static const char *const of_all[] = {"pic",   "pit",	    "rtc",	  "uart",
				     "i8042", "acpi-power", "debug-exit", "pvpanic"};

static struct virtio_given *given_of(const struct guest_pc *guest)
{
	/* What is given is only read while slots run; links to networks count their users. */
	return (struct virtio_given *)&guest->given;
}

static int add_vsock(const struct guest_pc *guest, struct pc_devices *devices, struct error *error)
{
	if (!guest->vsock)
		return 0;
	int result = vsock_create(&devices->vsock, guest->vsock, error);
	return result ? result
		      : virtio_devices_add(&devices->virtio, &virtio_vsock, devices->vsock, error);
}

static int add_virtio(const struct guest_pc *guest, struct pc_devices *devices, struct error *error)
{
	int result = virtio_given_add(given_of(guest), &devices->virtio, &devices->links, error);
	if (!result && guest->has_randomness)
		result = virtio_devices_add(&devices->virtio, &virtio_rng, NULL, error);
	return result ? result : add_vsock(guest, devices, error);
}

static int attach_all(struct bus *bus, const struct guest_pc *guest, struct pc_devices *devices,
		      char parameters[VIRTIO_PARAMETERS_SIZE], struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < ARRAY_SIZE(of_all) && !result; i++)
		result = bus_attach(bus, of_all[i], "", error);
	if (!result)
		result = add_virtio(guest, devices, error);
	return result
		   ? result
		   : virtio_attach_all(bus, &devices->virtio, guest->transport, parameters, error);
}

struct bus *pc_devices_create(const struct guest_pc *guest, struct pc_devices **devices,
			      char parameters[VIRTIO_PARAMETERS_SIZE], struct error *error)
{
	*devices = calloc(1, sizeof(**devices));
	if (!*devices) {
		error_set(error, ENOMEM, "no memory for devices");
		return NULL;
	}
	struct bus *bus = bus_create(error);
	if (bus && !attach_all(bus, guest, *devices, parameters, error))
		return bus;
	pc_devices_release(bus, *devices);
	*devices = NULL;
	return NULL;
}

void pc_devices_release(struct bus *bus, struct pc_devices *devices)
{
	bus_release(bus);
	if (devices) {
		virtio_links_release(&devices->links);
		vsock_release(devices->vsock);
	}
	free(devices);
}

bool pc_devices_are_settled(const struct pc_devices *devices)
{
	for (size_t i = 0; i < devices->links.count; i++)
		if (!network_link_is_settled(devices->links.list[i].link))
			return false;
	return true;
}

bool pc_devices_bring_requests(const struct pc_devices *devices)
{
	for (size_t i = 0; i < devices->links.count; i++)
		if (network_link_brings_requests(devices->links.list[i].link))
			return true;
	return false;
}

void pc_devices_go_on(struct pc_devices *devices, struct bus *bus)
{
	bus_go_on(bus);
	request_disk_forget(&devices->links.request);
	for (size_t i = 0; i < devices->links.count; i++)
		network_link_go_on(devices->links.list[i].link);
}

int pc_describe_devices(const struct guest_pc *guest, char parameters[VIRTIO_PARAMETERS_SIZE],
			struct error *error)
{
	struct pc_devices *devices;
	struct bus *bus = pc_devices_create(guest, &devices, parameters, error);
	pc_devices_release(bus, devices);
	return bus ? 0 : -error->code;
}
