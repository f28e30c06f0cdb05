/* Virtio devices on a bus: where they are, and how the guest is told. */
#ifndef MAYFLY_MONITOR_VIRTIO_ATTACH_H
#define MAYFLY_MONITOR_VIRTIO_ATTACH_H

#include "monitor/devices/pci.h"
#include "virtio.h"

#define VIRTIO_DEVICES_MAX     8
#define VIRTIO_PCI_PORTS       128
#define VIRTIO_PARAMETERS_SIZE (VIRTIO_DEVICES_MAX * 48UL)

extern const struct device_kind device_virtio_mmio, device_virtio_pci;

enum virtio_transport {
	VIRTIO_MMIO, /* in memory, of version 2 */
	VIRTIO_PCI,  /* behind ports, legacy, with a PCI bus to find them by */
};

/* The devices of one slot, in the order in which the guest finds them. */
struct virtio_devices {
	struct virtio_device list[VIRTIO_DEVICES_MAX];
	size_t count;
	struct pci_functions functions; /* filled in by virtio_attach_all() */
};

/* Where the device of that number is with VIRTIO_MMIO. */
struct virtio_place {
	uint64_t address, size;
	unsigned line;
};
struct virtio_place virtio_mmio_place(size_t number);

/* Adds one. E2BIG. */
int virtio_devices_add(struct virtio_devices *devices, const struct virtio_kind *kind,
		       void *backing, struct error *error);

/* Attaches them, and a PCI bus where the transport has one, even without devices. `devices` must
 * outlive the bus. `parameters` is what the guest's kernel is to be told on its command line, each
 * as virtio_mmio.device=SIZE@ADDRESS:LINE with a space between them; empty where there is nothing to
 * tell. */
int virtio_attach_all(struct bus *bus, struct virtio_devices *devices,
		      enum virtio_transport transport, char parameters[VIRTIO_PARAMETERS_SIZE],
		      struct error *error);

/* For the above: how a device is shown on the PCI bus. */
struct pci_function virtio_pci_function(const struct virtio_device *device, uint16_t port,
					uint8_t line);

#endif
