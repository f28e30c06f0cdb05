/* Virtio devices (Virtual I/O Device, version 1.2, by OASIS): what all of them have in common, and
 * what each of them is, behind one table.
 *
 * A device is one file with one table, struct virtio_kind. It reaches the guest through a transport
 * (mmio.c, pci.c), which it does not know, and takes work from split queues: chains of buffers whose
 * descriptors were copied and checked before the device sees them. What a guest does against the
 * standard ends with DEVICE_NEEDS_RESET; nothing of the device moves then until the guest resets it.
 *
 * The guest's processor stands still while a device works. All that a device remembers is in its
 * state, so that it goes on in a clone where the snapshot was taken; `backing` is what is not.
 */
#ifndef MAYFLY_MONITOR_VIRTIO_H
#define MAYFLY_MONITOR_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "monitor/devices/bus.h"

#define VIRTIO_QUEUES_MAX     8
#define VIRTIO_QUEUE_SIZE_MAX 256
#define VIRTIO_CHAIN_MAX      1024	 /* descriptors of a chain that has an indirect table */
#define VIRTIO_CONFIG_MAX     64	 /* bytes of a device's configuration */
#define VIRTIO_STATE_MAX      (80 << 10) /* bytes of a kind's own state */

/* Section 5 of the standard. */
enum virtio_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4,
	VIRTIO_ID_9P = 9,
	VIRTIO_ID_SOCKET = 19,
	VIRTIO_ID_ACCEL = 21, /* not in the standard: the public drivers of vAccel */
};

/* Features of all devices (section 6). */
#define VIRTIO_F_INDIRECT_DESC (1ULL << 28)
#define VIRTIO_F_EVENT_IDX     (1ULL << 29)
#define VIRTIO_F_VERSION_1     (1ULL << 32)

struct virtio_kind;
struct virtio_state;

/* One device, for the length of one call. */
struct virtio {
	const struct virtio_kind *kind;
	void *backing; /* as in struct device: its giver's */
	void *own;     /* the kind's own state: kind->state_size bytes */
	struct virtio_state *state;
	const struct device *device;
	struct slot *slot; /* NULL where there is none to serve: no guest memory then */
};

struct virtio_kind {
	const char *name; /* as in KIND:NAME=WHAT of a command line */
	enum virtio_id id;
	/* How it is found by the legacy interface on PCI: its device number and its class (class,
	 * subclass and interface). 0: it cannot be had there. */
	uint16_t pci_device;
	uint32_t pci_class;
	unsigned queue_count;
	size_t state_size; /* zero when the device is attached; at most VIRTIO_STATE_MAX */
	/* So many bytes at the beginning of its own state are not the driver's to reset: what it has
	 * to pay for, for example. */
	size_t lasting_size;

	/* What it offers beside the features of all devices; NULL: nothing. */
	uint64_t (*features)(const struct virtio *virtio);
	/* Features that drivers take although they are not offered, and that then mean nothing. */
	uint64_t ignored_features;
	/* Fills in its configuration and returns how long that is; NULL: it has none. */
	size_t (*configuration)(const struct virtio *virtio, uint8_t out[VIRTIO_CONFIG_MAX]);
	/* The driver says that there is something in a queue. */
	int (*notify)(struct virtio *virtio, unsigned queue, enum device_next *next,
		      struct error *error);

	/* As in struct device_kind; any may be NULL. serve() is only called where the driver is
	 * ready. */
	uint64_t (*due)(const struct virtio *virtio);
	int (*descriptor)(const struct virtio *virtio);
	int (*serve)(struct virtio *virtio, enum device_next *next, struct error *error);
	int (*flush)(struct virtio *virtio, enum device_next *next, struct error *error);

	/* The driver resets the device, whose own state is zero then but for what lasts: what else there is to end.
	 * NULL: nothing. */
	void (*reset)(struct virtio *virtio);
	/* Another state follows: drops what is outside of it, connections among them. NULL: there
	 * is nothing. */
	void (*drop)(struct virtio *virtio);
	/* Writes its own state, at most state_size bytes; returns how many. NULL: it is all kept as
	 * it is. */
	size_t (*save)(const struct virtio *virtio, uint8_t *out);
	/* The other way round, into a zero state. The bytes may be anybody's: false where they are no
	 * such state. NULL, which only goes with a save() that is NULL: any bytes will do. */
	bool (*load)(struct virtio *virtio, const uint8_t *data, size_t length);
};

/* One device as it is given to a guest: the backing of its device on the bus. */
struct virtio_device {
	const struct virtio_kind *kind;
	void *backing;
};

extern const struct virtio_kind virtio_9p;
extern const struct virtio_kind virtio_accel; /* accel.h */
extern const struct virtio_kind virtio_block;
extern const struct virtio_kind virtio_console;
extern const struct virtio_kind virtio_net;
extern const struct virtio_kind virtio_rng;
extern const struct virtio_kind virtio_vsock; /* vsock.h */

/* ── the device ──────────────────────────────────────────────────────────────────────────────── */

/* The driver has taken that feature. */
bool virtio_has(const struct virtio *virtio, uint64_t feature);

/* The driver has done something that the standard forbids: DEVICE_NEEDS_RESET. */
void virtio_break(struct virtio *virtio);

/* The configuration has changed. */
void virtio_configuration_changed(struct virtio *virtio);

/* ── queues ──────────────────────────────────────────────────────────────────────────────────── */

/* One chain of a queue: first what the device reads, then what it writes, as ranges of the guest's
 * memory, none of them empty. What stands there may overlap, and may be anything: copy, then check.
 * Valid until the call returns in which it was taken. */
struct virtio_chain {
	uint16_t head;
	unsigned readable_count, writable_count;
	uint64_t readable_length, writable_length; /* bytes */
	struct iovec ranges[VIRTIO_CHAIN_MAX];	   /* the readable ones, then the writable ones */
};

/* Takes the next chain that the driver has made available. false: there is none, or the queue is not
 * in use, or it is not sound, which breaks the device. */
bool virtqueue_take(struct virtio *virtio, unsigned queue, struct virtio_chain *chain);

/* True where virtqueue_take() would find something. */
bool virtqueue_has_chain(struct virtio *virtio, unsigned queue);

/* The chain that was taken last is as if it had not been. */
void virtqueue_untake(struct virtio *virtio, unsigned queue);

/* Gives a chain back by its head, with as many bytes written to it; in any order, but each once. */
void virtqueue_give(struct virtio *virtio, unsigned queue, uint16_t head, uint32_t written);

/* Interrupts the driver if it wants that for what was given back since the last call. */
void virtqueue_signal(struct virtio *virtio, unsigned queue);

/* The device looks at a queue by itself: the driver need not notify. Only a wish. */
void virtqueue_set_quiet(struct virtio *virtio, unsigned queue, bool quiet);

/* Copies from what is readable, or to what is writable, from an offset on; returns how many bytes
 * there were, at most `length`. */
size_t virtio_chain_read(const struct virtio_chain *chain, uint64_t offset, void *out,
			 size_t length);
size_t virtio_chain_write(const struct virtio_chain *chain, uint64_t offset, const void *data,
			  size_t length);

/* The ranges of [offset, offset + length) of what is readable (writable) into `out`, which has room
 * for VIRTIO_CHAIN_MAX; returns how many. What is beyond the end is left out. */
unsigned virtio_chain_readable(const struct virtio_chain *chain, uint64_t offset, uint64_t length,
			       struct iovec *out);
unsigned virtio_chain_writable(const struct virtio_chain *chain, uint64_t offset, uint64_t length,
			       struct iovec *out);

#endif
