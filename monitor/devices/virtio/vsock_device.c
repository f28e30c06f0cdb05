/* The virtio device `vsock`: the guest's side; see vsock.h. vsock_connections.c has the host's.
 *
 * A packet is a chain: a header, and data behind it. The header is copied before it is looked at.
 * What the guest may send is what there is room for (VSOCK_ROOM for each connection): one that sends
 * more loses its connection. A packet for ports that have none is answered by a reset.
 */
#include "vsock.h"

#include <string.h>

#include "monitor/slot/slot.h"
#include "sizes/sizes.h"
#include "vsock_connections.h"

#define TYPE_STREAM	 1
#define EVENT_TRANSPORT	 0U /* all connections are gone (section 5.10.6.7) */
#define ROUNDS		 8
#define UPDATE_THRESHOLD (VSOCK_ROOM / 4)

enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUE_EVENT, QUEUES };

struct packet_header {
	uint64_t from, to; /* context ids */
	uint32_t from_port, to_port, length;
	uint16_t type, operation;
	uint32_t flags, room, forwarded;
} __attribute__((packed));
_Static_assert(sizeof(struct packet_header) == 44, "section 5.10.6");

/* All that outlives a snapshot. */
struct vsock_state {
	uint32_t next_port; /* of struct vsock: the guest may remember those before it */
	uint8_t reserved[3];
	uint8_t tells_loss; /* 0 or 1: the guest has yet to hear that its connections are gone */
};

/* ── to the guest ────────────────────────────────────────────────────────────────────────────── */

/* The next chain for the guest, with room for a header at least. */
static bool take_buffer(struct virtio *virtio, struct virtio_chain *chain)
{
	if (!virtqueue_take(virtio, QUEUE_RECEIVE, chain))
		return false;
	if (chain->writable_length >= sizeof(struct packet_header))
		return true;
	virtio_break(virtio);
	return false;
}

static struct packet_header make_header(const struct vsock *vsock, uint32_t host_port,
					uint32_t guest_port, uint16_t operation)
{
	return (struct packet_header){
	    .from = VSOCK_HOST,
	    .to = vsock->host->context_id,
	    .from_port = host_port,
	    .to_port = guest_port,
	    .type = TYPE_STREAM,
	    .operation = operation,
	};
}

static void give_packet(struct virtio *virtio, const struct virtio_chain *chain,
			struct vsock_connection *connection, struct packet_header *header)
{
	if (connection) {
		header->room = VSOCK_ROOM;
		header->forwarded = connection->told = connection->forwarded;
		connection->to_say &= (uint8_t) ~(1U << VSOCK_CREDIT_UPDATE);
	}
	virtio_chain_write(chain, 0, header, sizeof(*header));
	virtqueue_give(virtio, QUEUE_RECEIVE, chain->head,
		       (uint32_t)sizeof(*header) + header->length);
}

static bool send_reset(struct virtio *virtio, struct vsock *vsock, struct virtio_chain *chain)
{
	if (!vsock->reset_count || !take_buffer(virtio, chain))
		return false;
	const struct vsock_reset reset = vsock->resets[0];
	memmove(vsock->resets, vsock->resets + 1, --vsock->reset_count * sizeof(reset));
	struct packet_header header =
	    make_header(vsock, reset.host_port, reset.guest_port, VSOCK_RESET);
	give_packet(virtio, chain, NULL, &header);
	return true;
}

/* A packet without data that a connection has to say. */
static bool send_word(struct virtio *virtio, struct vsock *vsock,
		      struct vsock_connection *connection, struct virtio_chain *chain)
{
	if (connection->forwarded - connection->told >= UPDATE_THRESHOLD)
		connection->to_say |= 1U << VSOCK_CREDIT_UPDATE;
	if (!connection->to_say || !take_buffer(virtio, chain))
		return false;
	/* What was asked for comes first, the end last. */
	uint16_t operation = VSOCK_REQUEST;
	while (operation == VSOCK_SHUTDOWN || !(connection->to_say & 1U << operation))
		if (++operation > VSOCK_CREDIT_REQUEST) {
			operation = VSOCK_SHUTDOWN;
			break;
		}
	connection->to_say &= (uint8_t) ~(1U << operation);
	struct packet_header header =
	    make_header(vsock, connection->host_port, connection->guest_port, operation);
	header.flags = operation == VSOCK_SHUTDOWN ? VSOCK_NO_MORE_SENT : 0;
	give_packet(virtio, chain, connection, &header);
	return true;
}

/* What its socket has for the guest, straight into the guest's memory. */
static bool send_data(struct virtio *virtio, struct vsock *vsock,
		      struct vsock_connection *connection, struct virtio_chain *chain)
{
	struct iovec places[VIRTIO_CHAIN_MAX];
	const uint32_t credit = vsock_credit(connection);
	if (connection->phase != VSOCK_ESTABLISHED || !connection->readable ||
	    connection->host_ended || connection->guest_reads_no_more)
		return false;
	if (!credit) {
		if (!connection->asked)
			connection->to_say |= 1U << VSOCK_CREDIT_REQUEST;
		connection->asked = true;
		return send_word(virtio, vsock, connection, chain);
	}
	if (!take_buffer(virtio, chain))
		return false;
	struct packet_header header =
	    make_header(vsock, connection->host_port, connection->guest_port, VSOCK_DATA);
	const unsigned count = virtio_chain_writable(chain, sizeof(header), credit, places);
	header.length = count ? (uint32_t)vsock_read(vsock, connection, places, count) : 0;
	if (!header.length) {
		virtqueue_untake(virtio, QUEUE_RECEIVE);
		return send_word(virtio, vsock, connection, chain);
	}
	connection->sent += header.length;
	give_packet(virtio, chain, connection, &header);
	return true;
}

/* One packet, of the connection whose turn it is. False: there is nothing to send, or no buffer. */
static bool send_packet(struct virtio *virtio, struct vsock *vsock, struct virtio_chain *chain)
{
	if (!virtqueue_has_chain(virtio, QUEUE_RECEIVE))
		return false;
	if (send_reset(virtio, vsock, chain))
		return true;
	for (uint32_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct vsock_connection *connection =
		    &vsock->connections[vsock->next_turn++ % VSOCK_CONNECTIONS_MAX];
		if (connection->phase >= VSOCK_REQUESTED &&
		    (send_word(virtio, vsock, connection, chain) ||
		     send_data(virtio, vsock, connection, chain)))
			return true;
	}
	return false;
}

static void tell_loss(struct virtio *virtio, struct virtio_chain *chain)
{
	const uint32_t event = EVENT_TRANSPORT;
	struct vsock_state *state = virtio->own;
	if (!state->tells_loss || !virtqueue_take(virtio, QUEUE_EVENT, chain))
		return;
	state->tells_loss = 0;
	const size_t written = virtio_chain_write(chain, 0, &event, sizeof(event));
	virtqueue_give(virtio, QUEUE_EVENT, chain->head, (uint32_t)written);
	virtqueue_signal(virtio, QUEUE_EVENT);
}

/* ── from the guest ──────────────────────────────────────────────────────────────────────────── */

static void take_data(struct vsock *vsock, struct vsock_connection *connection,
		      const struct virtio_chain *chain, uint32_t length)
{
	struct iovec places[2];
	if (connection->phase != VSOCK_ESTABLISHED || connection->guest_ended ||
	    !range_within(sizeof(struct packet_header), length, chain->readable_length) ||
	    length > vsock_room(connection) || !vsock_keep(connection, length, places)) {
		vsock_reset(vsock, connection);
		return;
	}
	virtio_chain_read(chain, sizeof(struct packet_header), places[0].iov_base,
			  places[0].iov_len);
	virtio_chain_read(chain, sizeof(struct packet_header) + places[0].iov_len,
			  places[1].iov_base, places[1].iov_len);
}

static void take_shutdown(struct vsock_connection *connection, uint32_t flags)
{
	if (flags & VSOCK_NO_MORE_SENT)
		connection->guest_ended = true;
	if (flags & VSOCK_NO_MORE_RECEIVED)
		connection->guest_reads_no_more = true;
}

static void obey(struct vsock *vsock, struct vsock_connection *connection,
		 const struct packet_header *header, const struct virtio_chain *chain)
{
	switch (header->operation) {
	case VSOCK_RESPONSE:
		if (connection->phase == VSOCK_REQUESTED)
			vsock_answer(vsock, connection);
		else
			vsock_reset(vsock, connection);
		return;
	case VSOCK_RESET:
		vsock_drop(vsock, connection);
		return;
	case VSOCK_SHUTDOWN:
		take_shutdown(connection, header->flags);
		return;
	case VSOCK_DATA:
		take_data(vsock, connection, chain, header->length);
		return;
	case VSOCK_CREDIT_UPDATE:
		return;
	case VSOCK_CREDIT_REQUEST:
		connection->to_say |= 1U << VSOCK_CREDIT_UPDATE;
		return;
	default:
		vsock_reset(vsock, connection);
		return;
	}
}

static void take_packet(struct virtio *virtio, struct vsock *vsock,
			const struct virtio_chain *chain)
{
	struct packet_header header;
	if (virtio_chain_read(chain, 0, &header, sizeof(header)) != sizeof(header)) {
		virtio_break(virtio);
		return;
	}
	const uint32_t host_port = header.to_port, guest_port = header.from_port;
	const bool is_sound = header.to == VSOCK_HOST && header.from == vsock->host->context_id &&
			      header.type == TYPE_STREAM;
	struct vsock_connection *connection =
	    is_sound ? vsock_find(vsock, host_port, guest_port) : NULL;
	const bool is_request = is_sound && header.operation == VSOCK_REQUEST;
	const bool is_new = is_request && !connection;
	if (is_new)
		connection = vsock_dial(vsock, host_port, guest_port, virtio->slot->deadline_ns);
	if (!connection) {
		if (header.operation != VSOCK_RESET)
			vsock_refuse(vsock, host_port, guest_port);
		return;
	}
	connection->guest_room = header.room;
	connection->guest_forwarded = header.forwarded;
	connection->asked = false;
	if (!is_new)
		obey(vsock, connection, &header, chain);
}

static void take_packets(struct virtio *virtio, struct vsock *vsock, struct virtio_chain *chain)
{
	for (int i = 0; i < VIRTIO_QUEUE_SIZE_MAX && vsock_can_refuse(vsock); i++) {
		if (!virtqueue_take(virtio, QUEUE_TRANSMIT, chain))
			break;
		take_packet(virtio, vsock, chain);
		virtqueue_give(virtio, QUEUE_TRANSMIT, chain->head, 0);
	}
}

/* ── the device ──────────────────────────────────────────────────────────────────────────────── */

/* All that can be done now: ROUNDS are more than sound queues need, where the guest's answers have to
 * make room for packets of its own. */
static void work(struct virtio *virtio)
{
	struct vsock *vsock = virtio->backing;
	struct virtio_chain chain;
	tell_loss(virtio, &chain);
	vsock_watch(vsock);
	for (int round = 0; round < ROUNDS; round++) {
		take_packets(virtio, vsock, &chain);
		vsock_work(vsock);
		for (int i = 0; i < VIRTIO_QUEUE_SIZE_MAX; i++)
			if (!send_packet(virtio, vsock, &chain))
				break;
		if (!vsock_can_refuse(vsock) || !virtqueue_has_chain(virtio, QUEUE_TRANSMIT))
			break;
	}
	virtqueue_signal(virtio, QUEUE_TRANSMIT);
	virtqueue_signal(virtio, QUEUE_RECEIVE);
}

static size_t vsock_configuration(const struct virtio *virtio, uint8_t out[VIRTIO_CONFIG_MAX])
{
	const struct vsock *vsock = virtio->backing;
	const uint64_t context = vsock->host->context_id;
	memcpy(out, &context, sizeof(context));
	return sizeof(context);
}

static int vsock_notify(struct virtio *virtio, unsigned queue, enum device_next *next,
			struct error *error)
{
	(void)queue;
	(void)next;
	(void)error;
	work(virtio);
	return 0;
}

static int vsock_serve(struct virtio *virtio, enum device_next *next, struct error *error)
{
	(void)next;
	(void)error;
	work(virtio);
	return 0;
}

static int vsock_descriptor(const struct virtio *virtio)
{
	return ((const struct vsock *)virtio->backing)->watch;
}

static void drop_all(struct virtio *virtio)
{
	vsock_drop_all(virtio->backing);
}

static size_t vsock_save(const struct virtio *virtio, uint8_t *out)
{
	const struct vsock *vsock = virtio->backing;
	const struct vsock_state state = {.next_port = vsock->next_port, .tells_loss = 1};
	memcpy(out, &state, sizeof(state));
	return sizeof(state);
}

static bool vsock_load(struct virtio *virtio, const uint8_t *data, size_t length)
{
	struct vsock *vsock = virtio->backing;
	struct vsock_state state;
	if (length != sizeof(state))
		return false;
	memcpy(&state, data, length);
	if (state.tells_loss > 1 || state.next_port < VSOCK_FIRST_PORT)
		return false;
	memcpy(virtio->own, &state, sizeof(state));
	vsock->next_port = state.next_port;
	return true;
}

const struct virtio_kind virtio_vsock = {
    .name = "vsock",
    .id = VIRTIO_ID_SOCKET, /* which the legacy interface of PCI does not have */
    .queue_count = QUEUES,
    .state_size = sizeof(struct vsock_state),
    .configuration = vsock_configuration,
    .notify = vsock_notify,
    .descriptor = vsock_descriptor,
    .serve = vsock_serve,
    .reset = drop_all,
    .drop = drop_all,
    .save = vsock_save,
    .load = vsock_load,
};
