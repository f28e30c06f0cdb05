/* One TCP connection: what comes, what is sent, and when; see tcp.h. The sections are RFC 9293's. */
#include "tcp.h"

#define TIMEOUT_FIRST_NS 200000000ULL /* as short as Linux waits, on a link without delay */
#define TIMEOUT_MAX_NS	 3200000000ULL
#define TRIES_MAX	 12
#define REPEATED_ACKS	 3 /* so many tell a loss (RFC 5681, section 3.2) */
#define PEER_LIMIT_USUAL 536

/* Sequence numbers wrap around (section 3.4): how far one is ahead of another. */
static int32_t ahead(uint32_t one, uint32_t other)
{
	return (int32_t)(one - other);
}

static void want_ack(struct tcp *tcp)
{
	if (!tcp->acks_wanted)
		tcp->acks_wanted = 1;
}

static uint16_t receive_window(const struct tcp *tcp)
{
	const size_t room = ring_room(&tcp->in);
	return room < UINT16_MAX ? (uint16_t)room : UINT16_MAX;
}

void tcp_connect(struct tcp *tcp, uint16_t own_port, uint16_t peer_port, uint32_t sequence,
		 uint16_t own_limit)
{
	tcp->out.first = tcp->out.count = tcp->in.first = tcp->in.count = 0;
	tcp->state = TCP_CONNECTING;
	tcp->own_port = own_port;
	tcp->peer_port = peer_port;
	tcp->size_limit = own_limit;
	tcp->sent_first = tcp->sent_next = tcp->sent_most = sequence;
	tcp->window = 0;
	tcp->received_next = 0;
	tcp->told_window = 0;
	tcp->repeated_acks = tcp->tries = 0;
	tcp->close_wanted = tcp->closed = tcp->peer_closed = tcp->reset_wanted = false;
	tcp->acks_wanted = 0;
	tcp->again_ns = 0;
	tcp->timeout_ns = TIMEOUT_FIRST_NS;
}

static void end(struct tcp *tcp, enum tcp_state state)
{
	tcp->state = state;
	tcp->again_ns = 0;
	tcp->acks_wanted = 0;
	tcp->out.count = 0;
}

void tcp_abort(struct tcp *tcp)
{
	tcp->reset_wanted = tcp->state == TCP_ESTABLISHED ||
			    (tcp->state == TCP_CONNECTING && tcp->sent_most != tcp->sent_first);
	end(tcp, TCP_CLOSED);
	tcp->in.count = 0;
}

void tcp_close(struct tcp *tcp)
{
	tcp->close_wanted = !tcp->closed;
}

size_t tcp_send(struct tcp *tcp, const uint8_t *data, size_t length)
{
	const bool may_send = tcp->state == TCP_CONNECTING || tcp->state == TCP_ESTABLISHED;
	return may_send && !tcp->close_wanted && !tcp->closed ? ring_add(&tcp->out, data, length)
							      : 0;
}

size_t tcp_receive(struct tcp *tcp, uint8_t *data, size_t room)
{
	const size_t taken = ring_copy(&tcp->in, 0, data, room);
	ring_drop(&tcp->in, taken);
	/* Told at once where the guest may be waiting for it, and not for each byte (3.8.6.2.2). */
	if (tcp->state == TCP_ESTABLISHED && !tcp->peer_closed &&
	    tcp->told_window < RING_SIZE / 4 && receive_window(tcp) >= RING_SIZE / 2)
		want_ack(tcp);
	return taken;
}

bool tcp_is_at_end(const struct tcp *tcp)
{
	return tcp->peer_closed && !tcp->in.count;
}

bool tcp_owns(const struct tcp *tcp, const struct tcp_segment *segment)
{
	return (tcp->state == TCP_CONNECTING || tcp->state == TCP_ESTABLISHED) &&
	       segment->own_port == tcp->own_port && segment->peer_port == tcp->peer_port;
}

/* Something waits for an acknowledgement, or for the window to open. */
static bool waits_for_guest(const struct tcp *tcp)
{
	return tcp->state == TCP_CONNECTING ||
	       (tcp->state == TCP_ESTABLISHED &&
		(tcp->out.count || tcp->sent_most != tcp->sent_first));
}

/* ── what comes ──────────────────────────────────────────────────────────────────────────────── */

/* The answer to SYN (3.10.7.3). Nobody opens connections to us: a SYN alone is none. */
static void input_connecting(struct tcp *tcp, const struct tcp_segment *segment)
{
	if (!(segment->flags & TCP_ACK) || tcp->sent_most == tcp->sent_first ||
	    segment->acknowledgement != tcp->sent_first + 1)
		return;
	if (segment->flags & TCP_RST) {
		end(tcp, TCP_REFUSED);
		return;
	}
	if (!(segment->flags & TCP_SYN))
		return;
	uint16_t limit = segment->size_limit ? segment->size_limit : PEER_LIMIT_USUAL;
	if (limit < TCP_LIMIT_MIN)
		limit = TCP_LIMIT_MIN;
	if (limit < tcp->size_limit)
		tcp->size_limit = limit;
	tcp->state = TCP_ESTABLISHED;
	tcp->sent_first = tcp->sent_next = tcp->sent_most = segment->acknowledgement;
	tcp->received_next = segment->sequence + 1;
	tcp->window = segment->window;
	want_ack(tcp);
	tcp->again_ns = 0;
	tcp->tries = 0;
	tcp->timeout_ns = TIMEOUT_FIRST_NS;
}

/* Something was acknowledged that was not yet. */
static void advance(struct tcp *tcp, uint32_t acknowledgement)
{
	const uint32_t length = acknowledgement - tcp->sent_first;
	if (length > tcp->out.count) {
		tcp->close_wanted = false;
		tcp->closed = true;
	}
	ring_drop(&tcp->out, length);
	tcp->sent_first = acknowledgement;
	if (ahead(tcp->sent_next, acknowledgement) < 0)
		tcp->sent_next = acknowledgement;
	tcp->repeated_acks = 0;
	tcp->timeout_ns = TIMEOUT_FIRST_NS;
	tcp->again_ns = 0;
}

/* False where the segment is not to be looked at any further. */
static bool input_acknowledgement(struct tcp *tcp, const struct tcp_segment *segment,
				  uint64_t now_ns)
{
	const uint32_t acknowledged = segment->acknowledgement;
	if (ahead(acknowledged, tcp->sent_most) > 0) {
		want_ack(tcp); /* of what was never sent (3.10.7.4) */
		return false;
	}
	if (ahead(acknowledged, tcp->sent_first) < 0)
		return true; /* an old one */
	const bool is_repeated = acknowledged == tcp->sent_first && !segment->length &&
				 segment->window == tcp->window &&
				 tcp->sent_most != tcp->sent_first;
	tcp->window = segment->window;
	tcp->tries = 0; /* somebody is there, even if the window stays closed */
	if (acknowledged != tcp->sent_first)
		advance(tcp, acknowledged);
	else if (is_repeated && ++tcp->repeated_acks == REPEATED_ACKS)
		tcp->sent_next = tcp->sent_first;
	if (!tcp->again_ns && waits_for_guest(tcp))
		tcp->again_ns = now_ns + tcp->timeout_ns;
	return true;
}

/* Takes data and FIN that begin at received_next or before; the guest sends the rest again. */
static void input_data(struct tcp *tcp, const struct tcp_segment *segment)
{
	const int32_t early = ahead(tcp->received_next, segment->sequence);
	const bool has_end = segment->flags & TCP_FIN;
	if (!segment->length && !has_end)
		return;
	/* Each that comes too early: repeated acknowledgements tell a loss. */
	if (early < 0 && tcp->acks_wanted && tcp->acks_wanted < REPEATED_ACKS + 1)
		tcp->acks_wanted++;
	want_ack(tcp);
	if (early < 0 || (size_t)early > segment->length || tcp->peer_closed)
		return;
	const size_t fresh = segment->length - (size_t)early;
	const size_t taken = ring_add(&tcp->in, segment->data + early, fresh);
	tcp->received_next += (uint32_t)taken;
	if (has_end && taken == fresh) {
		tcp->peer_closed = true;
		tcp->received_next++;
	}
}

/* Whether any of it lies where data are expected (3.4). */
static bool is_in_window(const struct tcp *tcp, const struct tcp_segment *segment)
{
	const uint32_t window = receive_window(tcp);
	const int32_t begin = ahead(segment->sequence, tcp->received_next);
	return begin >= 0 ? (uint32_t)begin < window || !begin
			  : (size_t) - (int64_t)begin <= segment->length;
}

static void input_established(struct tcp *tcp, const struct tcp_segment *segment, uint64_t now_ns)
{
	if (segment->flags & TCP_RST) {
		/* Only where it is exactly next; else the guest is asked (RFC 5961, section 3). */
		if (segment->sequence == tcp->received_next)
			end(tcp, TCP_BROKEN);
		else if (is_in_window(tcp, segment))
			want_ack(tcp);
		return;
	}
	if (segment->flags & TCP_SYN || !is_in_window(tcp, segment)) {
		want_ack(tcp);
		return;
	}
	if (segment->flags & TCP_ACK && input_acknowledgement(tcp, segment, now_ns))
		input_data(tcp, segment);
}

void tcp_input(struct tcp *tcp, const struct tcp_segment *segment, uint64_t now_ns)
{
	if (tcp->state == TCP_CONNECTING)
		input_connecting(tcp, segment);
	else if (tcp->state == TCP_ESTABLISHED)
		input_established(tcp, segment, now_ns);
}

/* ── what is sent ────────────────────────────────────────────────────────────────────────────── */

/* How many bytes of data are under way; FIN counts as one more. */
static uint32_t under_way(const struct tcp *tcp)
{
	return tcp->sent_next - tcp->sent_first;
}

/* How many bytes may be sent now. Small segments are not held back: what there is, is sent. */
static size_t sendable(const struct tcp *tcp)
{
	const uint32_t sent = under_way(tcp);
	if (tcp->state != TCP_ESTABLISHED || sent >= tcp->out.count || sent >= tcp->window)
		return 0;
	size_t length = tcp->out.count - sent;
	if (length > tcp->window - sent)
		length = tcp->window - sent;
	return length < tcp->size_limit ? length : tcp->size_limit;
}

static bool end_is_sendable(const struct tcp *tcp, size_t length)
{
	return tcp->state == TCP_ESTABLISHED && tcp->close_wanted &&
	       under_way(tcp) + length == tcp->out.count;
}

static bool syn_is_sendable(const struct tcp *tcp)
{
	return tcp->state == TCP_CONNECTING && tcp->sent_next == tcp->sent_first;
}

bool tcp_has_output(const struct tcp *tcp)
{
	return tcp->reset_wanted || tcp->acks_wanted || syn_is_sendable(tcp) || sendable(tcp) ||
	       end_is_sendable(tcp, 0);
}

uint64_t tcp_due(const struct tcp *tcp)
{
	if (tcp_has_output(tcp))
		return 1;
	/* The first output notes when to send again. */
	return tcp->again_ns || !waits_for_guest(tcp) ? tcp->again_ns : 1;
}

/* Where the time has come, all that is not acknowledged is sent again. True where a byte is to be
 * sent although the window is closed (3.8.6.1). */
static bool send_again(struct tcp *tcp, uint64_t now_ns)
{
	if (!tcp->again_ns || now_ns < tcp->again_ns)
		return false;
	tcp->again_ns = 0;
	if (!waits_for_guest(tcp))
		return false;
	if (++tcp->tries > TRIES_MAX) {
		end(tcp, TCP_BROKEN);
		return false;
	}
	tcp->timeout_ns *= 2;
	if (tcp->timeout_ns > TIMEOUT_MAX_NS)
		tcp->timeout_ns = TIMEOUT_MAX_NS;
	tcp->sent_next = tcp->sent_first;
	tcp->repeated_acks = 0;
	return tcp->state == TCP_ESTABLISHED && !tcp->window && tcp->out.count;
}

static void take_note_of_sent(struct tcp *tcp, uint32_t count, uint64_t now_ns)
{
	tcp->sent_next += count;
	if (ahead(tcp->sent_next, tcp->sent_most) > 0)
		tcp->sent_most = tcp->sent_next;
	if (!tcp->again_ns && waits_for_guest(tcp))
		tcp->again_ns = now_ns + tcp->timeout_ns;
}

static bool output_reset(struct tcp *tcp, struct tcp_segment *segment)
{
	tcp->reset_wanted = false;
	segment->flags = TCP_RST | TCP_ACK;
	segment->sequence = tcp->sent_most;
	return true;
}

static bool output_syn(struct tcp *tcp, struct tcp_segment *segment, uint64_t now_ns)
{
	segment->flags = TCP_SYN;
	segment->acknowledgement = 0;
	segment->size_limit = tcp->size_limit;
	take_note_of_sent(tcp, 1, now_ns);
	return true;
}

bool tcp_output(struct tcp *tcp, struct tcp_segment *segment, uint8_t *data, uint64_t now_ns)
{
	const bool probes = send_again(tcp, now_ns);
	*segment = (struct tcp_segment){.own_port = tcp->own_port,
					.peer_port = tcp->peer_port,
					.sequence = tcp->sent_next,
					.acknowledgement = tcp->received_next,
					.flags = TCP_ACK,
					.window = receive_window(tcp),
					.data = data};
	if (tcp->reset_wanted)
		return output_reset(tcp, segment);
	if (syn_is_sendable(tcp))
		return output_syn(tcp, segment, now_ns);
	const size_t length = probes ? 1 : sendable(tcp);
	const bool ends = end_is_sendable(tcp, length);
	if (!length && !ends && !tcp->acks_wanted) {
		/* The window is closed, and nothing is under way that would be sent again. */
		if (!tcp->again_ns)
			take_note_of_sent(tcp, 0, now_ns);
		return false;
	}
	segment->length = ring_copy(&tcp->out, under_way(tcp), data, length);
	if (length)
		segment->flags |= TCP_PSH;
	if (ends)
		segment->flags |= TCP_FIN;
	tcp->acks_wanted -= tcp->acks_wanted > 0;
	tcp->told_window = segment->window;
	take_note_of_sent(tcp, (uint32_t)length + ends, now_ns);
	return true;
}
