/* A network stack that is just enough to talk to a guest: Ethernet, ARP, IPv4, ICMP's echo, and one
 * TCP connection into the guest.
 *
 * The guest is the only other station, and hostile. Every length is checked; what is wrong is dropped.
 * What is kept is of fixed size: the connection's two rings, and a few replies that wait to be taken.
 * Nothing leads out of the machine: whatever address the guest opens a connection to, it is refused,
 * and other packets are answered by "prohibited".
 *
 * Frames that come from the guest are given to stack_input(); the next one for it is made when it can
 * take it, by stack_output(). Times are of CLOCK_MONOTONIC.
 */
#ifndef MAYFLY_MONITOR_NETWORK_STACK_H
#define MAYFLY_MONITOR_NETWORK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcp.h"

#define STACK_MAC_SIZE	 6
#define STACK_ETHER_HEAD 14
#define STACK_MTU	 1500
#define STACK_FRAME_MAX	 (STACK_ETHER_HEAD + STACK_MTU)
#define STACK_REPLIES	 16
#define STACK_PORT_FIRST 49152 /* of the ports for connections (RFC 6335) */

/* What is known of the guest, and is kept in a snapshot. */
struct stack_peer {
	uint32_t own_address, address; /* in the host's order of bytes */
	uint8_t mac[STACK_MAC_SIZE];
	bool is_known; /* its MAC address is */
	bool learns;   /* the addresses are guesses: those that the guest uses are taken */
};

struct stack_reply {
	size_t length;
	uint8_t frame[STACK_FRAME_MAX];
};

struct stack {
	struct stack_peer peer;
	struct tcp tcp;
	uint16_t identification; /* of the next IPv4 packet */
	uint16_t next_port;
	uint64_t ask_again_ns; /* who has the guest's address; 0: at once */
	struct stack_reply replies[STACK_REPLIES];
	size_t first_reply, reply_count;
};

/* Forgets all but what it has of the guest. `seed`: random, for ports. */
void stack_begin(struct stack *stack, const struct stack_peer *peer, uint16_t seed);

/* Opens a connection to that port of the guest; `sequence` is random. `waiting`: so many bytes were given to
 * the connection of before, and nothing of them was acknowledged; they are sent by this one. */
void stack_connect(struct stack *stack, uint16_t port, size_t waiting, uint32_t sequence);

/* A frame came from the guest. */
void stack_input(struct stack *stack, const uint8_t *frame, size_t length, uint64_t now_ns);

/* Makes the next frame for the guest in `frame`, of STACK_FRAME_MAX bytes; returns its length, 0 where
 * there is none now. */
size_t stack_output(struct stack *stack, uint8_t *frame, uint64_t now_ns);

/* From when on there is one: 1: now; 0: never. */
uint64_t stack_due(const struct stack *stack);

/* ── between its files ───────────────────────────────────────────────────────────────────────── */

enum ether_type {
	ETHER_IPV4 = 0x0800,
	ETHER_ARP = 0x0806,
};

/* An IPv4 packet that came. */
struct packet {
	uint32_t source, destination;
	uint8_t protocol;
	const uint8_t *data; /* behind the header */
	size_t length;
	const uint8_t *whole;
	size_t whole_length;
};

/* Where to put a frame that answers one, of STACK_FRAME_MAX bytes; NULL: too many wait. It is sent
 * when stack_reply() says how long it is. */
uint8_t *stack_reply_room(struct stack *stack);
void stack_reply(struct stack *stack, size_t length);

void ethernet_write(uint8_t *frame, const uint8_t *to, enum ether_type type);

/* `data`: behind Ethernet's head. */
void arp_input(struct stack *stack, const uint8_t *data, size_t length);
/* Asks for the guest's address; returns the frame's length. */
size_t arp_write_question(const struct stack *stack, uint8_t *frame);

#define IPV4_HEAD_SIZE 20
enum ip_protocol {
	IP_ICMP = 1,
	IP_TCP = 6,
};

void ipv4_input(struct stack *stack, const uint8_t *data, size_t length, uint64_t now_ns);
/* Writes the heads of Ethernet and IPv4 before `length` bytes that are, or will be, behind them;
 * returns the frame's length. */
size_t ipv4_write(struct stack *stack, uint8_t *frame, uint32_t source, uint8_t protocol,
		  size_t length);

void icmp_input(struct stack *stack, const struct packet *packet);
/* Tells the guest that it may not send that. */
void icmp_prohibit(struct stack *stack, const struct packet *packet);

/* TCP in packets: checksums, and whose a segment is. */
void segment_input(struct stack *stack, const struct packet *packet, uint64_t now_ns);
size_t segment_output(struct stack *stack, uint8_t *frame, uint64_t now_ns);

#endif
