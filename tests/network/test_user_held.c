/* A request for a clone whose guest has given up the connection that its set-up left for it: the request comes
 * by another one, whole, however often the guest refuses that at first. The guest is played by hand. */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "monitor/network/network.h"
#include "monitor/network/user.h"
#include "monitor/slot/slot.h"
#include "network_frames.h"
#include "util/clock.h"

#define PORT	 8080
#define SENT	 1000U /* the next sequence numbers of the held connection */
#define RECEIVED 5000U
#define REFUSALS 3

static const char text[] = "GET /whole HTTP/1.1\r\n\r\n";

static struct network_link *link;
static struct slot slot;
static uint8_t frame[NETWORK_FRAME_MAX];

/* What a snapshot has of the link: see user_save(). */
static void write_state(uint8_t state[USER_STATE_SIZE])
{
	memset(state, 0, USER_STATE_SIZE);
	bytes_put32(state, GATEWAY_ADDRESS);
	bytes_put32(state + 4, GUEST_ADDRESS);
	memcpy(state + 8, guest_mac, STACK_MAC_SIZE);
	state[14] = 1;
	bytes_put16(state + 16, PORT);
	bytes_put16(state + 18, STACK_PORT_FIRST);
	bytes_put16(state + 20, TCP_LIMIT_MAX);
	bytes_put16(state + 22, UINT16_MAX);
	bytes_put32(state + 24, SENT);
	bytes_put32(state + 28, RECEIVED);
}

/* The next segment for the guest, when its time has come. False: none comes any more. */
static bool next_segment(struct tcp_segment *segment)
{
	struct error error = {0};
	for (;;) {
		enum device_next next = DEVICE_CONTINUES;
		if (!CHECK_NUMBER(network_link_serve(link, &slot, &next, &error), 0) ||
		    !CHECK_NUMBER(next, DEVICE_CONTINUES))
			return false;
		const size_t length = network_link_receive(link, frame, sizeof(frame));
		if (length)
			return CHECK(tcp_read(segment, frame_payload(frame),
					      length - STACK_ETHER_HEAD - IPV4_HEAD_SIZE));
		const uint64_t due_ns = network_link_due(link);
		if (!CHECK(due_ns))
			return false;
		const struct timespec until = clock_timespec(due_ns);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
}

/* The guest's answer to what came last: both ports are as tcp_read() has them. */
static void answer(const struct tcp_segment *to, uint8_t flags, uint32_t sequence)
{
	const struct tcp_segment segment = {
	    .own_port = PORT,
	    .peer_port = to->own_port == PORT ? to->peer_port : to->own_port,
	    .sequence = sequence,
	    .acknowledgement = to->sequence + 1,
	    .flags = flags | TCP_ACK,
	    .window = UINT16_MAX,
	    .size_limit = flags & TCP_SYN ? TCP_LIMIT_MAX : 0,
	};
	network_link_send(link, frame, frame_segment(frame, GATEWAY_ADDRESS, &segment));
}

static bool is_whole(const struct tcp_segment *segment)
{
	return segment->length == sizeof(text) - 1 &&
	       !memcmp(segment->data, text, sizeof(text) - 1);
}

static void test_given_up(int refusals)
{
	struct error error = {0};
	struct request request = {.data = text, .length = sizeof(text) - 1, .fd = -1};
	struct request_result result = {0};
	struct tcp_segment segment;
	uint8_t state[USER_STATE_SIZE];
	slot.request = &request;
	slot.result = &result;
	slot.consumed = 0;
	write_state(state);
	CHECK_NUMBER(network_link_begin(link, state, sizeof(state), &error), 0);
	if (!next_segment(&segment))
		return;
	CHECK(is_whole(&segment));
	CHECK_NUMBER(segment.sequence, SENT);
	answer(&segment, TCP_RST, RECEIVED);
	for (int i = 0; i < refusals; i++) {
		if (!next_segment(&segment) || !CHECK_NUMBER(segment.flags, TCP_SYN))
			return;
		answer(&segment, TCP_RST, 0);
	}
	if (!next_segment(&segment) || !CHECK_NUMBER(segment.flags, TCP_SYN))
		return;
	answer(&segment, TCP_SYN, RECEIVED);
	do {
		if (!next_segment(&segment))
			return;
	} while (!segment.length);
	CHECK(is_whole(&segment));
}

int main(void)
{
	struct error error = {0};
	struct networks networks;
	const char *const devices[] = {"net:service=http,port=8080", NULL};
	slot.name = "guest";
	CHECK_NUMBER(networks_parse(&networks, devices, &error), 0);
	CHECK_NUMBER(networks_open(&networks, &error), 0);
	if (!CHECK_NUMBER(window_create(&slot.window, &error), 0) ||
	    !CHECK_NUMBER(network_link_open(&networks.networks[0], &link, &error), 0))
		return check_status();
	test_given_up(0);
	test_given_up(REFUSALS);
	network_link_release(link);
	networks_release(&networks);
	window_release(&slot.window);
	return check_status();
}
