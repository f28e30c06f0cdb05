/* The virtio device `rng`: randomness of the host (section 5.4 of the standard). Nothing of it is in
 * a snapshot, so that two clones never get the same. */
#include <sys/random.h>

#include "virtio.h"

#define FILL_MAX (64UL << 10) /* of one chain; a driver asks again */

static uint32_t fill(const struct virtio_chain *chain)
{
	uint64_t filled = 0;
	for (unsigned i = 0; i < chain->writable_count && filled < FILL_MAX; i++) {
		const struct iovec *range = &chain->ranges[chain->readable_count + i];
		const uint64_t left = FILL_MAX - filled;
		const size_t part = range->iov_len < left ? range->iov_len : left;
		const ssize_t got = getrandom(range->iov_base, part, 0);
		filled += got > 0 ? (uint64_t)got : 0;
		if (got != (ssize_t)part)
			break;
	}
	return (uint32_t)filled;
}

static int rng_notify(struct virtio *virtio, unsigned queue, enum device_next *next,
		      struct error *error)
{
	struct virtio_chain chain;
	(void)next;
	(void)error;
	for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE_MAX && virtqueue_take(virtio, queue, &chain);
	     i++)
		virtqueue_give(virtio, queue, chain.head, fill(&chain));
	virtqueue_signal(virtio, queue);
	return 0;
}

const struct virtio_kind virtio_rng = {
    .name = "rng",
    .id = VIRTIO_ID_RNG,
    .pci_device = 0x1005,
    .pci_class = 0x00ff00,
    .queue_count = 1,
    .notify = rng_notify,
};
