/* A driver of one virtio device: guest memory that is an array, a bus with a controller that notes
 * which lines are active, and what a driver does to set up and use queues. */
#ifndef MAYFLY_TESTS_VIRTIO_RIG_H
#define MAYFLY_TESTS_VIRTIO_RIG_H

#include <stdlib.h>
#include <string.h>

#include "monitor/devices/bus.h"
#include "monitor/devices/virtio/attach.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"
#include "tests/check.h"
#include "tests/devices/bus_reach.h"

#define RIG_MEMORY     0x80000UL
#define RIG_QUEUE_SIZE 8U
#define RIG_LINE       5
#define RIG_MMIO       0xd0000000UL
#define RIG_PORTS      0x800U
#define RIG_DATA       0x40000UL /* buffers begin here */

/* Where queue `number` is: with the legacy interface the same, as pages are that large. */
#define RIG_QUEUE(number)     (0x10000UL + 0x4000UL * (number))
#define RIG_AVAILABLE(number) (RIG_QUEUE(number) + 16UL * RIG_QUEUE_SIZE)
#define RIG_USED(number)      (RIG_QUEUE(number) + 0x1000UL)

#define NEXT	 1
#define WRITE	 2
#define INDIRECT 4

#define FEATURE_INDIRECT  (1ULL << 28)
#define FEATURE_EVENT_IDX (1ULL << 29)
#define FEATURE_VERSION_1 (1ULL << 32)

struct rig {
	struct bus *bus;
	struct slot slot;
	struct machine machine;
	struct request request;
	struct request_result result;
	struct virtio_devices devices;
	char parameters[VIRTIO_PARAMETERS_SIZE];
	unsigned lines;	 /* a bit for each active one */
	unsigned raised; /* how often one became active */
	uint64_t features;
	uint16_t offered[VIRTIO_QUEUES_MAX]; /* the driver's index of each queue */
	uint8_t memory[RIG_MEMORY];
};

static uint8_t *rig_memory(struct machine *machine, uint64_t physical, uint64_t length)
{
	struct rig *rig = (struct rig *)((uint8_t *)machine - offsetof(struct rig, machine));
	return range_within(physical, length, RIG_MEMORY) ? rig->memory + physical : NULL;
}

static const struct isolation rig_isolation = {.name = "rig", .memory = rig_memory};

/* ── the controller ──────────────────────────────────────────────────────────────────────────── */

static void rig_set_line(struct device *device, unsigned line, bool active)
{
	struct rig *rig = device->backing;
	const unsigned before = rig->lines;
	rig->lines = active ? before | 1U << line : before & ~(1U << line);
	rig->raised += active && rig->lines != before;
}

static bool rig_pending(const struct device *device)
{
	return ((const struct rig *)device->backing)->lines;
}

static uint8_t rig_acknowledge(struct device *device)
{
	(void)device;
	return 0x20;
}

static int rig_attach_controller(struct bus *bus, struct device *device, struct error *error)
{
	const struct bus_interrupts interrupts = {device, rig_set_line, rig_pending,
						  rig_acknowledge};
	(void)error;
	bus_set_interrupts(bus, &interrupts);
	return 0;
}

static size_t rig_save(const struct device *device, uint8_t *out)
{
	(void)device;
	(void)out;
	return 0;
}

static bool rig_load(struct device *device, const uint8_t *data, size_t length)
{
	(void)device;
	(void)data;
	return !length;
}

static const struct device_kind rig_controller = {
    .name = "controller",
    .state_size = 1,
    .attach = rig_attach_controller,
    .save = rig_save,
    .load = rig_load,
};

/* ── a machine with one device ───────────────────────────────────────────────────────────────── */

/* To be released by rig_release(). */
static inline struct rig *rig_create(const struct virtio_kind *kind, void *backing,
				     enum virtio_transport transport)
{
	struct error error = {0};
	struct rig *rig = calloc(1, sizeof(*rig));
	if (!rig)
		abort();
	rig->machine.isolation = &rig_isolation;
	rig->slot = (struct slot){.deadline_ns = UINT64_MAX,
				  .machine = &rig->machine,
				  .request = &rig->request,
				  .result = &rig->result,
				  .window.memfd = -1};
	rig->request.fd = -1;
	rig->bus = bus_create(&error);
	CHECK_NUMBER(bus_attach_kind(rig->bus, &rig_controller, "", rig, &error), 0);
	CHECK_NUMBER(virtio_devices_add(&rig->devices, kind, backing, &error), 0);
	CHECK_NUMBER(virtio_attach_all(rig->bus, &rig->devices, transport, rig->parameters, &error),
		     0);
	return rig;
}

static inline void rig_release(struct rig *rig)
{
	bus_release(rig->bus);
	free(rig);
}

static inline uint64_t rig_access(struct rig *rig, enum machine_stop stop, uint64_t address,
				  uint32_t size, bool is_write, uint64_t value)
{
	CHECK(bus_reach(rig->bus, &rig->slot, stop, address, size, is_write, &value));
	return value;
}

static inline uint32_t mmio_read(struct rig *rig, uint64_t offset)
{
	return (uint32_t)rig_access(rig, MACHINE_MEMORY, RIG_MMIO + offset, 4, false, 0);
}

static inline void mmio_write(struct rig *rig, uint64_t offset, uint32_t value)
{
	rig_access(rig, MACHINE_MEMORY, RIG_MMIO + offset, 4, true, value);
}

static inline uint32_t port_read(struct rig *rig, uint64_t port, uint32_t size)
{
	return (uint32_t)rig_access(rig, MACHINE_PORT, port, size, false, 0);
}

static inline void port_write(struct rig *rig, uint64_t port, uint32_t size, uint32_t value)
{
	rig_access(rig, MACHINE_PORT, port, size, true, value);
}

/* ── a driver ────────────────────────────────────────────────────────────────────────────────── */

static inline void rig_place_queue(struct rig *rig, unsigned number, uint64_t descriptors,
				   uint64_t available, uint64_t used)
{
	mmio_write(rig, 0x30, number);
	mmio_write(rig, 0x38, RIG_QUEUE_SIZE);
	mmio_write(rig, 0x80, (uint32_t)descriptors);
	mmio_write(rig, 0x84, (uint32_t)(descriptors >> 32));
	mmio_write(rig, 0x90, (uint32_t)available);
	mmio_write(rig, 0x94, (uint32_t)(available >> 32));
	mmio_write(rig, 0xa0, (uint32_t)used);
	mmio_write(rig, 0xa4, (uint32_t)(used >> 32));
	mmio_write(rig, 0x44, 1);
}

static inline void rig_negotiate(struct rig *rig, uint64_t features)
{
	mmio_write(rig, 0x70, 0);
	mmio_write(rig, 0x70, 1 | 2);
	mmio_write(rig, 0x24, 0);
	mmio_write(rig, 0x20, (uint32_t)features);
	mmio_write(rig, 0x24, 1);
	mmio_write(rig, 0x20, (uint32_t)(features >> 32));
	mmio_write(rig, 0x70, 1 | 2 | 8);
	rig->features = features;
}

/* Sets the device up by the steps of section 3.1.1, with queues 0 … count - 1. */
static inline void rig_set_up(struct rig *rig, uint64_t features, unsigned count)
{
	rig_negotiate(rig, features | FEATURE_VERSION_1);
	CHECK_NUMBER(mmio_read(rig, 0x70), 1 | 2 | 8);
	for (unsigned i = 0; i < count; i++) {
		rig->offered[i] = 0;
		rig_place_queue(rig, i, RIG_QUEUE(i), RIG_AVAILABLE(i), RIG_USED(i));
	}
	mmio_write(rig, 0x70, 1 | 2 | 8 | 4);
}

struct rig_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

static inline void rig_describe(struct rig *rig, unsigned queue, unsigned number, uint64_t address,
				uint32_t length, uint16_t flags, uint16_t next)
{
	const struct rig_descriptor descriptor = {address, length, flags, next};
	memcpy(rig->memory + RIG_QUEUE(queue) + 16UL * number, &descriptor, sizeof(descriptor));
}

static inline void rig_put16(struct rig *rig, uint64_t address, uint16_t value)
{
	memcpy(rig->memory + address, &value, sizeof(value));
}

static inline uint16_t rig_get16(const struct rig *rig, uint64_t address)
{
	uint16_t value;
	memcpy(&value, rig->memory + address, sizeof(value));
	return value;
}

static inline uint32_t rig_get32(const struct rig *rig, uint64_t address)
{
	uint32_t value;
	memcpy(&value, rig->memory + address, sizeof(value));
	return value;
}

/* Makes the chain that begins with descriptor `head` available. */
static inline void rig_offer(struct rig *rig, unsigned queue, uint16_t head)
{
	const uint64_t entry = rig->offered[queue]++ % RIG_QUEUE_SIZE;
	rig_put16(rig, RIG_AVAILABLE(queue) + 4 + 2 * entry, head);
	rig_put16(rig, RIG_AVAILABLE(queue) + 2, rig->offered[queue]);
}

static inline void rig_notify(struct rig *rig, unsigned queue)
{
	mmio_write(rig, 0x50, queue);
}

static inline uint16_t rig_used(const struct rig *rig, unsigned queue)
{
	return rig_get16(rig, RIG_USED(queue) + 2);
}

/* Of the chain that was given back as number `index`. */
static inline uint32_t rig_used_head(const struct rig *rig, unsigned queue, uint16_t index)
{
	return rig_get32(rig, RIG_USED(queue) + 4 + 8UL * (index % RIG_QUEUE_SIZE));
}

static inline uint32_t rig_written(const struct rig *rig, unsigned queue, uint16_t index)
{
	return rig_get32(rig, RIG_USED(queue) + 8 + 8UL * (index % RIG_QUEUE_SIZE));
}

static inline void rig_serve(struct rig *rig)
{
	struct error error = {0};
	enum device_next next;
	CHECK_NUMBER(bus_serve(rig->bus, &rig->slot, &next, &error), 0);
	CHECK(next == DEVICE_CONTINUES);
}

static inline bool rig_is_broken(struct rig *rig)
{
	return mmio_read(rig, 0x70) & 64;
}

#endif
