/* The monitor's own network stack: hostile frames, and what it answers. */
#include <stdlib.h>

#include "check.h"
#include "network_frames.h"
#include "sizes/sizes.h"

#define ELSEWHERE 0x08080808

static uint8_t frame[STACK_FRAME_MAX + 100], answer[STACK_FRAME_MAX];

static struct stack *open_stack(bool is_known, bool learns)
{
	struct stack *stack = calloc(1, sizeof(*stack));
	struct stack_peer peer = {.own_address = GATEWAY_ADDRESS,
				  .address = GUEST_ADDRESS,
				  .is_known = is_known,
				  .learns = learns};
	memcpy(peer.mac, guest_mac, STACK_MAC_SIZE);
	if (stack)
		stack_begin(stack, &peer, 7);
	return stack;
}

/* The answer to a frame; 0: there is none. */
static size_t ask(struct stack *stack, size_t length)
{
	stack_input(stack, frame, length, 1);
	return stack_output(stack, answer, 1);
}

static void test_arp(void)
{
	struct stack *stack = open_stack(false, false);
	CHECK_NUMBER(ask(stack, frame_arp(frame, 1, GUEST_ADDRESS, ELSEWHERE)), 0);
	CHECK(stack->peer.is_known);
	CHECK_NUMBER(ask(stack, frame_arp(frame, 1, GUEST_ADDRESS, GATEWAY_ADDRESS)), 42);
	CHECK(check_same_bytes(answer, guest_mac, 6) &&
	      check_same_bytes(answer + 22, gateway_mac, 6));
	CHECK_NUMBER(bytes_get16(answer + 20), 2);
	CHECK_NUMBER(bytes_get32(answer + 28), GATEWAY_ADDRESS);
	/* Of addresses that are not the guest's, and of a station that looks for one. */
	CHECK_NUMBER(ask(stack, frame_arp(frame, 1, ELSEWHERE, GATEWAY_ADDRESS)), 0);
	CHECK_NUMBER(ask(stack, frame_arp(frame, 1, 0, GATEWAY_ADDRESS)), 0);
	free(stack);
}

/* A guest whose addresses nobody said. */
static void test_learning(void)
{
	struct stack *stack = open_stack(false, true);
	stack_input(stack, frame, frame_arp(frame, 1, 0xac2c0002, 0xac2c0002), 1);
	CHECK(stack->peer.address == 0xac2c0002 && stack->peer.own_address == 0xac2c0001);
	stack_input(stack, frame, frame_arp(frame, 1, 0xc0a80001, 0xc0a80001), 1);
	CHECK(stack->peer.address == 0xc0a80001 && stack->peer.own_address == 0xc0a80002);
	CHECK_NUMBER(ask(stack, frame_arp(frame, 1, 0xac2c0002, 0xac2c00fe)), 42);
	CHECK_NUMBER(stack->peer.own_address, 0xac2c00fe);
	free(stack);
}

static void test_ping(void)
{
	struct stack *stack = open_stack(true, false);
	size_t length = frame_ping(frame, GATEWAY_ADDRESS, 1480);
	CHECK_NUMBER(ask(stack, length), length);
	uint8_t *message = frame_payload(answer);
	CHECK_NUMBER(message[0], 0);
	CHECK_NUMBER(checksum_finish(checksum_add(0, message, 1480)), 0);
	CHECK(check_same_bytes(message + 4, frame_payload(frame) + 4, 1476));
	/* Whoever does not take its answers gets no more of them. */
	for (int i = 0; i < 10 * STACK_REPLIES; i++)
		stack_input(stack, frame, length, 1);
	int answers = 0;
	for (; stack_output(stack, answer, 1); answers++)
		;
	CHECK_NUMBER(answers, STACK_REPLIES);
	free(stack);
}

/* Nothing leads out of the machine. */
static void test_outgoing(void)
{
	struct stack *stack = open_stack(true, false);
	struct tcp_segment syn = {.own_port = 5000,
				  .peer_port = 80,
				  .sequence = 99,
				  .flags = TCP_SYN,
				  .size_limit = 1460};
	static const uint32_t destinations[] = {ELSEWHERE, GATEWAY_ADDRESS, 0x7f000001};
	for (size_t i = 0; i < ARRAY_SIZE(destinations); i++) {
		CHECK_NUMBER(ask(stack, frame_segment(frame, destinations[i], &syn)), 54);
		const uint8_t *head = frame_payload(answer);
		CHECK_NUMBER(head[13], TCP_RST | TCP_ACK);
		CHECK_NUMBER(bytes_get32(head + 8), 100);
		CHECK_NUMBER(bytes_get32(answer + 26), destinations[i]);
	}
	syn.flags = TCP_RST;
	CHECK_NUMBER(ask(stack, frame_segment(frame, ELSEWHERE, &syn)), 0);
	/* A datagram, and a ping to elsewhere. */
	memset(frame_payload(frame), 0x42, 100);
	CHECK_NUMBER(ask(stack, frame_ipv4(frame, ELSEWHERE, 17, 100)), 70);
	CHECK(frame_payload(answer)[0] == 3 && frame_payload(answer)[1] == 13);
	CHECK_NUMBER(bytes_get32(frame_payload(answer) + 8 + 16), ELSEWHERE);
	CHECK_NUMBER(ask(stack, frame_ping(frame, ELSEWHERE, 64)), 70);
	free(stack);
}

/* ── what is wrong is dropped ────────────────────────────────────────────────────────────────── */

struct damage {
	const char *what;
	size_t offset; /* in a ping's frame */
	uint8_t value;
	bool mends; /* the header's checksum is made right again */
};

static const struct damage damages[] = {
    {"another station's", 5, 9, false},
    {"a group's", 0, 0x01, false},
    {"another protocol's", 13, 0xdd, false},
    {"of version 6", 14, 0x65, true},
    {"with a header of 16 bytes", 14, 0x44, true},
    {"with a header beyond its end", 14, 0x4f, true},
    {"whose length is 0", 17, 0, true},
    {"whose length is that of less than a header", 17, 19, true},
    {"that is longer than its frame", 17, 200, true},
    {"that is much longer than its frame", 16, 255, true},
    {"of which more follows", 20, 0x20, true},
    {"that is a later fragment", 21, 1, true},
    {"whose checksum is wrong", 24, 0x77, false},
    {"from another address", 29, 3, true},
    {"from a group", 26, 224, true},
    {"to a group", 30, 224, true},
    {"to everybody", 33, 255, true},
    {"whose own checksum is wrong", 40, 0xee, false},
    {"that is an answer", 34, 0, false},
};

static void test_damaged_pings(void)
{
	struct stack *stack = open_stack(true, false);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		const struct damage *damage = &damages[i];
		const size_t length = frame_ping(frame, GATEWAY_ADDRESS, 64);
		frame[damage->offset] = damage->value;
		if (damage->mends) {
			bytes_put16(frame + 24, 0);
			bytes_put16(frame + 24,
				    checksum_finish(checksum_add(0, frame + 14, IPV4_HEAD_SIZE)));
		}
		if (!CHECK_NUMBER(ask(stack, length), 0))
			fprintf(stderr, "  a packet %s\n", damage->what);
	}
	/* Cut off anywhere, and longer than any. */
	const size_t length = frame_ping(frame, GATEWAY_ADDRESS, 64);
	for (size_t i = 0; i < length; i++)
		CHECK_NUMBER(ask(stack, i), 0);
	CHECK_NUMBER(ask(stack, STACK_FRAME_MAX + 1), 0);
	CHECK_NUMBER(ask(stack, length), length);
	free(stack);
}

static void test_damaged_arp(void)
{
	static const struct damage wrong[] = {
	    {"of another network", 15, 6, false},  {"of another protocol", 17, 6, false},
	    {"with long addresses", 18, 7, false}, {"with short addresses", 19, 3, false},
	    {"that is no question", 21, 3, false}, {"of a group", 22, 3, false}};
	struct stack *stack = open_stack(false, false);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const size_t length = frame_arp(frame, 1, GUEST_ADDRESS, GATEWAY_ADDRESS);
		frame[wrong[i].offset] = wrong[i].value;
		if (!CHECK_NUMBER(ask(stack, length), 0))
			fprintf(stderr, "  ARP %s\n", wrong[i].what);
	}
	const size_t length = frame_arp(frame, 1, GUEST_ADDRESS, GATEWAY_ADDRESS);
	for (size_t i = 0; i < length; i++)
		CHECK_NUMBER(ask(stack, i), 0);
	free(stack);
}

/* ── the connection ──────────────────────────────────────────────────────────────────────────── */

#define GUEST_PORT  8080
#define GUEST_BEGIN 0xffffff00 /* numbers wrap around soon */

static const struct tcp_segment from_guest = {
    .peer_port = GUEST_PORT, .own_port = 50000, .flags = TCP_ACK, .window = 8192};

static struct tcp *open_tcp(void)
{
	struct tcp *tcp = calloc(1, sizeof(*tcp));
	if (tcp)
		tcp_connect(tcp, 50000, GUEST_PORT, 0xfffffffe, 1460);
	return tcp;
}

static uint8_t data[65536];

/* The next segment is sent, with these flags and so many bytes. */
static bool sends(struct tcp *tcp, uint64_t now_ns, uint8_t flags, size_t length)
{
	struct tcp_segment segment;
	const bool sent = tcp_output(tcp, &segment, data, now_ns);
	const bool good = sent && (segment.flags & ~TCP_PSH) == flags && segment.length == length;
	if (!good)
		fprintf(stderr, "  sent: %d, flags %#x, %zu bytes\n", sent, segment.flags,
			segment.length);
	return good;
}

static bool sends_nothing(struct tcp *tcp, uint64_t now_ns)
{
	struct tcp_segment segment;
	return !tcp_output(tcp, &segment, data, now_ns);
}

static void answer_syn(struct tcp *tcp, uint16_t window, uint16_t size_limit)
{
	struct tcp_segment segment = from_guest;
	segment.sequence = GUEST_BEGIN;
	segment.acknowledgement = tcp->sent_most;
	segment.flags = TCP_SYN | TCP_ACK;
	segment.window = window;
	segment.size_limit = size_limit;
	tcp_input(tcp, &segment, 1);
}

static struct tcp *establish(uint16_t window, uint16_t size_limit)
{
	struct tcp *tcp = open_tcp();
	CHECK(sends(tcp, 1, TCP_SYN, 0));
	answer_syn(tcp, window, size_limit);
	CHECK_NUMBER(tcp->state, TCP_ESTABLISHED);
	CHECK(sends(tcp, 1, TCP_ACK, 0));
	CHECK(sends_nothing(tcp, 1));
	return tcp;
}

static void input(struct tcp *tcp, uint32_t sequence, uint32_t acknowledgement, uint8_t flags,
		  const char *text, uint64_t now_ns)
{
	struct tcp_segment segment = from_guest;
	segment.sequence = GUEST_BEGIN + sequence;
	segment.acknowledgement = acknowledgement;
	segment.flags = flags;
	segment.data = (const uint8_t *)text;
	segment.length = text ? strlen(text) : 0;
	tcp_input(tcp, &segment, now_ns);
}

static void test_refused(void)
{
	struct tcp *tcp = open_tcp();
	CHECK_NUMBER(tcp_due(tcp), 1);
	struct tcp_segment reset = from_guest;
	reset.flags = TCP_RST | TCP_ACK;
	reset.acknowledgement = tcp->sent_first + 1;
	tcp_input(tcp, &reset, 1); /* before anything was sent */
	CHECK_NUMBER(tcp->state, TCP_CONNECTING);
	CHECK(sends(tcp, 1, TCP_SYN, 0));
	reset.acknowledgement = tcp->sent_most + 1;
	tcp_input(tcp, &reset, 1);
	CHECK_NUMBER(tcp->state, TCP_CONNECTING);
	reset.acknowledgement = tcp->sent_most;
	tcp_input(tcp, &reset, 1);
	CHECK_NUMBER(tcp->state, TCP_REFUSED);
	CHECK_NUMBER(tcp_due(tcp), 0);
	free(tcp);
}

/* A guest that never answers is given up, after a while that grows. */
static void test_no_answer(void)
{
	struct tcp *tcp = open_tcp();
	uint64_t now_ns = 1, last_ns = 0;
	int sent = 0;
	while (tcp->state == TCP_CONNECTING && sent < 100) {
		CHECK(tcp_due(tcp) <= now_ns && tcp_due(tcp));
		if (!sends_nothing(tcp, now_ns))
			sent++;
		if (tcp->state != TCP_CONNECTING)
			break;
		CHECK(tcp_due(tcp) > now_ns);
		CHECK(tcp_due(tcp) - now_ns >= last_ns && tcp_due(tcp) - now_ns < 10000000000);
		last_ns = tcp_due(tcp) - now_ns;
		now_ns = tcp_due(tcp);
	}
	CHECK_NUMBER(tcp->state, TCP_BROKEN);
	CHECK_NUMBER(sent, 13);
	free(tcp);
}

static void test_sending(void)
{
	struct tcp *tcp = establish(3000, 1000);
	static uint8_t much[RING_SIZE + 1];
	CHECK_NUMBER(tcp_send(tcp, much, sizeof(much)), RING_SIZE);
	const uint32_t begin = tcp->sent_first;
	for (int i = 0; i < 3; i++)
		CHECK(sends(tcp, 1, TCP_ACK, 1000));
	CHECK(sends_nothing(tcp, 1)); /* the window is full */
	input(tcp, 1, begin + 1500, TCP_ACK, NULL, 1);
	for (int i = 0; i < 6; i++)
		CHECK(sends(tcp, 1, TCP_ACK, 1000));
	CHECK(sends(tcp, 1, TCP_ACK, 692)); /* 8192 from 1500 on */
	/* Never sent: ignored, but told. */
	input(tcp, 1, begin + 20000, TCP_ACK, NULL, 1);
	CHECK(sends(tcp, 1, TCP_ACK, 0));
	CHECK_NUMBER(tcp->sent_first, begin + 1500);
	/* A loss is told by repeated acknowledgements, or by silence. */
	for (int i = 0; i < 4; i++)
		input(tcp, 1, begin + 1500, TCP_ACK, NULL, 1);
	CHECK(sends(tcp, 1, TCP_ACK, 1000));
	const uint64_t due_ns = tcp_due(tcp);
	CHECK_NUMBER(due_ns, 1);
	while (!sends_nothing(tcp, 1))
		;
	CHECK(tcp_due(tcp) > 1);
	CHECK(sends(tcp, tcp_due(tcp), TCP_ACK, 1000));
	free(tcp);
}

static void test_closed_window(void)
{
	struct tcp *tcp = establish(0, 1460);
	CHECK_NUMBER(tcp_send(tcp, (const uint8_t *)"abc", 3), 3);
	CHECK(sends_nothing(tcp, 1));
	uint64_t now_ns = tcp_due(tcp);
	CHECK(now_ns > 1);
	for (int i = 0; i < 40; i++) { /* as long as the guest answers */
		struct tcp_segment closed = from_guest;
		CHECK(sends(tcp, now_ns, TCP_ACK, 1));
		closed.sequence = GUEST_BEGIN + 1;
		closed.acknowledgement = tcp->sent_first;
		closed.window = 0;
		tcp_input(tcp, &closed, now_ns);
		CHECK(tcp_due(tcp) > now_ns);
		now_ns = tcp_due(tcp);
	}
	input(tcp, 1, tcp->sent_first, TCP_ACK, NULL, now_ns);
	CHECK(sends(tcp, now_ns, TCP_ACK, 3));
	free(tcp);
}

static void test_receiving(void)
{
	struct tcp *tcp = establish(3000, 1000);
	const uint32_t ours = tcp->sent_first;
	char text[16] = {0};
	input(tcp, 4, ours, TCP_ACK, "lo", 1); /* early */
	CHECK(sends(tcp, 1, TCP_ACK, 0));
	input(tcp, 1, ours, TCP_ACK, "hel", 1);
	input(tcp, 0, ours, TCP_ACK, "?hello", 1); /* partly old */
	input(tcp, 1, ours, TCP_ACK, "hello", 1);  /* all of it */
	input(tcp, 70000, ours, TCP_ACK, "far", 1);
	input(tcp, 6, ours, 0, "no acknowledgement", 1);
	CHECK_NUMBER(tcp_receive(tcp, (uint8_t *)text, sizeof(text)), 5);
	CHECK_TEXT(text, "hello");
	CHECK(!tcp_is_at_end(tcp));
	input(tcp, 7, ours, TCP_ACK | TCP_FIN, NULL, 1); /* early */
	CHECK(!tcp->peer_closed);
	input(tcp, 6, ours, TCP_ACK | TCP_FIN, "!", 1);
	input(tcp, 6, ours, TCP_ACK | TCP_FIN, "!", 1);
	input(tcp, 8, ours, TCP_ACK, "behind the end", 1);
	CHECK(tcp->peer_closed && !tcp_is_at_end(tcp));
	CHECK_NUMBER(tcp->received_next, GUEST_BEGIN + 8);
	CHECK_NUMBER(tcp_receive(tcp, (uint8_t *)text, sizeof(text)), 1);
	CHECK(tcp_is_at_end(tcp));
	free(tcp);
}

/* A guest may send as much as it likes. */
static void test_flood(void)
{
	struct tcp *tcp = establish(3000, 1000);
	static char much[1461];
	memset(much, 'x', sizeof(much) - 1);
	for (uint32_t i = 0; i < 1000; i++)
		input(tcp, 1 + i * 1460, tcp->sent_first, TCP_ACK, much, 1);
	CHECK_NUMBER(tcp->in.count, RING_SIZE);
	struct tcp_segment segment;
	CHECK(tcp_output(tcp, &segment, data, 1) && !segment.window);
	CHECK_NUMBER(tcp_receive(tcp, data, 100), 100);
	CHECK(!tcp_has_output(tcp));
	CHECK_NUMBER(tcp_receive(tcp, data, RING_SIZE), RING_SIZE - 100);
	CHECK(tcp_output(tcp, &segment, data, 1) && segment.window == UINT16_MAX);
	free(tcp);
}

static void test_resets(void)
{
	struct tcp *tcp = establish(3000, 1000);
	const uint32_t ours = tcp->sent_first;
	input(tcp, 100000, ours, TCP_RST, NULL, 1);
	CHECK(!tcp_has_output(tcp));
	input(tcp, 5, ours, TCP_RST, NULL, 1); /* a guess, perhaps */
	CHECK(sends(tcp, 1, TCP_ACK, 0));
	input(tcp, 1, ours, TCP_SYN, NULL, 1);
	CHECK(sends(tcp, 1, TCP_ACK, 0));
	CHECK_NUMBER(tcp->state, TCP_ESTABLISHED);
	input(tcp, 1, ours, TCP_RST, NULL, 1);
	CHECK_NUMBER(tcp->state, TCP_BROKEN);
	CHECK(!tcp_due(tcp) && !tcp_send(tcp, data, 1));
	free(tcp);
	tcp = establish(3000, 1000);
	tcp_abort(tcp);
	CHECK(sends(tcp, 1, TCP_RST | TCP_ACK, 0));
	CHECK(sends_nothing(tcp, 1) && !tcp_due(tcp));
	free(tcp);
}

static void test_closing(void)
{
	struct tcp *tcp = establish(3000, 1000);
	CHECK_NUMBER(tcp_send(tcp, (const uint8_t *)"end", 3), 3);
	tcp_close(tcp);
	CHECK_NUMBER(tcp_send(tcp, data, 1), 0);
	CHECK(sends(tcp, 1, TCP_ACK | TCP_FIN, 3));
	CHECK(sends_nothing(tcp, 1));
	CHECK(sends(tcp, tcp_due(tcp), TCP_ACK | TCP_FIN, 3));
	input(tcp, 1, tcp->sent_first + 4, TCP_ACK, NULL, 1);
	CHECK(tcp->closed && !tcp_due(tcp));
	free(tcp);
}

/* Headers of segments: lengths, and options without end. */
static void test_headers(void)
{
	static const uint8_t options[][8] = {
	    {1, 1, 2, 4, 5, 0xb4, 0, 0}, {2, 4, 5, 0xb4, 0, 0, 0, 0}, {2, 0, 5, 0xb4, 0, 0, 0, 0},
	    {9, 1, 2, 4, 5, 0xb4, 0, 0}, {9, 9, 0, 0, 0, 0, 0, 0},    {1, 1, 1, 1, 1, 1, 1, 2},
	    {2, 3, 5, 0xb4, 0, 0, 0, 0}};
	static const uint16_t limits[] = {1460, 1460, 0, 0, 0, 0, 0};
	uint8_t head[28] = {0};
	struct tcp_segment segment;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		head[12] = 0x70;
		memcpy(head + TCP_HEAD_SIZE, options[i], sizeof(options[i]));
		CHECK(tcp_read(&segment, head, sizeof(head)));
		CHECK_NUMBER(segment.size_limit, limits[i]);
	}
	CHECK(!tcp_read(&segment, head, TCP_HEAD_SIZE - 1) && !tcp_read(&segment, head, 27));
	head[12] = 0x40;
	CHECK(!tcp_read(&segment, head, sizeof(head)));
	head[12] = 0xf0;
	CHECK(!tcp_read(&segment, head, sizeof(head)));
}

/* ── frames and the connection ───────────────────────────────────────────────────────────────── */

static void test_connection_in_frames(void)
{
	struct stack *stack = open_stack(false, false);
	CHECK_NUMBER(stack_due(stack), 0);
	stack_connect(stack, GUEST_PORT, 0, 1000);
	CHECK_NUMBER(stack_due(stack), 1);
	CHECK_NUMBER(stack_output(stack, answer, 5), 42); /* who has the address? */
	CHECK_NUMBER(bytes_get16(answer + 20), 1);
	CHECK_NUMBER(stack_output(stack, answer, 6), 0);
	CHECK(stack_due(stack) > 6);
	CHECK_NUMBER(stack_output(stack, answer, stack_due(stack)), 42);
	CHECK_NUMBER(ask(stack, frame_arp(frame, 2, GUEST_ADDRESS, GATEWAY_ADDRESS)), 58);
	CHECK_NUMBER(frame_payload(answer)[13], TCP_SYN);
	const uint64_t sum = frame_sum_addresses(GATEWAY_ADDRESS, GUEST_ADDRESS, 24);
	CHECK_NUMBER(checksum_finish(checksum_add(sum, frame_payload(answer), 24)), 0);
	struct tcp_segment segment = {.own_port = GUEST_PORT,
				      .peer_port = bytes_get16(frame_payload(answer)),
				      .sequence = 5,
				      .acknowledgement = 1001,
				      .flags = TCP_SYN | TCP_ACK,
				      .window = 100};
	/* Of another connection, and damaged. */
	segment.own_port++;
	CHECK_NUMBER(ask(stack, frame_segment(frame, GATEWAY_ADDRESS, &segment)), 54);
	segment.own_port--;
	const size_t length = frame_segment(frame, GATEWAY_ADDRESS, &segment);
	frame_payload(frame)[17] ^= 1;
	CHECK_NUMBER(ask(stack, length), 0);
	frame_payload(frame)[17] ^= 1;
	CHECK_NUMBER(ask(stack, length), 54);
	CHECK_NUMBER(frame_payload(answer)[13], TCP_ACK);
	CHECK_NUMBER(stack->tcp.state, TCP_ESTABLISHED);
	free(stack);
}

int main(void)
{
	test_arp();
	test_learning();
	test_ping();
	test_outgoing();
	test_damaged_pings();
	test_damaged_arp();
	test_refused();
	test_no_answer();
	test_sending();
	test_closed_window();
	test_receiving();
	test_flood();
	test_resets();
	test_closing();
	test_headers();
	test_connection_in_frames();
	return check_status();
}
