/* See service.h: as little of ARP, IPv4 and TCP as it takes to answer one request on a link that
 * loses nothing.
 */
#include "service.h"

#include <stdbool.h>
#include <stdint.h>

#include "monitor/network/stack/bytes.h"

#define OUR_ADDRESS 0x0a000002
#define OUR_PORT    8080
#define OUR_BEGIN   1000 /* of our sequence numbers */
#define HEAD_SIZE   54	 /* Ethernet, IPv4, TCP */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

uint8_t http_frame[HTTP_FRAME_MAX], http_mac[6];

static unsigned served;
static char wanted; /* the first letter of the path; 0: it has not come */
static uint8_t late[HTTP_FRAME_MAX];
static size_t late_length;	   /* a frame for the connection of before, which is to come late */
static unsigned blank_lines;	   /* of CR LF CR LF, how many bytes came */
static uint32_t expected, sent_to; /* the next sequence number of the client, and ours */

/* ── frames ──────────────────────────────────────────────────────────────────────────────────── */

static void copy(uint8_t *to, const uint8_t *from, size_t length)
{
	while (length--)
		*to++ = *from++;
}

static uint32_t sum(const uint8_t *data, size_t length, uint32_t before)
{
	for (; length > 1; data += 2, length -= 2)
		before += bytes_get16(data);
	return length ? before + (uint32_t)(*data << 8) : before;
}

static uint16_t fold(uint32_t before)
{
	while (before >> 16)
		before = (before & 0xffff) + (before >> 16);
	return (uint16_t)~before;
}

/* Back to where it came from. */
static void turn_frame(void)
{
	copy(http_frame, http_frame + 6, 6);
	copy(http_frame + 6, http_mac, 6);
}

static void answer_arp(void)
{
	uint8_t *arp = http_frame + 14;
	if (bytes_get16(arp + 6) != 1 || bytes_get32(arp + 24) != OUR_ADDRESS)
		return;
	turn_frame();
	bytes_put16(arp + 6, 2);
	copy(arp + 18, arp + 8, 10); /* MAC and IPv4 address of who asked */
	copy(arp + 8, http_mac, 6);
	bytes_put32(arp + 14, OUR_ADDRESS);
	http_send(http_frame, 42);
}

/* A segment with so many bytes, which are behind the heads already. */
static void send_segment(uint8_t flags, size_t length)
{
	uint8_t *ip = http_frame + 14, *tcp = http_frame + 34;
	const uint32_t client = bytes_get32(ip + 12);
	const uint16_t port = bytes_get16(tcp);
	turn_frame();
	bytes_put16(ip, 0x4500);
	bytes_put16(ip + 2, (uint16_t)(40 + length));
	bytes_put16(ip + 10, 0);
	bytes_put32(ip + 12, OUR_ADDRESS);
	bytes_put32(ip + 16, client);
	bytes_put16(ip + 10, fold(sum(ip, 20, 0)));
	bytes_put16(tcp, OUR_PORT);
	bytes_put16(tcp + 2, port);
	bytes_put32(tcp + 4, sent_to);
	bytes_put32(tcp + 8, expected);
	tcp[12] = 0x50;
	tcp[13] = flags;
	bytes_put16(tcp + 14, 65000);
	bytes_put32(tcp + 16, 0);
	bytes_put16(tcp + 16,
		    fold(sum(ip + 12, 8, 6 + 20 + (uint32_t)length) + sum(tcp, 20 + length, 0)));
	sent_to += (uint32_t)length + !!(flags & SYN);
	http_send(http_frame, HEAD_SIZE + length);
}

/* ── the server ──────────────────────────────────────────────────────────────────────────────── */

static void put_response(const char *text, size_t length)
{
	copy(http_frame + HEAD_SIZE, (const uint8_t *)text, length);
	http_frame[HEAD_SIZE + length] = (uint8_t)('0' + served % 10);
	send_segment(PSH | ACK, length + 1);
}

static void respond(void)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrequest ";
	const size_t length = sizeof(text) - 1;
	served++;
	if (wanted == 'c')
		__builtin_trap();
	if (wanted == 'b')
		send_segment(RST | ACK, 0);
	if (wanted == 'b' || wanted == 'h')
		return;
	put_response(text, length);
	late_length = wanted == 'l' ? HEAD_SIZE + length + 1 : 0;
	copy(late, http_frame, late_length);
}

/* The path begins behind "GET /". */
static void look_at_path(const uint8_t *data, size_t length)
{
	if (!wanted)
		wanted = length > 5 ? (char)data[5] : ' ';
}

/* Whether the head of the request ends in these bytes. */
static bool head_ends(const uint8_t *data, size_t length)
{
	for (; length; data++, length--) {
		const bool fits = *data == (blank_lines % 2 ? '\n' : '\r');
		blank_lines = fits ? blank_lines + 1 : *data == '\r';
		if (blank_lines == 4)
			return true;
	}
	return false;
}

static void serve_segment(size_t length)
{
	const uint8_t *ip = http_frame + 14, *tcp = http_frame + 34;
	const uint8_t flags = tcp[13];
	const size_t head = (size_t)(tcp[12] >> 4) * 4, whole = bytes_get16(ip + 2);
	if (ip[9] != 6 || bytes_get16(tcp + 2) != OUR_PORT || flags & RST || whole + 14 > length ||
	    whole < 20 + head)
		return;
	const size_t count = whole - 20 - head;
	if (flags & SYN) {
		expected = bytes_get32(tcp + 4) + 1;
		sent_to = OUR_BEGIN;
		blank_lines = 0;
		wanted = 0;
		http_send(late, late_length);
		late_length = 0;
		send_segment(SYN | ACK, 0);
	} else if (count && bytes_get32(tcp + 4) == expected) {
		expected += (uint32_t)count;
		look_at_path(tcp + head, count);
		if (head_ends(tcp + head, count))
			respond();
		else
			send_segment(ACK, 0);
	}
}

void http_serve_frame(size_t length)
{
	if (length >= 42 && bytes_get16(http_frame + 12) == 0x0806)
		answer_arp();
	else if (length >= HEAD_SIZE && bytes_get16(http_frame + 12) == 0x0800)
		serve_segment(length);
}
