/* TCP segments in IPv4 packets: checksums, and whose a segment is. */
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "stack.h"

/* Of what stands before a segment when its checksum is made (RFC 9293, section 3.1). */
static uint64_t sum_addresses(uint32_t source, uint32_t destination, size_t length)
{
	uint8_t before[12];
	bytes_put32(before, source);
	bytes_put32(before + 4, destination);
	bytes_put16(before + 8, IP_TCP);
	bytes_put16(before + 10, (uint16_t)length);
	return checksum_add(0, before, sizeof(before));
}

/* The head of a segment before its data, which are in their place already. */
static size_t write_segment(struct stack *stack, uint8_t *frame, uint32_t source,
			    const struct tcp_segment *segment)
{
	uint8_t *out = frame + STACK_ETHER_HEAD + IPV4_HEAD_SIZE;
	const size_t length = tcp_write(segment, out) + segment->length;
	const uint64_t sum = sum_addresses(source, stack->peer.address, length);
	bytes_put16(out + 16, checksum_finish(checksum_add(sum, out, length)));
	return ipv4_write(stack, frame, source, IP_TCP, length);
}

/* From whatever address the guest wanted. */
static void refuse(struct stack *stack, const struct packet *packet,
		   const struct tcp_segment *segment)
{
	struct tcp_segment reset;
	uint8_t *reply = stack_reply_room(stack);
	if (reply && tcp_refuse(segment, &reset))
		stack_reply(stack, write_segment(stack, reply, packet->destination, &reset));
}

void segment_input(struct stack *stack, const struct packet *packet, uint64_t now_ns)
{
	struct tcp_segment segment;
	const uint64_t sum = sum_addresses(packet->source, packet->destination, packet->length);
	if (checksum_finish(checksum_add(sum, packet->data, packet->length)) ||
	    !tcp_read(&segment, packet->data, packet->length))
		return;
	if (packet->destination == stack->peer.own_address && tcp_owns(&stack->tcp, &segment))
		tcp_input(&stack->tcp, &segment, now_ns);
	else
		refuse(stack, packet, &segment);
}

size_t segment_output(struct stack *stack, uint8_t *frame, uint64_t now_ns)
{
	struct tcp_segment segment;
	/* A segment with data has no options. */
	uint8_t *data = frame + STACK_ETHER_HEAD + IPV4_HEAD_SIZE + TCP_HEAD_SIZE;
	if (!tcp_output(&stack->tcp, &segment, data, now_ns))
		return 0;
	return write_segment(stack, frame, stack->peer.own_address, &segment);
}
