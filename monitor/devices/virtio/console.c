/* The virtio device `console` (section 5.3 of the standard), with one port: the request is what the
 * guest receives, and the response what it sends.
 *
 * A console has no end: where the guest has to know how long the request is, the request has to say
 * so. In a set-up it is empty, as it comes after the snapshot.
 */
#include <errno.h>
#include <string.h>

#include "monitor/devices/request_reader.h"
#include "monitor/devices/response_buffer.h"
#include "monitor/slot/slot.h"
#include "util/clock.h"
#include "virtio.h"

#define LOOK_NS 1000000UL /* while the rest of the request has not come */

enum { QUEUE_RECEIVE, QUEUE_SEND };

/* All of it belongs to one request, and what was written is handed on before a freeze: there is
 * nothing to save. */
struct console {
	struct request_reader request;
	struct response_buffer response;
	bool waits; /* for the rest of the request */
};
_Static_assert(sizeof(struct console) <= VIRTIO_STATE_MAX, "room for a kind's state");

/* ── the request ─────────────────────────────────────────────────────────────────────────────── */

static uint32_t fill(struct virtio *virtio, const struct virtio_chain *chain)
{
	struct request_reader *request = &((struct console *)virtio->own)->request;
	const uint8_t *data = virtio->slot->window.memory + WINDOW_REQUEST_OFFSET + request->next;
	const size_t filled = virtio_chain_write(chain, 0, data, request->length - request->next);
	request->next += filled;
	return (uint32_t)filled;
}

static int console_serve(struct virtio *virtio, enum device_next *next, struct error *error)
{
	struct console *console = virtio->own;
	struct virtio_chain chain;
	int result = 0;
	(void)next;
	console->waits = false;
	for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE_MAX; i++) {
		bool end;
		if (!virtqueue_has_chain(virtio, QUEUE_RECEIVE))
			break;
		result = request_reader_fill(&console->request, virtio->slot, 0, &end, error);
		console->waits = result == -EAGAIN;
		if (result || end || !virtqueue_take(virtio, QUEUE_RECEIVE, &chain))
			break;
		virtqueue_give(virtio, QUEUE_RECEIVE, chain.head, fill(virtio, &chain));
	}
	virtqueue_signal(virtio, QUEUE_RECEIVE);
	return console->waits ? 0 : result;
}

static uint64_t console_due(const struct virtio *virtio)
{
	return ((const struct console *)virtio->own)->waits ? clock_now_ns() + LOOK_NS : 0;
}

/* ── the response ────────────────────────────────────────────────────────────────────────────── */

static int take_bytes(struct virtio *virtio, const struct iovec *range, enum device_next *next,
		      struct error *error)
{
	struct response_buffer *response = &((struct console *)virtio->own)->response;
	const uint8_t *bytes = range->iov_base;
	int result = 0;
	for (size_t i = 0; i < range->iov_len && !result && *next == DEVICE_CONTINUES; i++)
		result = response_buffer_put(response, virtio->slot, bytes[i], next, error);
	return result;
}

static int send_chains(struct virtio *virtio, enum device_next *next, struct error *error)
{
	struct virtio_chain chain;
	int result = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE_MAX && !result && *next == DEVICE_CONTINUES;
	     i++) {
		if (!virtqueue_take(virtio, QUEUE_SEND, &chain))
			break;
		for (unsigned k = 0;
		     k < chain.readable_count && !result && *next == DEVICE_CONTINUES; k++)
			result = take_bytes(virtio, &chain.ranges[k], next, error);
		virtqueue_give(virtio, QUEUE_SEND, chain.head, 0);
	}
	virtqueue_signal(virtio, QUEUE_SEND);
	return result;
}

static int console_notify(struct virtio *virtio, unsigned queue, enum device_next *next,
			  struct error *error)
{
	return queue == QUEUE_SEND ? send_chains(virtio, next, error)
				   : console_serve(virtio, next, error);
}

static int console_flush(struct virtio *virtio, enum device_next *next, struct error *error)
{
	struct response_buffer *response = &((struct console *)virtio->own)->response;
	return response_buffer_flush(response, virtio->slot, next, error);
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

static size_t console_save(const struct virtio *virtio, uint8_t *out)
{
	(void)virtio;
	(void)out;
	return 0;
}

static bool console_load(struct virtio *virtio, const uint8_t *data, size_t length)
{
	(void)virtio;
	(void)data;
	return !length;
}

const struct virtio_kind virtio_console = {
    .name = "console",
    .id = VIRTIO_ID_CONSOLE,
    .pci_device = 0x1003,
    .pci_class = 0x078000,
    .queue_count = 2,
    .state_size = sizeof(struct console),
    .notify = console_notify,
    .due = console_due,
    .serve = console_serve,
    .flush = console_flush,
    .save = console_save,
    .load = console_load,
};
