/* Which MAC address has an IPv4 address (RFC 826). */
#include <string.h>

#include "bytes.h"
#include "stack.h"

#define ARP_SIZE     28
#define ARP_ETHERNET 1
#define ARP_QUESTION 1
#define ARP_ANSWER   2

struct arp {
	uint16_t operation;
	const uint8_t *sender_mac;
	uint32_t sender, target;
};

static bool read_arp(struct arp *arp, const uint8_t *data, size_t length)
{
	static const uint8_t head[] = {
	    0, ARP_ETHERNET, ETHER_IPV4 >> 8, ETHER_IPV4 & 0xff, STACK_MAC_SIZE, 4};
	if (length < ARP_SIZE || memcmp(data, head, sizeof(head)) != 0)
		return false;
	*arp = (struct arp){.operation = bytes_get16(data + 6),
			    .sender_mac = data + 8,
			    .sender = bytes_get32(data + 14),
			    .target = bytes_get32(data + 24)};
	return true;
}

static size_t write_arp(const struct stack *stack, uint8_t *frame, const uint8_t *to,
			uint16_t operation)
{
	ethernet_write(frame, to, ETHER_ARP);
	uint8_t *data = frame + STACK_ETHER_HEAD;
	bytes_put16(data, ARP_ETHERNET);
	bytes_put16(data + 2, ETHER_IPV4);
	data[4] = STACK_MAC_SIZE;
	data[5] = 4;
	bytes_put16(data + 6, operation);
	memcpy(data + 8, frame + STACK_MAC_SIZE, STACK_MAC_SIZE); /* where the frame is from */
	bytes_put32(data + 14, stack->peer.own_address);
	if (operation == ARP_ANSWER)
		memcpy(data + 18, to, STACK_MAC_SIZE);
	else
		memset(data + 18, 0, STACK_MAC_SIZE);
	bytes_put32(data + 24, stack->peer.address);
	return STACK_ETHER_HEAD + ARP_SIZE;
}

size_t arp_write_question(const struct stack *stack, uint8_t *frame)
{
	static const uint8_t all_stations[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	return write_arp(stack, frame, all_stations, ARP_QUESTION);
}

/* The guest has another address than was guessed. Our own is then the one that it asks for; or, where
 * it only tells its own, the first of its network of 24 bits that is not the guest's. */
static void learn_addresses(struct stack_peer *peer, const struct arp *arp)
{
	peer->address = arp->sender;
	peer->own_address = arp->sender >> 8 << 8 | ((arp->sender & 0xff) == 1 ? 2 : 1);
	if (arp->operation == ARP_QUESTION && arp->target != arp->sender)
		peer->own_address = arp->target;
}

/* A sender of 0.0.0.0 asks whether somebody has an address that it wants itself (RFC 5227). */
void arp_input(struct stack *stack, const uint8_t *data, size_t length)
{
	struct stack_peer *peer = &stack->peer;
	struct arp arp;
	if (!read_arp(&arp, data, length) || !arp.sender || arp.sender_mac[0] & 1)
		return;
	if (arp.sender != peer->address && peer->learns)
		learn_addresses(peer, &arp);
	if (arp.sender != peer->address)
		return;
	memcpy(peer->mac, arp.sender_mac, STACK_MAC_SIZE);
	peer->is_known = true;
	uint8_t *reply = stack_reply_room(stack);
	if (reply && arp.operation == ARP_QUESTION && arp.target == peer->own_address)
		stack_reply(stack, write_arp(stack, reply, peer->mac, ARP_ANSWER));
}
