/* Frames as a guest sends them, for tests of the network stack. */
#ifndef MAYFLY_TESTS_NETWORK_FRAMES_H
#define MAYFLY_TESTS_NETWORK_FRAMES_H

#include <string.h>

#include "monitor/network/stack/bytes.h"
#include "monitor/network/stack/checksum.h"
#include "monitor/network/stack/stack.h"

#define GUEST_ADDRESS	0x0a000002
#define GATEWAY_ADDRESS 0x0a000001

static const uint8_t guest_mac[STACK_MAC_SIZE] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
static const uint8_t gateway_mac[STACK_MAC_SIZE] = {0x02, 'M', 'F', 0, 0, 1};

static inline uint8_t *frame_begin(uint8_t *frame, uint16_t type)
{
	memcpy(frame, gateway_mac, STACK_MAC_SIZE);
	memcpy(frame + STACK_MAC_SIZE, guest_mac, STACK_MAC_SIZE);
	bytes_put16(frame + 12, type);
	return frame + STACK_ETHER_HEAD;
}

static inline size_t frame_arp(uint8_t *frame, uint16_t operation, uint32_t sender, uint32_t target)
{
	uint8_t *data = frame_begin(frame, ETHER_ARP);
	memset(frame, 0xff, STACK_MAC_SIZE);
	memset(data, 0, 28);
	bytes_put16(data, 1);
	bytes_put16(data + 2, ETHER_IPV4);
	data[4] = 6;
	data[5] = 4;
	bytes_put16(data + 6, operation);
	memcpy(data + 8, guest_mac, STACK_MAC_SIZE);
	bytes_put32(data + 14, sender);
	bytes_put32(data + 24, target);
	return STACK_ETHER_HEAD + 28;
}

/* A packet around `length` bytes that are in their place already. */
static inline size_t frame_ipv4(uint8_t *frame, uint32_t destination, uint8_t protocol,
				size_t length)
{
	uint8_t *head = frame_begin(frame, ETHER_IPV4);
	memset(head, 0, IPV4_HEAD_SIZE);
	head[0] = 0x45;
	bytes_put16(head + 2, (uint16_t)(IPV4_HEAD_SIZE + length));
	head[8] = 64;
	head[9] = protocol;
	bytes_put32(head + 12, GUEST_ADDRESS);
	bytes_put32(head + 16, destination);
	bytes_put16(head + 10, checksum_finish(checksum_add(0, head, IPV4_HEAD_SIZE)));
	return STACK_ETHER_HEAD + IPV4_HEAD_SIZE + length;
}

static inline uint8_t *frame_payload(uint8_t *frame)
{
	return frame + STACK_ETHER_HEAD + IPV4_HEAD_SIZE;
}

static inline size_t frame_ping(uint8_t *frame, uint32_t destination, size_t length)
{
	uint8_t *message = frame_payload(frame);
	for (size_t i = 0; i < length; i++)
		message[i] = (uint8_t)i;
	message[0] = 8;
	message[1] = 0;
	bytes_put16(message + 2, 0);
	bytes_put16(message + 2, checksum_finish(checksum_add(0, message, length)));
	return frame_ipv4(frame, destination, IP_ICMP, length);
}

static inline uint64_t frame_sum_addresses(uint32_t one, uint32_t other, size_t length)
{
	uint8_t before[12];
	bytes_put32(before, one);
	bytes_put32(before + 4, other);
	bytes_put16(before + 8, IP_TCP);
	bytes_put16(before + 10, (uint16_t)length);
	return checksum_add(0, before, sizeof(before));
}

/* A segment of the guest: own_port is the guest's. */
static inline size_t frame_segment(uint8_t *frame, uint32_t destination,
				   const struct tcp_segment *segment)
{
	uint8_t *out = frame_payload(frame);
	const size_t head = tcp_write(segment, out), length = head + segment->length;
	if (segment->length)
		memcpy(out + head, segment->data, segment->length);
	const uint64_t sum = frame_sum_addresses(GUEST_ADDRESS, destination, length);
	bytes_put16(out + 16, checksum_finish(checksum_add(sum, out, length)));
	return frame_ipv4(frame, destination, IP_TCP, length);
}

#endif
