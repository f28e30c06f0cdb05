/* The device `virtio-mmio`: virtio devices in memory (section 4.2 of the standard), of version 2, or
 * of the legacy interface, which the standard calls version 1 of this transport (section 4.2.4).
 *
 * The guest is told where it is by its kernel's parameters (attach.c).
 */
#include "attach.h"
#include "sizes/sizes.h"
#include "state.h"

#define MMIO_SIZE	    0x1000UL
#define MMIO_CONFIGURATION  0x100UL
#define MMIO_MAGIC	    0x74726976U /* "virt" */
#define MMIO_VERSION	    2U
#define MMIO_VERSION_LEGACY 1U
#define MMIO_VENDOR	    0x4c46594dU /* "MYFL" */

/* Registers, all of 32 bits. */
enum {
	REGISTER_MAGIC = 0x000,
	REGISTER_VERSION = 0x004,
	REGISTER_DEVICE = 0x008,
	REGISTER_VENDOR = 0x00c,
	REGISTER_DEVICE_FEATURES = 0x010,
	REGISTER_DEVICE_FEATURE_HALF = 0x014,
	REGISTER_DRIVER_FEATURES = 0x020,
	REGISTER_DRIVER_FEATURE_HALF = 0x024,
	REGISTER_LEGACY_PAGE_SIZE = 0x028,
	REGISTER_QUEUE = 0x030,
	REGISTER_QUEUE_SIZE_MAX = 0x034,
	REGISTER_QUEUE_SIZE = 0x038,
	REGISTER_LEGACY_ALIGNMENT = 0x03c,
	REGISTER_LEGACY_PAGE = 0x040,
	REGISTER_QUEUE_READY = 0x044,
	REGISTER_NOTIFY = 0x050,
	REGISTER_INTERRUPT_STATUS = 0x060,
	REGISTER_INTERRUPT_ACKNOWLEDGE = 0x064,
	REGISTER_STATUS = 0x070,
	REGISTER_QUEUE_DESCRIPTORS = 0x080,
	REGISTER_QUEUE_AVAILABLE = 0x090,
	REGISTER_QUEUE_USED = 0x0a0,
	REGISTER_GENERATION = 0x0fc,
};

enum { OPTION_ADDRESS = VIRTIO_OPTION_LINE + 1, OPTION_LEGACY };

static const struct device_option mmio_options[] = {
    [VIRTIO_OPTION_LINE] = {"line", "the line of its interrupt", 5},
    [OPTION_ADDRESS] = {"address", "where in memory it is", 0xd0000000},
    [OPTION_LEGACY] = {"legacy", "1: the interface from before version 1.0", 0},
};

static bool is_legacy(const struct virtio *virtio)
{
	return virtio->device->values[OPTION_LEGACY];
}

static int mmio_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_memory(bus, device, device->values[OPTION_ADDRESS], MMIO_SIZE, error);
}

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

static uint32_t read_features(const struct virtio *virtio)
{
	const uint64_t offered = virtio_offered(virtio, is_legacy(virtio));
	const uint32_t half = virtio->state->device_feature_half;
	return half < 2 ? (uint32_t)(offered >> 32 * half) : 0;
}

static uint32_t read_queue(struct virtio *virtio, uint64_t offset)
{
	const struct virtqueue *queue = virtio_selected(virtio);
	if (!queue)
		return 0;
	switch (offset) {
	case REGISTER_QUEUE_SIZE_MAX:
		return VIRTIO_QUEUE_SIZE_MAX;
	case REGISTER_QUEUE_READY:
		return queue->in_use;
	default: /* the legacy page: not 0 where the queue is in use */
		return queue->in_use && virtio->state->page_size
			   ? (uint32_t)(queue->descriptors / virtio->state->page_size)
			   : 0;
	}
}

static uint32_t read_register(struct virtio *virtio, uint64_t offset)
{
	switch (offset) {
	case REGISTER_MAGIC:
		return MMIO_MAGIC;
	case REGISTER_VERSION:
		return is_legacy(virtio) ? MMIO_VERSION_LEGACY : MMIO_VERSION;
	case REGISTER_DEVICE:
		return virtio->kind->id;
	case REGISTER_VENDOR:
		return MMIO_VENDOR;
	case REGISTER_DEVICE_FEATURES:
		return read_features(virtio);
	case REGISTER_QUEUE_SIZE_MAX:
	case REGISTER_QUEUE_READY:
	case REGISTER_LEGACY_PAGE:
		return read_queue(virtio, offset);
	case REGISTER_INTERRUPT_STATUS:
		return virtio->state->interrupt_status;
	case REGISTER_STATUS:
		return virtio->state->status;
	default:
		return 0; /* REGISTER_GENERATION too: no configuration changes while it is read */
	}
}

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

static void write_features(struct virtio *virtio, uint32_t value)
{
	const uint32_t half = virtio->state->driver_feature_half;
	const unsigned shift = 32 * half;
	if (half < 2)
		virtio_take_features(virtio,
				     (virtio->state->driver_features & ~(0xffffffffUL << shift)) |
					 (uint64_t)value << shift,
				     is_legacy(virtio));
}

/* An address is written in two halves; `offset` counts from the lower one. */
static void write_half(uint64_t *address, uint64_t offset, uint32_t value)
{
	const unsigned shift = offset ? 32 : 0;
	*address = (*address & ~(0xffffffffUL << shift)) | (uint64_t)value << shift;
}

static void write_legacy_queue(struct virtio *virtio, struct virtqueue *queue, uint64_t offset,
			       uint32_t value)
{
	if (offset == REGISTER_LEGACY_ALIGNMENT)
		virtio->state->queue_alignment = value;
	else if (offset == REGISTER_LEGACY_PAGE)
		virtqueue_set_page(queue, value, virtio->state->page_size,
				   virtio->state->queue_alignment);
}

static void write_queue(struct virtio *virtio, uint64_t offset, uint32_t value)
{
	struct virtqueue *queue = virtio_selected(virtio);
	if (!queue)
		return;
	if (offset == REGISTER_QUEUE_SIZE)
		virtqueue_set_size(queue, value);
	else if (is_legacy(virtio))
		write_legacy_queue(virtio, queue, offset, value);
	else if (offset == REGISTER_QUEUE_READY)
		virtqueue_set_use(queue, value & 1);
	else if (queue->in_use)
		return;
	else if (offset >= REGISTER_QUEUE_USED)
		write_half(&queue->used, offset - REGISTER_QUEUE_USED, value);
	else if (offset >= REGISTER_QUEUE_AVAILABLE)
		write_half(&queue->available, offset - REGISTER_QUEUE_AVAILABLE, value);
	else if (offset >= REGISTER_QUEUE_DESCRIPTORS)
		write_half(&queue->descriptors, offset - REGISTER_QUEUE_DESCRIPTORS, value);
}

static int write_register(struct virtio *virtio, uint64_t offset, uint32_t value,
			  enum device_next *next, struct error *error)
{
	struct virtio_state *state = virtio->state;
	switch (offset) {
	case REGISTER_DEVICE_FEATURE_HALF:
		state->device_feature_half = value;
		break;
	case REGISTER_DRIVER_FEATURES:
		write_features(virtio, value);
		break;
	case REGISTER_DRIVER_FEATURE_HALF:
		state->driver_feature_half = value;
		break;
	case REGISTER_LEGACY_PAGE_SIZE:
		state->page_size = value;
		break;
	case REGISTER_QUEUE:
		state->queue_selected = value;
		break;
	case REGISTER_NOTIFY:
		return virtio_notify(virtio, value, next, error);
	case REGISTER_INTERRUPT_ACKNOWLEDGE:
		virtio_acknowledge(virtio, value);
		break;
	case REGISTER_STATUS:
		virtio_set_status(virtio, value, is_legacy(virtio));
		break;
	case REGISTER_QUEUE_SIZE:
	case REGISTER_LEGACY_ALIGNMENT:
	case REGISTER_LEGACY_PAGE:
	case REGISTER_QUEUE_READY:
	case REGISTER_QUEUE_DESCRIPTORS:
	case REGISTER_QUEUE_DESCRIPTORS + 4:
	case REGISTER_QUEUE_AVAILABLE:
	case REGISTER_QUEUE_AVAILABLE + 4:
	case REGISTER_QUEUE_USED:
	case REGISTER_QUEUE_USED + 4:
		write_queue(virtio, offset, value);
		break;
	default: /* no register, or one that is only read */
		break;
	}
	return 0;
}

/* Registers are accessed as a whole, the configuration as the driver likes; it has nothing that is
 * written. */
static int mmio_access(struct device *device, struct slot *slot, struct device_access *access,
		       enum device_next *next, struct error *error)
{
	struct virtio virtio = virtio_of(device, slot);
	const bool is_register = access->offset < MMIO_CONFIGURATION;
	if (is_register && access->size != sizeof(uint32_t))
		access->value = UINT64_MAX;
	else if (is_register && access->is_write)
		return write_register(&virtio, access->offset, (uint32_t)access->value, next,
				      error);
	else if (is_register)
		access->value = read_register(&virtio, access->offset);
	else if (!access->is_write)
		access->value = virtio_read_configuration(
		    &virtio, access->offset - MMIO_CONFIGURATION, access->size);
	return 0;
}

const struct device_kind device_virtio_mmio = {
    .name = "virtio-mmio",
    .options = mmio_options,
    .option_count = ARRAY_SIZE(mmio_options),
    .state_size = sizeof(struct virtio_state),
    .attach = mmio_attach,
    .access = mmio_access,
    .flush = virtio_flush,
    .due = virtio_due,
    .descriptor = virtio_descriptor,
    .serve = virtio_serve,
    .drop = virtio_drop,
    .save = virtio_save,
    .load = virtio_load,
};
