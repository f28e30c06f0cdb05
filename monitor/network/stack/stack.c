/* The stack as a whole: whose a frame is, and what is sent next; see stack.h. */
#include "stack.h"

#include <string.h>

#include "bytes.h"

#define ASK_AGAIN_NS 100000000ULL /* for the guest's address */

/* The address of our end: locally administered, the same in all machines. */
static const uint8_t own_mac[STACK_MAC_SIZE] = {0x02, 'M', 'F', 0, 0, 1};
static const uint8_t all_stations[STACK_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

_Static_assert(TCP_LIMIT_MAX == STACK_MTU - IPV4_HEAD_SIZE - TCP_HEAD_SIZE, "a segment fits");

void stack_begin(struct stack *stack, const struct stack_peer *peer, uint16_t seed)
{
	stack->peer = *peer;
	tcp_connect(&stack->tcp, 0, 0, 0, 0);
	stack->tcp.state = TCP_CLOSED;
	stack->identification = seed;
	stack->next_port = seed;
	stack->ask_again_ns = 0;
	stack->first_reply = stack->reply_count = 0;
}

void stack_connect(struct stack *stack, uint16_t port, size_t waiting, uint32_t sequence)
{
	const uint16_t own_port =
	    (uint16_t)(STACK_PORT_FIRST + stack->next_port++ % (65536 - STACK_PORT_FIRST));
	struct ring *out = &stack->tcp.out;
	const size_t first = out->first;
	tcp_connect(&stack->tcp, own_port, port, sequence, TCP_LIMIT_MAX);
	out->first = first;
	out->count = waiting;
}

/* ── frames ──────────────────────────────────────────────────────────────────────────────────── */

void ethernet_write(uint8_t *frame, const uint8_t *to, enum ether_type type)
{
	memcpy(frame, to, STACK_MAC_SIZE);
	memcpy(frame + STACK_MAC_SIZE, own_mac, STACK_MAC_SIZE);
	bytes_put16(frame + 12, (uint16_t)type);
}

void stack_input(struct stack *stack, const uint8_t *frame, size_t length, uint64_t now_ns)
{
	if (length < STACK_ETHER_HEAD || length > STACK_FRAME_MAX)
		return;
	if (memcmp(frame, own_mac, STACK_MAC_SIZE) != 0 &&
	    memcmp(frame, all_stations, STACK_MAC_SIZE) != 0)
		return;
	const uint16_t type = bytes_get16(frame + 12);
	frame += STACK_ETHER_HEAD;
	length -= STACK_ETHER_HEAD;
	if (type == ETHER_ARP)
		arp_input(stack, frame, length);
	else if (type == ETHER_IPV4)
		ipv4_input(stack, frame, length, now_ns);
}

uint8_t *stack_reply_room(struct stack *stack)
{
	const size_t next = (stack->first_reply + stack->reply_count) % STACK_REPLIES;
	return stack->reply_count < STACK_REPLIES ? stack->replies[next].frame : NULL;
}

void stack_reply(struct stack *stack, size_t length)
{
	const size_t next = (stack->first_reply + stack->reply_count++) % STACK_REPLIES;
	stack->replies[next].length = length;
}

static size_t take_reply(struct stack *stack, uint8_t *frame)
{
	const struct stack_reply *reply = &stack->replies[stack->first_reply];
	memcpy(frame, reply->frame, reply->length);
	stack->first_reply = (stack->first_reply + 1) % STACK_REPLIES;
	stack->reply_count--;
	return reply->length;
}

size_t stack_output(struct stack *stack, uint8_t *frame, uint64_t now_ns)
{
	if (stack->reply_count)
		return take_reply(stack, frame);
	if (stack->peer.is_known)
		return segment_output(stack, frame, now_ns);
	if (!tcp_due(&stack->tcp) || now_ns < stack->ask_again_ns)
		return 0;
	stack->ask_again_ns = now_ns + ASK_AGAIN_NS;
	return arp_write_question(stack, frame);
}

uint64_t stack_due(const struct stack *stack)
{
	if (stack->reply_count)
		return 1;
	const uint64_t due = tcp_due(&stack->tcp);
	if (!due || stack->peer.is_known)
		return due;
	return stack->ask_again_ns ? stack->ask_again_ns : 1;
}
