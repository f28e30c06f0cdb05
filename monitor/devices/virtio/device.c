/* What all virtio devices do alike: features, status, configuration, interrupts; see state.h. */
#include <string.h>

#include "sizes/sizes.h"
#include "state.h"

#define LEGACY_FEATURES (VIRTIO_F_VERSION_1 - 1) /* there is room for 32 */

struct virtio virtio_of(const struct device *device, struct slot *slot)
{
	const struct virtio_device *given = device->backing;
	struct virtio_state *state = device->state;
	return (struct virtio){
	    .kind = given->kind,
	    .backing = given->backing,
	    .own = state->own,
	    .state = state,
	    .device = device,
	    .slot = slot,
	};
}

/* ── interrupts ──────────────────────────────────────────────────────────────────────────────── */

static void update_line(const struct virtio *virtio)
{
	bus_set_line(virtio->device->bus, (unsigned)virtio->device->values[VIRTIO_OPTION_LINE],
		     virtio->state->interrupt_status != 0);
}

void virtio_interrupt(struct virtio *virtio, uint8_t why)
{
	virtio->state->interrupt_status |= why;
	update_line(virtio);
}

void virtio_acknowledge(struct virtio *virtio, uint32_t interrupts)
{
	virtio->state->interrupt_status &= (uint8_t)~interrupts;
	update_line(virtio);
}

/* ── features and status ─────────────────────────────────────────────────────────────────────── */

uint64_t virtio_offered(const struct virtio *virtio, bool legacy)
{
	const uint64_t own = virtio->kind->features ? virtio->kind->features(virtio) : 0;
	const uint64_t offered =
	    own | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1;
	return legacy ? offered & LEGACY_FEATURES : offered;
}

bool virtio_has(const struct virtio *virtio, uint64_t feature)
{
	return virtio->state->driver_features & feature;
}

/* A legacy driver takes what it wants of what is offered; one of version 1 is told whether its
 * choice is good when it sets FEATURES_OK. */
void virtio_take_features(struct virtio *virtio, uint64_t features, bool legacy)
{
	if (virtio->state->status & (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK))
		return;
	virtio->state->driver_features = legacy ? features & virtio_offered(virtio, legacy)
						: features & ~virtio->kind->ignored_features;
}

/* The part of a state that is in use. */
static size_t used_size(const struct virtio *virtio)
{
	return offsetof(struct virtio_state, own) + virtio->kind->state_size;
}

static void reset(struct virtio *virtio)
{
	const size_t common = offsetof(struct virtio_state, own);
	const size_t lasting = virtio->kind->lasting_size;
	memset(virtio->state, 0, common);
	memset((uint8_t *)virtio->state + common + lasting, 0,
	       used_size(virtio) - common - lasting);
	update_line(virtio);
	if (virtio->kind->reset)
		virtio->kind->reset(virtio);
}

static bool features_are_good(const struct virtio *virtio, bool legacy)
{
	const uint64_t taken = virtio->state->driver_features;
	return !(taken & ~virtio_offered(virtio, legacy)) &&
	       (legacy || (taken & VIRTIO_F_VERSION_1));
}

/* A driver only ever sets bits, or resets the device (section 2.1.1). */
void virtio_set_status(struct virtio *virtio, uint32_t status, bool legacy)
{
	struct virtio_state *state = virtio->state;
	if (!status) {
		reset(virtio);
		return;
	}
	if (!features_are_good(virtio, legacy))
		status &= ~(VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	state->status |= (uint8_t)(status & ~VIRTIO_STATUS_NEEDS_RESET);
}

bool virtio_is_ready(const struct virtio *virtio)
{
	const uint8_t status = virtio->state->status;
	return !(status & VIRTIO_STATUS_NEEDS_RESET) &&
	       (status & VIRTIO_STATUS_DRIVER_OK || !virtio_has(virtio, VIRTIO_F_VERSION_1));
}

void virtio_break(struct virtio *virtio)
{
	virtio->state->status |= VIRTIO_STATUS_NEEDS_RESET;
	virtio_configuration_changed(virtio);
}

/* ── configuration ───────────────────────────────────────────────────────────────────────────── */

void virtio_configuration_changed(struct virtio *virtio)
{
	if (virtio->state->status & VIRTIO_STATUS_DRIVER_OK)
		virtio_interrupt(virtio, VIRTIO_INTERRUPT_CONFIGURATION);
}

uint64_t virtio_read_configuration(const struct virtio *virtio, uint64_t offset, uint32_t size)
{
	uint8_t configuration[VIRTIO_CONFIG_MAX] = {0};
	uint64_t value = 0;
	if (virtio->kind->configuration)
		virtio->kind->configuration(virtio, configuration);
	if (range_within(offset, size, sizeof(configuration)))
		memcpy(&value, configuration + offset, size);
	return value;
}

/* ── the driver's notifications, and what the bus asks for ───────────────────────────────────── */

int virtio_notify(struct virtio *virtio, uint64_t queue, enum device_next *next,
		  struct error *error)
{
	if (queue >= virtio->kind->queue_count || !virtio_is_ready(virtio))
		return 0;
	return virtio->kind->notify(virtio, (unsigned)queue, next, error);
}

uint64_t virtio_due(const struct device *device)
{
	const struct virtio virtio = virtio_of(device, NULL);
	return virtio.kind->due && virtio_is_ready(&virtio) ? virtio.kind->due(&virtio) : 0;
}

int virtio_descriptor(const struct device *device)
{
	const struct virtio virtio = virtio_of(device, NULL);
	return virtio.kind->descriptor && virtio_is_ready(&virtio)
		   ? virtio.kind->descriptor(&virtio)
		   : -1;
}

int virtio_serve(struct device *device, struct slot *slot, enum device_next *next,
		 struct error *error)
{
	struct virtio virtio = virtio_of(device, slot);
	return virtio.kind->serve && virtio_is_ready(&virtio)
		   ? virtio.kind->serve(&virtio, next, error)
		   : 0;
}

int virtio_flush(struct device *device, struct slot *slot, enum device_next *next,
		 struct error *error)
{
	struct virtio virtio = virtio_of(device, slot);
	return virtio.kind->flush ? virtio.kind->flush(&virtio, next, error) : 0;
}

void virtio_drop(struct device *device)
{
	struct virtio virtio = virtio_of(device, NULL);
	if (virtio.kind->drop)
		virtio.kind->drop(&virtio);
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

#define COMMON_SIZE offsetof(struct virtio_state, own)

size_t virtio_save(const struct device *device, uint8_t *out)
{
	const struct virtio virtio = virtio_of(device, NULL);
	memcpy(out, virtio.state, COMMON_SIZE);
	if (virtio.kind->save)
		return COMMON_SIZE + virtio.kind->save(&virtio, out + COMMON_SIZE);
	memcpy(out + COMMON_SIZE, virtio.own, virtio.kind->state_size);
	return COMMON_SIZE + virtio.kind->state_size;
}

/* Addresses and counts of queues are checked whenever they are used. */
static bool is_sound(const struct virtio *virtio)
{
	const struct virtio_state *state = virtio->state;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		const struct virtqueue *queue = &state->queues[i];
		const uint16_t size = virtqueue_size(queue);
		if (queue->in_use > (i < virtio->kind->queue_count) ||
		    size > VIRTIO_QUEUE_SIZE_MAX || size & (size - 1))
			return false;
	}
	return state->interrupt_status <= (VIRTIO_INTERRUPT_QUEUE | VIRTIO_INTERRUPT_CONFIGURATION);
}

bool virtio_load(struct device *device, const uint8_t *data, size_t length)
{
	struct virtio virtio = virtio_of(device, NULL);
	const struct virtio_kind *kind = virtio.kind;
	memset(virtio.state, 0, used_size(&virtio));
	if (length < COMMON_SIZE)
		return false;
	memcpy(virtio.state, data, COMMON_SIZE);
	data += COMMON_SIZE;
	length -= COMMON_SIZE;
	bool sound = is_sound(&virtio);
	if (kind->load)
		sound = sound && kind->load(&virtio, data, length);
	else if (sound && length == kind->state_size)
		memcpy(virtio.own, data, length);
	else
		sound = false;
	if (!sound)
		memset(virtio.state, 0, used_size(&virtio));
	return sound;
}
