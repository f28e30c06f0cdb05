/* Virtio devices on a bus; see attach.h. */
#include "attach.h"

#include <errno.h>
#include <stdio.h>

#include "sizes/sizes.h"

#define MMIO_BASE    0xd0000000UL
#define MMIO_SIZE    0x1000UL
#define PORTS_BASE   0x800U
#define OPTIONS_SIZE 64

/* Lines of a PC that nothing else has, the ones that stand for spurious interrupts last. */
static const uint8_t lines[VIRTIO_DEVICES_MAX] = {5, 9, 10, 11, 12, 6, 7, 15};

int virtio_devices_add(struct virtio_devices *devices, const struct virtio_kind *kind,
		       void *backing, struct error *error)
{
	if (devices->count == VIRTIO_DEVICES_MAX)
		return error_set(error, E2BIG, "more than %d virtio devices", VIRTIO_DEVICES_MAX);
	devices->list[devices->count++] = (struct virtio_device){kind, backing};
	return 0;
}

struct virtio_place virtio_mmio_place(size_t number)
{
	return (struct virtio_place){MMIO_BASE + number * MMIO_SIZE, MMIO_SIZE, lines[number]};
}

static int attach_mmio(struct bus *bus, struct virtio_devices *devices, char *parameters,
		       struct error *error)
{
	char options[OPTIONS_SIZE];
	int used = 0, result = 0;
	for (size_t i = 0; i < devices->count && !result; i++) {
		const struct virtio_place place = virtio_mmio_place(i);
		snprintf(options, sizeof(options), "address=%#lx,line=%u", place.address,
			 place.line);
		used += snprintf(parameters + used, VIRTIO_PARAMETERS_SIZE - (size_t)used,
				 "%svirtio_mmio.device=%luK@%#lx:%u", i ? " " : "",
				 place.size >> 10, place.address, place.line);
		result =
		    bus_attach_kind(bus, &device_virtio_mmio, options, &devices->list[i], error);
	}
	return result;
}

static int attach_pci(struct bus *bus, struct virtio_devices *devices, struct error *error)
{
	char options[OPTIONS_SIZE];
	int result = 0;
	devices->functions.count = devices->count;
	for (size_t i = 0; i < devices->count && !result; i++) {
		const uint16_t port = (uint16_t)(PORTS_BASE + i * VIRTIO_PCI_PORTS);
		struct virtio_device *device = &devices->list[i];
		if (!device->kind->pci_device)
			return error_set(error, EINVAL, "the device %s cannot be had on PCI",
					 device->kind->name);
		devices->functions.list[i] = virtio_pci_function(device, port, lines[i]);
		snprintf(options, sizeof(options), "port=%#x,line=%u", port, lines[i]);
		result = bus_attach_kind(bus, &device_virtio_pci, options, device, error);
	}
	return result ? result : bus_attach_kind(bus, &device_pci, "", &devices->functions, error);
}

int virtio_attach_all(struct bus *bus, struct virtio_devices *devices,
		      enum virtio_transport transport, char parameters[VIRTIO_PARAMETERS_SIZE],
		      struct error *error)
{
	*parameters = 0;
	return transport == VIRTIO_PCI ? attach_pci(bus, devices, error)
				       : attach_mmio(bus, devices, parameters, error);
}
