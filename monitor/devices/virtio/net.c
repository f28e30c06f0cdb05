/* The virtio device `net`: Ethernet frames to and from a link (section 5.1 of the standard). No
 * checksums or segments are left to it, and each frame has a buffer of its own: a frame for the
 * guest that is longer than the next buffer is dropped.
 */
#include "net.h"

#include <string.h>

#include "sizes/sizes.h"
#include "util/clock.h"

#define FEATURE_MTU    (1ULL << 3)
#define FEATURE_MAC    (1ULL << 5)
#define FEATURE_STATUS (1ULL << 16)
/* To announce itself when it is asked to, which it never is. Unikraft takes it unasked. */
#define FEATURE_ANNOUNCE (1ULL << 21)

#define STATUS_UP	1U
#define STARVED_LOOK_NS 1000000UL /* while the guest has no buffers and frames wait */

enum { QUEUE_RECEIVE, QUEUE_SEND };

/* Before each frame (section 5.1.6); the legacy interface leaves out how many buffers it has. */
struct frame_header {
	uint8_t flags, segment_type;
	uint16_t header_length, segment_size, checksum_start, checksum_offset, buffers;
};
#define LEGACY_HEADER_SIZE (sizeof(struct frame_header) - sizeof(uint16_t))

struct configuration {
	uint8_t mac[NETWORK_MAC_SIZE];
	uint16_t status, queue_pairs, mtu;
};
_Static_assert(sizeof(struct configuration) == 12, "as in the standard");

struct net {
	struct rate_bucket sent, received; /* last */
	/* Frames may be there, but the guest has no buffer for one. */
	bool starved;
	uint64_t sends_ns, receives_ns; /* waits for its rate until then; 0: it does not */
};

static struct network_link *link_of(const struct virtio *virtio)
{
	return ((const struct virtio_net_link *)virtio->backing)->link;
}

static const struct rate_limit *limit_of(const struct virtio *virtio)
{
	return &((const struct virtio_net_link *)virtio->backing)->limit;
}

static uint64_t net_features(const struct virtio *virtio)
{
	(void)virtio;
	return FEATURE_MTU | FEATURE_MAC | FEATURE_STATUS;
}

static size_t net_configuration(const struct virtio *virtio, uint8_t out[VIRTIO_CONFIG_MAX])
{
	const struct network_link *link = link_of(virtio);
	struct configuration configuration = {.status = STATUS_UP, .mtu = (uint16_t)link->mtu};
	memcpy(configuration.mac, link->mac, sizeof(configuration.mac));
	memcpy(out, &configuration, sizeof(configuration));
	return sizeof(configuration);
}

static size_t header_size(const struct virtio *virtio)
{
	return virtio_has(virtio, VIRTIO_F_VERSION_1) ? sizeof(struct frame_header)
						      : LEGACY_HEADER_SIZE;
}

/* True where the rate has another frame pass now; else when it does is noted. */
static bool may_pass(const struct virtio *virtio, const struct rate_bucket *bucket,
		     uint64_t *waits_ns)
{
	*waits_ns = rate_due(limit_of(virtio), bucket, clock_now_ns());
	return !*waits_ns;
}

/* ── from the guest ──────────────────────────────────────────────────────────────────────────── */

static void send_frame(struct virtio *virtio, const struct virtio_chain *chain)
{
	uint8_t frame[NETWORK_FRAME_MAX];
	struct net *net = virtio->own;
	const size_t length = virtio_chain_read(chain, header_size(virtio), frame, sizeof(frame));
	rate_pay(limit_of(virtio), &net->sent, length, clock_now_ns());
	if (chain->readable_length <= header_size(virtio) + sizeof(frame))
		network_link_send(link_of(virtio), frame, length);
}

static void send_frames(struct virtio *virtio)
{
	struct net *net = virtio->own;
	struct virtio_chain chain;
	for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE_MAX; i++) {
		if (!virtqueue_has_chain(virtio, QUEUE_SEND)) {
			net->sends_ns = 0;
			break;
		}
		if (!may_pass(virtio, &net->sent, &net->sends_ns) ||
		    !virtqueue_take(virtio, QUEUE_SEND, &chain))
			break;
		send_frame(virtio, &chain);
		virtqueue_give(virtio, QUEUE_SEND, chain.head, 0);
	}
	virtqueue_signal(virtio, QUEUE_SEND);
}

/* ── to the guest ────────────────────────────────────────────────────────────────────────────── */

/* Receives one frame into a chain; how many bytes of it are used, 0 where there is no frame. */
static uint32_t receive_frame(struct virtio *virtio, const struct virtio_chain *chain)
{
	const struct frame_header header = {.buffers = 1};
	uint8_t frame[NETWORK_FRAME_MAX];
	const size_t head = header_size(virtio);
	if (chain->writable_length <= head) {
		virtio_break(virtio);
		return 0;
	}
	const uint64_t left = chain->writable_length - head;
	const size_t length = network_link_receive(link_of(virtio), frame,
						   left < sizeof(frame) ? left : sizeof(frame));
	if (!length)
		return 0;
	virtio_chain_write(chain, 0, &header, head);
	virtio_chain_write(chain, head, frame, length);
	return (uint32_t)(head + length);
}

static void receive_frames(struct virtio *virtio)
{
	struct net *net = virtio->own;
	struct virtio_chain chain;
	net->starved = false;
	for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE_MAX; i++) {
		if (!may_pass(virtio, &net->received, &net->receives_ns))
			break;
		if (!virtqueue_take(virtio, QUEUE_RECEIVE, &chain)) {
			net->starved = true;
			break;
		}
		const uint32_t written = receive_frame(virtio, &chain);
		if (!written) {
			virtqueue_untake(virtio, QUEUE_RECEIVE);
			break;
		}
		rate_pay(limit_of(virtio), &net->received, written, clock_now_ns());
		virtqueue_give(virtio, QUEUE_RECEIVE, chain.head, written);
	}
	virtqueue_set_quiet(virtio, QUEUE_RECEIVE, !net->starved);
	virtqueue_signal(virtio, QUEUE_RECEIVE);
}

/* ── when ────────────────────────────────────────────────────────────────────────────────────── */

static int net_serve(struct virtio *virtio, enum device_next *next, struct error *error)
{
	send_frames(virtio);
	const int result = network_link_serve(link_of(virtio), virtio->slot, next, error);
	if (!result && *next == DEVICE_CONTINUES)
		receive_frames(virtio);
	return result;
}

static int net_notify(struct virtio *virtio, unsigned queue, enum device_next *next,
		      struct error *error)
{
	(void)queue;
	return net_serve(virtio, next, error);
}

/* While it waits for its rate, or for the guest's buffers, the link is not asked all the time. */
static uint64_t net_due(const struct virtio *virtio)
{
	const struct net *net = virtio->own;
	uint64_t link_ns = network_link_due(link_of(virtio));
	if (link_ns && net->receives_ns > link_ns)
		link_ns = net->receives_ns;
	if (link_ns && net->starved) {
		const uint64_t look_ns = clock_now_ns() + STARVED_LOOK_NS;
		link_ns = link_ns > look_ns ? link_ns : look_ns;
	}
	return clock_earlier(clock_earlier(link_ns, net->sends_ns), net->receives_ns);
}

static int net_descriptor(const struct virtio *virtio)
{
	const struct net *net = virtio->own;
	return net->starved || net->receives_ns ? -1 : link_of(virtio)->descriptor;
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

/* Frames of the request before are not for the next one. */
static void net_drop(struct virtio *virtio)
{
	if (virtio->backing)
		network_link_begin(link_of(virtio), NULL, 0, NULL);
}

static size_t net_save(const struct virtio *virtio, uint8_t *out)
{
	return network_link_save(link_of(virtio), out);
}

/* A state that is only looked at has no link to tell whether it is sound; the link's own part is
 * then looked at when a request begins. */
static bool net_load(struct virtio *virtio, const uint8_t *data, size_t length)
{
	if (length > NETWORK_STATE_MAX)
		return false;
	return !virtio->backing || !network_link_begin(link_of(virtio), data, length, NULL);
}

const struct virtio_kind virtio_net = {
    .name = "net",
    .id = VIRTIO_ID_NET,
    .pci_device = 0x1000,
    .pci_class = 0x020000,
    .queue_count = 2,
    .state_size = sizeof(struct net) + NETWORK_STATE_MAX,
    .lasting_size = offsetof(struct net, starved),
    .features = net_features,
    .ignored_features = FEATURE_ANNOUNCE,
    .configuration = net_configuration,
    .notify = net_notify,
    .due = net_due,
    .descriptor = net_descriptor,
    .serve = net_serve,
    .drop = net_drop,
    .save = net_save,
    .load = net_load,
};
