/* What a virtio device remembers, and what transports do with it: for this folder only. */
#ifndef MAYFLY_MONITOR_VIRTIO_STATE_H
#define MAYFLY_MONITOR_VIRTIO_STATE_H

#include "virtio.h"

/* Bits of the status (section 2.1). */
#define VIRTIO_STATUS_DRIVER_OK	  4U
#define VIRTIO_STATUS_FEATURES_OK 8U
#define VIRTIO_STATUS_NEEDS_RESET 64U

/* Bits of the interrupt status. */
#define VIRTIO_INTERRUPT_QUEUE	       1U
#define VIRTIO_INTERRUPT_CONFIGURATION 2U

/* The sizes of a queue's parts for `size` descriptors (section 2.7), with the event indices. */
#define VIRTQ_DESCRIPTOR_SIZE	   16UL
#define VIRTQ_AVAILABLE_SIZE(size) (6UL + 2UL * (size))
#define VIRTQ_USED_SIZE(size)	   (6UL + 8UL * (size))

struct virtqueue {
	uint64_t descriptors, available, used; /* guest-physical, and not checked */
	uint16_t size;			       /* 0: the largest */
	uint16_t next_available, next_used;    /* counted on without end, as the driver's are */
	uint16_t signalled; /* next_used when the driver was last asked for an interrupt */
	uint8_t in_use;	    /* 0 or 1 */
	uint8_t reserved[7];
};

/* Saved as it is, with as much of `own` as the kind saves. */
struct virtio_state {
	uint64_t driver_features;
	uint32_t device_feature_half, driver_feature_half; /* which half a register shows */
	uint32_t page_size, queue_alignment;		   /* of the legacy interface */
	uint32_t queue_selected;
	uint8_t status, interrupt_status;
	uint8_t reserved[2];
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	_Alignas(16) uint8_t own[VIRTIO_STATE_MAX];
};

/* The first option of each transport. */
enum { VIRTIO_OPTION_LINE };

/* What a transport shows: `legacy` is the interface from before version 1.0. */
struct virtio virtio_of(const struct device *device, struct slot *slot);

uint64_t virtio_offered(const struct virtio *virtio, bool legacy);
void virtio_take_features(struct virtio *virtio, uint64_t features, bool legacy);
void virtio_set_status(struct virtio *virtio, uint32_t status, bool legacy);
void virtio_interrupt(struct virtio *virtio, uint8_t why);
void virtio_acknowledge(struct virtio *virtio, uint32_t interrupts);

/* The queue that the driver has selected; NULL: there is none of that number. */
struct virtqueue *virtio_selected(struct virtio *virtio);
uint16_t virtqueue_size(const struct virtqueue *queue);
/* Takes a size of a queue that is not in use; others change nothing. */
void virtqueue_set_size(struct virtqueue *queue, uint64_t size);
/* Puts a queue to use at the legacy interface's page number; 0: out of use. */
void virtqueue_set_page(struct virtqueue *queue, uint64_t page, uint64_t page_size,
			uint64_t alignment);
void virtqueue_set_use(struct virtqueue *queue, bool in_use);

/* Reads a part of the configuration; zeros beyond its end. */
uint64_t virtio_read_configuration(const struct virtio *virtio, uint64_t offset, uint32_t size);

int virtio_notify(struct virtio *virtio, uint64_t queue, enum device_next *next,
		  struct error *error);

/* Functions of struct device_kind that are the same for all transports. */
uint64_t virtio_due(const struct device *device);
int virtio_descriptor(const struct device *device);
int virtio_serve(struct device *device, struct slot *slot, enum device_next *next,
		 struct error *error);
int virtio_flush(struct device *device, struct slot *slot, enum device_next *next,
		 struct error *error);
void virtio_drop(struct device *device);
size_t virtio_save(const struct device *device, uint8_t *out);
bool virtio_load(struct device *device, const uint8_t *data, size_t length);

/* True where the driver has said that it is ready. A legacy driver may use its queues before. */
bool virtio_is_ready(const struct virtio *virtio);

#endif
