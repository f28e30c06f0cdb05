/* The virtio device `block`: a disk of sectors of 512 bytes (section 5.2 of the standard) in a file
 * that was opened before the monitor gave up its rights, or the request as one.
 *
 * It reads, writes unless it is read-only, flushes, and tells its identity. A request that goes
 * beyond the end, or of another type, is answered with an error; only one that has no room for an
 * answer breaks the device.
 */
#include "block.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "monitor/slot/slot.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define FEATURE_SEGMENT_MAX (1ULL << 2)
#define FEATURE_READ_ONLY   (1ULL << 5)
#define FEATURE_BLOCK_SIZE  (1ULL << 6)
#define FEATURE_FLUSH	    (1ULL << 9)

/* Bytes of a request, so that each is over in a moment. Linux asks for 1280 KiB at most. */
#define TRANSFER_MAX (2UL << 20)

#define LOOK_NS	    1000000UL			/* while the request has not come */
#define SEGMENT_MAX (VIRTIO_QUEUE_SIZE_MAX - 2) /* header and status are two more */

enum { REQUEST_READ = 0, REQUEST_WRITE = 1, REQUEST_FLUSH = 4, REQUEST_IDENTITY = 8 };
enum { STATUS_OK, STATUS_ERROR, STATUS_UNSUPPORTED };

struct request_header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* Section 5.2.4, as far as it has something to tell. */
struct configuration {
	uint64_t capacity; /* sectors */
	uint32_t size_max, segment_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t block_size;
};
_Static_assert(sizeof(struct configuration) == 24, "as in the standard");

struct block {
	struct rate_bucket bucket; /* lasts */
	uint64_t waits_until_ns;   /* for its rate, or for the request; 0: it does not */
	bool is_for_clones;	   /* a set-up has come to a read of the request */
};

/* One request, and where its data are. */
struct work {
	struct virtio_chain chain;
	struct request_header header;
	struct iovec data[VIRTIO_CHAIN_MAX];
	unsigned count;
	uint64_t length; /* of the data */
};

static uint64_t block_features(const struct virtio *virtio)
{
	const struct virtio_disk *disk = virtio->backing;
	return FEATURE_SEGMENT_MAX | FEATURE_BLOCK_SIZE | FEATURE_FLUSH |
	       (disk->read_only ? FEATURE_READ_ONLY : 0);
}

static size_t block_configuration(const struct virtio *virtio, uint8_t out[VIRTIO_CONFIG_MAX])
{
	const struct virtio_disk *disk = virtio->backing;
	const struct configuration configuration = {
	    .capacity = disk->size / VIRTIO_SECTOR_SIZE,
	    .segment_max = SEGMENT_MAX,
	    .block_size = disk->block_size,
	};
	memcpy(out, &configuration, sizeof(configuration));
	return sizeof(configuration);
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

/* Leaves out the first `done` bytes. */
static void advance(struct work *work, size_t done)
{
	struct iovec *next = work->data;
	unsigned left = work->count;
	while (left && done >= next->iov_len) {
		done -= next->iov_len;
		next++;
		left--;
	}
	memmove(work->data, next, left * sizeof(*next));
	work->count = left;
	if (left) {
		work->data[0].iov_base = (uint8_t *)work->data[0].iov_base + done;
		work->data[0].iov_len -= done;
	}
}

static uint8_t read_request(const struct virtio_disk *disk, struct work *work, uint64_t offset)
{
	if (disk->request->too_long)
		return STATUS_ERROR;
	for (unsigned i = 0; i < work->count; i++) {
		request_disk_read(disk->request, disk->block_size, offset, work->data[i].iov_base,
				  work->data[i].iov_len);
		offset += work->data[i].iov_len;
	}
	return STATUS_OK;
}

/* A file that has become shorter reads as an error. */
static uint8_t transfer(const struct virtio_disk *disk, struct work *work, bool is_write)
{
	uint64_t offset;
	if (work->length % VIRTIO_SECTOR_SIZE || work->length > TRANSFER_MAX ||
	    mul_overflows(work->header.sector, VIRTIO_SECTOR_SIZE, &offset) ||
	    !range_within(offset, work->length, disk->size) || (is_write && disk->read_only))
		return STATUS_ERROR;
	if (disk->request)
		return read_request(disk, work, offset);
	while (work->count) {
		const ssize_t done =
		    is_write ? pwritev(disk->fd, work->data, (int)work->count, (off_t)offset)
			     : preadv(disk->fd, work->data, (int)work->count, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return STATUS_ERROR;
		offset += (uint64_t)done;
		advance(work, (size_t)done);
	}
	return STATUS_OK;
}

static uint8_t tell_identity(const struct virtio_disk *disk, const struct work *work)
{
	if (work->length < sizeof(disk->identity))
		return STATUS_ERROR;
	virtio_chain_write(&work->chain, 0, disk->identity, sizeof(disk->identity));
	return STATUS_OK;
}

static uint8_t flush(const struct virtio_disk *disk)
{
	return disk->read_only || !fdatasync(disk->fd) ? STATUS_OK : STATUS_ERROR;
}

static uint8_t do_request(const struct virtio_disk *disk, struct work *work)
{
	switch (work->header.type) {
	case REQUEST_READ:
		return transfer(disk, work, false);
	case REQUEST_WRITE:
		return transfer(disk, work, true);
	case REQUEST_FLUSH:
		return flush(disk);
	case REQUEST_IDENTITY:
		return tell_identity(disk, work);
	default:
		return STATUS_UNSUPPORTED;
	}
}

/* Header first, status last, and data between them, whatever the descriptors are. */
static bool parse(struct work *work)
{
	const struct virtio_chain *chain = &work->chain;
	const uint64_t head = sizeof(work->header);
	if (virtio_chain_read(chain, 0, &work->header, head) != head || !chain->writable_length)
		return false;
	if (work->header.type == REQUEST_WRITE) {
		work->length = chain->readable_length - head;
		work->count = virtio_chain_readable(chain, head, work->length, work->data);
	} else {
		work->length = chain->writable_length - 1;
		work->count = virtio_chain_writable(chain, 0, work->length, work->data);
	}
	return true;
}

/* How many bytes were written to the guest. */
static uint32_t written_bytes(const struct work *work, uint8_t status)
{
	const bool filled = status == STATUS_OK && (work->header.type == REQUEST_READ ||
						    work->header.type == REQUEST_IDENTITY);
	return (uint32_t)(filled ? work->chain.writable_length : 1);
}

/* 0 where the request need not be waited for. In a set-up it does not come: the read is left to the
 * clones. */
static int await_request(struct virtio *virtio, const struct work *work, struct error *error)
{
	const struct virtio_disk *disk = virtio->backing;
	const struct setup *setup = virtio->slot->setup;
	struct block *block = virtio->own;
	if (!disk->request || work->header.type != REQUEST_READ)
		return 0;
	block->is_for_clones = setup && !setup->warming_up;
	if (block->is_for_clones)
		return -EAGAIN;
	int result = request_disk_gather(disk->request, virtio->slot, 0, error);
	if (result == -EAGAIN)
		block->waits_until_ns = clock_now_ns() + LOOK_NS;
	return result;
}

/* Does one request; false: there is none that may be done now. */
static bool serve_one(struct virtio *virtio, int *result, struct error *error)
{
	const struct virtio_disk *disk = virtio->backing;
	struct block *block = virtio->own;
	struct work work;
	const uint64_t now_ns = clock_now_ns();
	const uint64_t due_ns = rate_due(&disk->limit, &block->bucket, now_ns);
	if (due_ns) {
		block->waits_until_ns = virtqueue_has_chain(virtio, 0) ? due_ns : 0;
		return false;
	}
	if (!virtqueue_take(virtio, 0, &work.chain))
		return false;
	if (!parse(&work)) {
		virtio_break(virtio);
		return false;
	}
	*result = await_request(virtio, &work, error);
	if (*result) {
		virtqueue_untake(virtio, 0);
		return false;
	}
	const uint8_t status = do_request(disk, &work);
	rate_pay(&disk->limit, &block->bucket, work.length, now_ns);
	virtio_chain_write(&work.chain, work.chain.writable_length - 1, &status, sizeof(status));
	virtqueue_give(virtio, 0, work.chain.head, written_bytes(&work, status));
	return true;
}

static int serve_queue(struct virtio *virtio, struct error *error)
{
	struct block *block = virtio->own;
	int result = 0;
	block->waits_until_ns = 0;
	block->is_for_clones = false;
	/* What is left at the deadline is left for good. */
	for (unsigned i = 0;
	     i < VIRTIO_QUEUE_SIZE_MAX && clock_now_ns() < virtio->slot->deadline_ns &&
	     serve_one(virtio, &result, error);
	     i++)
		;
	virtqueue_signal(virtio, 0);
	return result == -EAGAIN ? 0 : result;
}

static int block_notify(struct virtio *virtio, unsigned queue, enum device_next *next,
			struct error *error)
{
	(void)queue;
	(void)next;
	return serve_queue(virtio, error);
}

static int block_serve(struct virtio *virtio, enum device_next *next, struct error *error)
{
	const struct block *block = virtio->own;
	(void)next;
	if (block->is_for_clones ||
	    (block->waits_until_ns && clock_now_ns() >= block->waits_until_ns))
		return serve_queue(virtio, error);
	return 0;
}

static uint64_t block_due(const struct virtio *virtio)
{
	return ((const struct block *)virtio->own)->waits_until_ns;
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

/* Only whether something waits: a moment that has passed has it looked at once. */
static size_t block_save(const struct virtio *virtio, uint8_t *out)
{
	const struct block *block = virtio->own;
	*out = block->waits_until_ns || block->is_for_clones;
	return 1;
}

static bool block_load(struct virtio *virtio, const uint8_t *data, size_t length)
{
	struct block *block = virtio->own;
	if (length != 1 || *data > 1)
		return false;
	block->waits_until_ns = *data;
	return true;
}

static void block_drop(struct virtio *virtio)
{
	const struct virtio_disk *disk = virtio->backing;
	if (disk && disk->request)
		request_disk_forget(disk->request);
}

const struct virtio_kind virtio_block = {
    .name = "block",
    .id = VIRTIO_ID_BLOCK,
    .pci_device = 0x1001,
    .pci_class = 0x010000,
    .queue_count = 1,
    .state_size = sizeof(struct block),
    .lasting_size = sizeof(struct rate_bucket),
    .features = block_features,
    .configuration = block_configuration,
    .notify = block_notify,
    .due = block_due,
    .serve = block_serve,
    .drop = block_drop,
    .save = block_save,
    .load = block_load,
};
