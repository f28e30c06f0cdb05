/* ICMP: answers to echo requests, and "prohibited" (RFC 792, RFC 1812). */
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "stack.h"

#define ICMP_HEAD_SIZE	 8
#define ICMP_ECHO_ANSWER 0
#define ICMP_UNREACHABLE 3
#define ICMP_ECHO	 8
#define CODE_PROHIBITED	 13

static void reply_icmp(struct stack *stack, uint8_t *frame, uint8_t type, uint8_t code,
		       size_t length)
{
	uint8_t *message = frame + STACK_ETHER_HEAD + IPV4_HEAD_SIZE;
	message[0] = type;
	message[1] = code;
	bytes_put16(message + 2, 0);
	bytes_put16(message + 2, checksum_finish(checksum_add(0, message, length)));
	stack_reply(stack, ipv4_write(stack, frame, stack->peer.own_address, IP_ICMP, length));
}

void icmp_prohibit(struct stack *stack, const struct packet *packet)
{
	uint8_t *reply = stack_reply_room(stack);
	if (!reply)
		return;
	/* The packet's header and eight bytes of its data tell the guest which it was. */
	const size_t head = packet->whole_length - packet->length;
	const size_t quoted = head + (packet->length < 8 ? packet->length : 8);
	uint8_t *message = reply + STACK_ETHER_HEAD + IPV4_HEAD_SIZE;
	memset(message, 0, ICMP_HEAD_SIZE);
	memcpy(message + ICMP_HEAD_SIZE, packet->whole, quoted);
	reply_icmp(stack, reply, ICMP_UNREACHABLE, CODE_PROHIBITED, ICMP_HEAD_SIZE + quoted);
}

void icmp_input(struct stack *stack, const struct packet *packet)
{
	/* Nothing is said about ICMP that is not understood (RFC 1122, section 3.2.2). */
	if (packet->length < ICMP_HEAD_SIZE || packet->data[0] != ICMP_ECHO ||
	    checksum_finish(checksum_add(0, packet->data, packet->length)))
		return;
	if (packet->destination != stack->peer.own_address) {
		icmp_prohibit(stack, packet);
		return;
	}
	uint8_t *reply = stack_reply_room(stack);
	/* Options made room in the question that the answer does not have: it is never longer. */
	if (!reply)
		return;
	memcpy(reply + STACK_ETHER_HEAD + IPV4_HEAD_SIZE, packet->data, packet->length);
	reply_icmp(stack, reply, ICMP_ECHO_ANSWER, 0, packet->length);
}
