/* Split queues (section 2.7 of the standard); see virtio.h.
 *
 * Where a queue lies is the driver's choice, and what stands in it is the driver's, too: each number
 * is copied once and then checked, and no loop is longer than the queue, or than VIRTIO_CHAIN_MAX where
 * a chain goes on in a table of its own. Rings are looked up in the guest's memory anew each time,
 * because a clone has them elsewhere in ours.
 */
#include <string.h>

#include "sizes/sizes.h"
#include "state.h"

#define DESCRIPTOR_NEXT	     1U
#define DESCRIPTOR_WRITE     2U
#define DESCRIPTOR_INDIRECT  4U
#define AVAILABLE_NO_SIGNAL  1U
#define USED_NO_NOTIFY	     1U
#define RING_INDEX	     2 /* where in a ring its index stands, and where its entries begin */
#define RING_ENTRIES	     4
#define LEGACY_PAGE_SIZE     4096U
#define LEGACY_PAGE_SIZE_MAX 65536U

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};
_Static_assert(sizeof(struct descriptor) == VIRTQ_DESCRIPTOR_SIZE, "no padding");

struct used_entry {
	uint32_t head, written;
};

/* The parts of a queue in our memory. */
struct rings {
	uint8_t *descriptors, *available, *used;
	unsigned size;
};

static uint16_t load16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static void store16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* ── where a queue lies ──────────────────────────────────────────────────────────────────────── */

uint16_t virtqueue_size(const struct virtqueue *queue)
{
	return queue->size ? queue->size : VIRTIO_QUEUE_SIZE_MAX;
}

void virtqueue_set_size(struct virtqueue *queue, uint64_t size)
{
	if (!queue->in_use && size && size <= VIRTIO_QUEUE_SIZE_MAX && !(size & (size - 1)))
		queue->size = (uint16_t)size;
}

void virtqueue_set_use(struct virtqueue *queue, bool in_use)
{
	if (in_use && !queue->in_use)
		queue->next_available = queue->next_used = queue->signalled = 0;
	queue->in_use = in_use;
}

void virtqueue_set_page(struct virtqueue *queue, uint64_t page, uint64_t page_size,
			uint64_t alignment)
{
	const uint64_t size = virtqueue_size(queue);
	if (page_size < LEGACY_PAGE_SIZE || page_size > LEGACY_PAGE_SIZE_MAX)
		page_size = LEGACY_PAGE_SIZE;
	if (alignment < 4 || alignment > LEGACY_PAGE_SIZE_MAX || alignment & (alignment - 1))
		alignment = LEGACY_PAGE_SIZE;
	/* Both factors are of 32 bits at most: no sum overflows. */
	queue->descriptors = page * page_size;
	queue->available = queue->descriptors + size * VIRTQ_DESCRIPTOR_SIZE;
	queue->used = round_up(queue->available + VIRTQ_AVAILABLE_SIZE(size), alignment);
	virtqueue_set_use(queue, page != 0);
}

struct virtqueue *virtio_selected(struct virtio *virtio)
{
	const uint32_t selected = virtio->state->queue_selected;
	return selected < virtio->kind->queue_count ? &virtio->state->queues[selected] : NULL;
}

static bool is_aligned(const struct virtqueue *queue)
{
	return !(queue->descriptors % 16) && !(queue->available % 2) && !(queue->used % 4);
}

/* The queue, if the driver may use it, with its rings; NULL: it may not. Rings that are not in its
 * memory break the device. */
static struct virtqueue *find_rings(struct virtio *virtio, unsigned number, struct rings *rings)
{
	struct virtqueue *queue = &virtio->state->queues[number];
	struct slot *slot = virtio->slot;
	const unsigned size = virtqueue_size(queue);
	if (!queue->in_use || !slot || !virtio_is_ready(virtio))
		return NULL;
	*rings = (struct rings){
	    .descriptors = bus_memory(slot, queue->descriptors, size * VIRTQ_DESCRIPTOR_SIZE),
	    .available = bus_memory(slot, queue->available, VIRTQ_AVAILABLE_SIZE(size)),
	    .used = bus_memory(slot, queue->used, VIRTQ_USED_SIZE(size)),
	    .size = size,
	};
	if (rings->descriptors && rings->available && rings->used && is_aligned(queue))
		return queue;
	virtio_break(virtio);
	return NULL;
}

/* ── from the driver ─────────────────────────────────────────────────────────────────────────── */

static bool add_range(struct virtio *virtio, struct virtio_chain *chain,
		      const struct descriptor *descriptor)
{
	const bool writable = descriptor->flags & DESCRIPTOR_WRITE;
	if (descriptor->flags & ~(DESCRIPTOR_NEXT | DESCRIPTOR_WRITE) ||
	    (!writable && chain->writable_count))
		return false;
	if (!descriptor->length)
		return true;
	uint8_t *memory = bus_memory(virtio->slot, descriptor->address, descriptor->length);
	if (!memory)
		return false;
	chain->ranges[chain->readable_count + chain->writable_count] =
	    (struct iovec){memory, descriptor->length};
	if (writable) {
		chain->writable_count++;
		chain->writable_length += descriptor->length;
	} else {
		chain->readable_count++;
		chain->readable_length += descriptor->length;
	}
	return true;
}

/* Descriptors in the guest's memory: a queue's own, or an indirect table. */
struct table {
	const uint8_t *descriptors;
	unsigned size;
	bool is_indirect;
};

/* Where the rest of a chain stands (section 2.7.5.3). Its descriptor's flag for writing means nothing. */
static bool find_table(struct virtio *virtio, const struct descriptor *descriptor,
		       struct table *table)
{
	if (descriptor->flags & DESCRIPTOR_NEXT || !descriptor->length ||
	    descriptor->length % sizeof(*descriptor) || !virtio_has(virtio, VIRTIO_F_INDIRECT_DESC))
		return false;
	*table = (struct table){
	    .descriptors = bus_memory(virtio->slot, descriptor->address, descriptor->length),
	    .size = descriptor->length / (unsigned)sizeof(*descriptor),
	    .is_indirect = true,
	};
	return table->descriptors;
}

/* Follows a chain, which cannot be longer than its queue but by an indirect table, of which it has one
 * at most, as its last descriptor. */
static bool follow(struct virtio *virtio, const struct rings *rings, struct virtio_chain *chain)
{
	struct table table = {.descriptors = rings->descriptors, .size = rings->size};
	unsigned at = chain->head, limit = rings->size;
	for (unsigned i = 0; i < limit && at < table.size; i++) {
		struct descriptor descriptor;
		memcpy(&descriptor, table.descriptors + at * sizeof(descriptor),
		       sizeof(descriptor));
		if (descriptor.flags & DESCRIPTOR_INDIRECT && !table.is_indirect) {
			if (!find_table(virtio, &descriptor, &table))
				return false;
			limit = VIRTIO_CHAIN_MAX;
			at = 0;
			continue;
		}
		if (!add_range(virtio, chain, &descriptor))
			return false;
		if (!(descriptor.flags & DESCRIPTOR_NEXT))
			return true;
		at = descriptor.next;
	}
	return false;
}

/* How many chains the driver has made available; more than there can be break the device. */
static unsigned count_available(struct virtio *virtio, const struct virtqueue *queue,
				const struct rings *rings)
{
	const uint16_t count =
	    (uint16_t)(load16(rings->available + RING_INDEX) - queue->next_available);
	if (count <= rings->size)
		return count;
	virtio_break(virtio);
	return 0;
}

/* Has the driver notify for the next chain only. */
static void want_notification(struct virtio *virtio, const struct virtqueue *queue,
			      const struct rings *rings)
{
	if (virtio_has(virtio, VIRTIO_F_EVENT_IDX))
		store16(rings->used + RING_ENTRIES + 8UL * rings->size, queue->next_available);
}

/* With event indices it says so with each chain that it takes. */
void virtqueue_set_quiet(struct virtio *virtio, unsigned number, bool quiet)
{
	struct rings rings;
	if (!virtio_has(virtio, VIRTIO_F_EVENT_IDX) && find_rings(virtio, number, &rings))
		store16(rings.used, quiet ? USED_NO_NOTIFY : 0);
}

bool virtqueue_take(struct virtio *virtio, unsigned number, struct virtio_chain *chain)
{
	struct rings rings;
	struct virtqueue *queue = find_rings(virtio, number, &rings);
	if (!queue || !count_available(virtio, queue, &rings))
		return false;
	const unsigned entry = queue->next_available % rings.size;
	chain->head = load16(rings.available + RING_ENTRIES + 2UL * entry);
	chain->readable_count = chain->writable_count = 0;
	chain->readable_length = chain->writable_length = 0;
	if (!follow(virtio, &rings, chain)) {
		virtio_break(virtio);
		return false;
	}
	queue->next_available++;
	want_notification(virtio, queue, &rings);
	return true;
}

bool virtqueue_has_chain(struct virtio *virtio, unsigned number)
{
	struct rings rings;
	const struct virtqueue *queue = find_rings(virtio, number, &rings);
	return queue && count_available(virtio, queue, &rings);
}

void virtqueue_untake(struct virtio *virtio, unsigned number)
{
	virtio->state->queues[number].next_available--;
}

/* ── to the driver ───────────────────────────────────────────────────────────────────────────── */

void virtqueue_give(struct virtio *virtio, unsigned number, uint16_t head, uint32_t written)
{
	struct rings rings;
	struct virtqueue *queue = find_rings(virtio, number, &rings);
	const struct used_entry used = {.head = head, .written = written};
	if (!queue)
		return;
	const unsigned entry = queue->next_used++ % rings.size;
	memcpy(rings.used + RING_ENTRIES + sizeof(used) * entry, &used, sizeof(used));
	store16(rings.used + RING_INDEX, queue->next_used);
}

static bool driver_wants_interrupt(const struct virtio *virtio, const struct virtqueue *queue,
				   const struct rings *rings)
{
	if (!virtio_has(virtio, VIRTIO_F_EVENT_IDX))
		return !(load16(rings->available) & AVAILABLE_NO_SIGNAL);
	/* When next_used goes beyond the event index (section 2.7.10). */
	const uint16_t event = load16(rings->available + RING_ENTRIES + 2UL * rings->size);
	return (uint16_t)(queue->next_used - event - 1) <
	       (uint16_t)(queue->next_used - queue->signalled);
}

void virtqueue_signal(struct virtio *virtio, unsigned number)
{
	struct rings rings;
	struct virtqueue *queue = find_rings(virtio, number, &rings);
	if (!queue || queue->next_used == queue->signalled)
		return;
	const bool wanted = driver_wants_interrupt(virtio, queue, &rings);
	queue->signalled = queue->next_used;
	if (wanted)
		virtio_interrupt(virtio, VIRTIO_INTERRUPT_QUEUE);
}
