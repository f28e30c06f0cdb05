/* IPv4 (RFC 791), without fragments. */
#include "bytes.h"
#include "checksum.h"
#include "stack.h"

#define VERSION_AND_SIZE 0x45
#define DO_NOT_FRAGMENT	 0x4000
#define FRAGMENT_BITS	 0x3fff /* more follow, or it is not the first */
#define TIME_TO_LIVE	 64
#define CLASS_D		 0xe0000000 /* from here on: groups, and 255.255.255.255 */

static bool read_packet(struct packet *packet, const uint8_t *data, size_t length)
{
	if (length < IPV4_HEAD_SIZE || data[0] >> 4 != 4)
		return false;
	const size_t head = (size_t)(data[0] & 15) * 4;
	const size_t whole = bytes_get16(data + 2);
	if (head < IPV4_HEAD_SIZE || whole < head || whole > length ||
	    bytes_get16(data + 6) & FRAGMENT_BITS || checksum_finish(checksum_add(0, data, head)))
		return false;
	*packet = (struct packet){
	    .source = bytes_get32(data + 12),
	    .destination = bytes_get32(data + 16),
	    .protocol = data[9],
	    .data = data + head,
	    .length = whole - head,
	    .whole = data,
	    .whole_length = whole,
	};
	return true;
}

/* Whatever the destination, it came here: there is no other station. */
void ipv4_input(struct stack *stack, const uint8_t *data, size_t length, uint64_t now_ns)
{
	struct packet packet;
	if (!read_packet(&packet, data, length) || packet.source != stack->peer.address ||
	    !stack->peer.is_known || packet.destination >= CLASS_D ||
	    (packet.destination & 0xff) == 0xff)
		return;
	if (packet.protocol == IP_TCP)
		segment_input(stack, &packet, now_ns);
	else if (packet.protocol == IP_ICMP)
		icmp_input(stack, &packet);
	else
		icmp_prohibit(stack, &packet);
}

size_t ipv4_write(struct stack *stack, uint8_t *frame, uint32_t source, uint8_t protocol,
		  size_t length)
{
	uint8_t *head = frame + STACK_ETHER_HEAD;
	ethernet_write(frame, stack->peer.mac, ETHER_IPV4);
	head[0] = VERSION_AND_SIZE;
	head[1] = 0;
	bytes_put16(head + 2, (uint16_t)(IPV4_HEAD_SIZE + length));
	bytes_put16(head + 4, stack->identification++);
	bytes_put16(head + 6, DO_NOT_FRAGMENT);
	head[8] = TIME_TO_LIVE;
	head[9] = protocol;
	bytes_put16(head + 10, 0);
	bytes_put32(head + 12, source);
	bytes_put32(head + 16, stack->peer.address);
	bytes_put16(head + 10, checksum_finish(checksum_add(0, head, IPV4_HEAD_SIZE)));
	return STACK_ETHER_HEAD + IPV4_HEAD_SIZE + length;
}
