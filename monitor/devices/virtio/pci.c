/* The device `virtio-pci`: virtio devices behind ports, with the legacy interface (section 4.1.4.10
 * of the standard). pci_function() is how the PCI bus (devices/pci.h) tells the guest of it.
 */
#include "attach.h"
#include "sizes/sizes.h"
#include "state.h"

#define PAGE_SIZE     4096U
#define VENDOR	      0x1af4U
#define CONFIGURATION 0x14U

/* Registers, with their sizes. */
enum {
	REGISTER_DEVICE_FEATURES = 0x00, /* 4 */
	REGISTER_DRIVER_FEATURES = 0x04, /* 4 */
	REGISTER_QUEUE_PAGE = 0x08,	 /* 4 */
	REGISTER_QUEUE_SIZE = 0x0c,	 /* 2 */
	REGISTER_QUEUE = 0x0e,		 /* 2 */
	REGISTER_NOTIFY = 0x10,		 /* 2 */
	REGISTER_STATUS = 0x12,		 /* 1 */
	REGISTER_INTERRUPT_STATUS = 0x13 /* 1; reading it clears it */
};

enum { OPTION_PORT = VIRTIO_OPTION_LINE + 1 };

static const struct device_option pci_options[] = {
    [VIRTIO_OPTION_LINE] = {"line", "the line of its interrupt", 11},
    [OPTION_PORT] = {"port", "the first of its ports", 0x800},
};

struct pci_function virtio_pci_function(const struct virtio_device *device, uint16_t port,
					uint8_t line)
{
	return (struct pci_function){
	    .vendor = VENDOR,
	    .device = device->kind->pci_device,
	    .subsystem_vendor = VENDOR,
	    .subsystem = (uint16_t)device->kind->id,
	    .class = device->kind->pci_class,
	    .port = port,
	    .port_count = VIRTIO_PCI_PORTS,
	    .line = line,
	};
}

static int pci_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[OPTION_PORT], VIRTIO_PCI_PORTS, error);
}

static uint32_t register_size(uint64_t offset)
{
	switch (offset) {
	case REGISTER_DEVICE_FEATURES:
	case REGISTER_DRIVER_FEATURES:
	case REGISTER_QUEUE_PAGE:
		return 4;
	case REGISTER_QUEUE_SIZE:
	case REGISTER_QUEUE:
	case REGISTER_NOTIFY:
		return 2;
	case REGISTER_STATUS:
	case REGISTER_INTERRUPT_STATUS:
		return 1;
	default:
		return 0;
	}
}

static uint32_t take_interrupts(struct virtio *virtio)
{
	const uint32_t interrupts = virtio->state->interrupt_status;
	virtio_acknowledge(virtio, interrupts);
	return interrupts;
}

static uint32_t read_register(struct virtio *virtio, uint64_t offset)
{
	const struct virtqueue *queue = virtio_selected(virtio);
	switch (offset) {
	case REGISTER_DEVICE_FEATURES:
		return (uint32_t)virtio_offered(virtio, true);
	case REGISTER_DRIVER_FEATURES:
		return (uint32_t)virtio->state->driver_features;
	case REGISTER_QUEUE_PAGE:
		return queue && queue->in_use ? (uint32_t)(queue->descriptors / PAGE_SIZE) : 0;
	case REGISTER_QUEUE_SIZE: /* the driver has no choice; 0: there is no such queue */
		return queue ? VIRTIO_QUEUE_SIZE_MAX : 0;
	case REGISTER_QUEUE:
		return virtio->state->queue_selected;
	case REGISTER_STATUS:
		return virtio->state->status;
	case REGISTER_INTERRUPT_STATUS:
		return take_interrupts(virtio);
	default:
		return 0;
	}
}

static int write_register(struct virtio *virtio, uint64_t offset, uint32_t value,
			  enum device_next *next, struct error *error)
{
	struct virtqueue *queue = virtio_selected(virtio);
	switch (offset) {
	case REGISTER_DRIVER_FEATURES:
		virtio_take_features(virtio, value, true);
		break;
	case REGISTER_QUEUE_PAGE:
		if (queue)
			virtqueue_set_page(queue, value, PAGE_SIZE, PAGE_SIZE);
		break;
	case REGISTER_QUEUE:
		virtio->state->queue_selected = value;
		break;
	case REGISTER_NOTIFY:
		return virtio_notify(virtio, value, next, error);
	case REGISTER_STATUS:
		virtio_set_status(virtio, value, true);
		break;
	default: /* no register, or one that is only read */
		break;
	}
	return 0;
}

static int pci_access(struct device *device, struct slot *slot, struct device_access *access,
		      enum device_next *next, struct error *error)
{
	struct virtio virtio = virtio_of(device, slot);
	if (access->offset >= CONFIGURATION) {
		if (!access->is_write)
			access->value = virtio_read_configuration(
			    &virtio, access->offset - CONFIGURATION, access->size);
		return 0;
	}
	if (access->size != register_size(access->offset)) {
		access->value = UINT64_MAX;
		return 0;
	}
	if (access->is_write)
		return write_register(&virtio, access->offset, (uint32_t)access->value, next,
				      error);
	access->value = read_register(&virtio, access->offset);
	return 0;
}

const struct device_kind device_virtio_pci = {
    .name = "virtio-pci",
    .options = pci_options,
    .option_count = ARRAY_SIZE(pci_options),
    .state_size = sizeof(struct virtio_state),
    .attach = pci_attach,
    .access = pci_access,
    .flush = virtio_flush,
    .due = virtio_due,
    .descriptor = virtio_descriptor,
    .serve = virtio_serve,
    .drop = virtio_drop,
    .save = virtio_save,
    .load = virtio_load,
};
