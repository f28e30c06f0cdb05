/* Fuzzes the network stack whose peer is a hostile guest. The input is a list of steps: frames as they
 * are, frames whose checksums are made right so that they come further, segments of the connection
 * near what is expected, time that passes, and what the other side of the stack does.
 *
 * Beyond not crashing: what is sent is a frame with right lengths and checksums, and what is kept stays
 * within its bounds.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../network/network_frames.h"
#include "http/response.h"

enum step {
	STEP_FRAME,
	STEP_PACKET, /* IPv4 with any protocol and payload */
	STEP_SEGMENT,
	STEP_ARP,
	STEP_TIME,
	STEP_OUTPUT,
	STEP_SEND,
	STEP_RECEIVE,
	STEP_CONNECT,
	STEP_CLOSE,
	STEP_HOLD,  /* a set-up's connection, and a clone that goes on with it */
	STEP_AGAIN, /* a segment; if it is a reset, the same is sent by another connection */
	STEPS,
};

struct input {
	const uint8_t *data;
	size_t left;
};

static void expect(bool promise)
{
	if (!promise)
		abort();
}

static uint32_t draw(struct input *input, size_t bytes)
{
	uint32_t value = 0;
	for (; bytes && input->left; bytes--, input->left--)
		value = value << 8 | *input->data++;
	return value;
}

/* The next bytes, as many as the input says. */
static size_t take(struct input *input, uint8_t *out, size_t most)
{
	size_t length = draw(input, 2) % (most + 1);
	if (length > input->left)
		length = input->left;
	memcpy(out, input->data, length);
	input->data += length;
	input->left -= length;
	return length;
}

static void feed_segment(struct stack *stack, struct input *input, uint64_t now_ns)
{
	static uint8_t frame[STACK_FRAME_MAX], data[1400];
	const struct tcp *tcp = &stack->tcp;
	struct tcp_segment segment = {
	    .own_port = tcp->peer_port,
	    .peer_port = tcp->own_port,
	    .flags = (uint8_t)draw(input, 1),
	    .window = (uint16_t)draw(input, 2),
	    .size_limit = (uint16_t)draw(input, 1),
	    .data = data,
	};
	segment.sequence = tcp->received_next + (uint32_t)(int8_t)draw(input, 1);
	segment.acknowledgement = tcp->sent_most + (uint32_t)(int8_t)draw(input, 1);
	segment.length = take(input, data, sizeof(data));
	stack_input(stack, frame, frame_segment(frame, GATEWAY_ADDRESS, &segment), now_ns);
}

static void feed_and_connect_again(struct stack *stack, struct input *input, uint64_t now_ns)
{
	const size_t waiting = stack->tcp.out.count;
	const enum tcp_state before = stack->tcp.state;
	feed_segment(stack, input, now_ns);
	if (before == TCP_ESTABLISHED && stack->tcp.state == TCP_BROKEN)
		stack_connect(stack, stack->tcp.peer_port, waiting, draw(input, 4));
}

static void hold(struct stack *stack)
{
	struct tcp *tcp = &stack->tcp;
	struct tcp_held held;
	tcp_hold(tcp);
	if (!tcp_describe_held(tcp, &held))
		return;
	tcp_take_held(tcp, &held);
	expect(tcp_is_unheard(tcp, &held) && !tcp_has_output(tcp));
}

static void check_frame(const uint8_t *frame, size_t length)
{
	const uint8_t *head = frame + STACK_ETHER_HEAD;
	expect(length >= STACK_ETHER_HEAD + 28 && length <= STACK_FRAME_MAX);
	if (bytes_get16(frame + 12) != ETHER_IPV4)
		return;
	expect(!checksum_finish(checksum_add(0, head, IPV4_HEAD_SIZE)));
	expect(bytes_get16(head + 2) == length - STACK_ETHER_HEAD);
	if (head[9] != IP_TCP)
		return;
	const size_t payload = length - STACK_ETHER_HEAD - IPV4_HEAD_SIZE;
	const uint64_t sum =
	    frame_sum_addresses(bytes_get32(head + 12), bytes_get32(head + 16), payload);
	expect(!checksum_finish(checksum_add(sum, head + IPV4_HEAD_SIZE, payload)));
}

static void check_bounds(const struct stack *stack)
{
	const struct tcp *tcp = &stack->tcp;
	expect(tcp->out.count <= RING_SIZE && tcp->in.count <= RING_SIZE);
	expect(stack->reply_count <= STACK_REPLIES);
	if (tcp->state != TCP_ESTABLISHED)
		return;
	expect(tcp->sent_next - tcp->sent_first <= tcp->out.count + 1);
	expect(tcp->sent_most - tcp->sent_first <= tcp->out.count + 1);
	expect(tcp->sent_next - tcp->sent_first <= tcp->sent_most - tcp->sent_first);
}

static void output(struct stack *stack, uint64_t now_ns)
{
	static uint8_t frame[STACK_FRAME_MAX];
	size_t length;
	int i;
	/* Without anything from the guest there is an end to what is sent. */
	for (i = 0; i < 4096 && (length = stack_output(stack, frame, now_ns)); i++)
		check_frame(frame, length);
	expect(i < 4096);
	expect(!stack_due(stack) || stack_due(stack) > now_ns);
}

static void receive(struct stack *stack, struct http_response *response)
{
	static uint8_t data[4096];
	const size_t length = tcp_receive(&stack->tcp, data, sizeof(data));
	const size_t used = http_response_read(response, data, length);
	expect(used == length || response->part == HTTP_COMPLETE);
}

static void step(struct stack *stack, struct http_response *response, struct input *input,
		 uint64_t *now_ns)
{
	static uint8_t frame[STACK_FRAME_MAX + 16];
	switch ((enum step)(draw(input, 1) % STEPS)) {
	case STEP_FRAME:
		stack_input(stack, frame, take(input, frame, sizeof(frame)), *now_ns);
		break;
	case STEP_PACKET: {
		const uint8_t protocol = (uint8_t)draw(input, 1);
		const size_t length = take(input, frame_payload(frame), 1480);
		stack_input(stack, frame, frame_ipv4(frame, GATEWAY_ADDRESS, protocol, length),
			    *now_ns);
		break;
	}
	case STEP_SEGMENT:
		feed_segment(stack, input, *now_ns);
		break;
	case STEP_ARP:
		stack_input(stack, frame, frame_arp(frame, 1, GUEST_ADDRESS, GATEWAY_ADDRESS),
			    *now_ns);
		break;
	case STEP_TIME:
		*now_ns += (uint64_t)draw(input, 2) * 1000000;
		break;
	case STEP_OUTPUT:
		output(stack, *now_ns);
		break;
	case STEP_SEND:
		tcp_send(&stack->tcp, frame, take(input, frame, STACK_FRAME_MAX));
		break;
	case STEP_RECEIVE:
		receive(stack, response);
		break;
	case STEP_CONNECT:
		stack_connect(stack, (uint16_t)draw(input, 2), 0, draw(input, 4));
		break;
	case STEP_CLOSE:
		if (draw(input, 1) & 1)
			tcp_close(&stack->tcp);
		else
			tcp_abort(&stack->tcp);
		break;
	case STEP_HOLD:
		hold(stack);
		break;
	case STEP_AGAIN:
		feed_and_connect_again(stack, input, *now_ns);
		break;
	case STEPS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stack stack;
	struct http_response response;
	struct input input = {.data = data, .left = size};
	struct stack_peer peer = {.own_address = GATEWAY_ADDRESS, .address = GUEST_ADDRESS};
	uint64_t now_ns = 1;
	peer.learns = draw(&input, 1) & 1;
	http_response_begin(&response, false);
	stack_begin(&stack, &peer, 1);
	while (input.left) {
		step(&stack, &response, &input, &now_ns);
		check_bounds(&stack);
	}
	return 0;
}
