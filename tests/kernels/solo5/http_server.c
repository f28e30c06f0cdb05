/* A guest of Solo5's interface with an HTTP server at 10.0.0.2, port 8080: as little of ARP, IPv4 and
 * TCP as it takes to answer one request on a link that loses nothing. It counts what it serves, which
 * tells whether a request found something of another one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"
#include "monitor/network/stack/bytes.h"

#define OUR_ADDRESS 0x0a000002
#define OUR_PORT    8080
#define OUR_BEGIN   1000 /* of our sequence numbers */
#define WAIT_NS	    3600000000000ULL
#define HEAD_SIZE   54 /* Ethernet, IPv4, TCP */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct abi_note {
	struct solo5_note note;
	struct solo5_abi abi;
};

__attribute__((section(".note.abi"), used, aligned(4))) static const struct abi_note abi_note = {
    .note = {6, sizeof(struct solo5_abi), SOLO5_NOTE_ABI, SOLO5_NOTE_NAME},
    .abi = {.target = SOLO5_HVT, .version = SOLO5_ABI_VERSION},
};

struct manifest_note {
	struct solo5_note note;
	uint32_t padding;
	uint32_t version, count;
	struct solo5_entry entries[2];
};

__attribute__((section(".note.manifest"), used,
	       aligned(8))) static const struct manifest_note manifest_note = {
    .note = {6, sizeof(struct manifest_note) - sizeof(struct solo5_note), SOLO5_NOTE_MANIFEST,
	     SOLO5_NOTE_NAME},
    .version = SOLO5_MANIFEST_VERSION,
    .count = 2,
    .entries = {{.type = SOLO5_RESERVED}, {.name = "service", .type = SOLO5_NET}},
};

static uint8_t mac[6];
static uint8_t frame[1514];
static unsigned served;
static unsigned blank_lines;	   /* of CR LF CR LF, how many bytes came */
static uint32_t expected, sent_to; /* the next sequence number of the client, and ours */

/* ── hypercalls ──────────────────────────────────────────────────────────────────────────────── */

static void call(enum solo5_hypercall number, volatile void *arguments)
{
	const uint32_t address = (uint32_t)(uintptr_t)arguments;
	const uint16_t port = (uint16_t)(SOLO5_PORT + number);
	__asm__ volatile("outl %0, %1" : : "a"(address), "d"(port) : "memory");
}

static size_t receive(void)
{
	volatile struct solo5_net_call arguments = {
	    .handle = 1, .data = (uintptr_t)frame, .length = sizeof(frame)};
	call(SOLO5_NET_READ, &arguments);
	return arguments.result ? 0 : arguments.length;
}

static void send(size_t length)
{
	volatile struct solo5_net_call arguments = {
	    .handle = 1, .data = (uintptr_t)frame, .length = length};
	call(SOLO5_NET_WRITE, &arguments);
}

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
	copy(frame, frame + 6, 6);
	copy(frame + 6, mac, 6);
}

static void answer_arp(void)
{
	uint8_t *arp = frame + 14;
	if (bytes_get16(arp + 6) != 1 || bytes_get32(arp + 24) != OUR_ADDRESS)
		return;
	turn_frame();
	bytes_put16(arp + 6, 2);
	copy(arp + 18, arp + 8, 10); /* MAC and IPv4 address of who asked */
	copy(arp + 8, mac, 6);
	bytes_put32(arp + 14, OUR_ADDRESS);
	send(42);
}

/* A segment with so many bytes, which are behind the heads already. */
static void send_segment(uint8_t flags, size_t length)
{
	uint8_t *ip = frame + 14, *tcp = frame + 34;
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
	send(HEAD_SIZE + length);
}

/* ── the server ──────────────────────────────────────────────────────────────────────────────── */

static void respond(void)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrequest ";
	const size_t length = sizeof(text) - 1;
	copy(frame + HEAD_SIZE, (const uint8_t *)text, length);
	frame[HEAD_SIZE + length] = (uint8_t)('0' + ++served % 10);
	send_segment(PSH | ACK, length + 1);
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
	const uint8_t *ip = frame + 14, *tcp = frame + 34;
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
		send_segment(SYN | ACK, 0);
	} else if (count && bytes_get32(tcp + 4) == expected) {
		expected += (uint32_t)count;
		if (head_ends(tcp + head, count))
			respond();
		else
			send_segment(ACK, 0);
	}
}

static void serve_frame(size_t length)
{
	if (length >= 42 && bytes_get16(frame + 12) == 0x0806)
		answer_arp();
	else if (length >= HEAD_SIZE && bytes_get16(frame + 12) == 0x0800)
		serve_segment(length);
}

__attribute__((used)) _Noreturn void guest_main(const struct solo5_boot *boot)
{
	const struct solo5_manifest *manifest =
	    (const struct solo5_manifest *)(uintptr_t)boot->manifest;
	copy(mac, manifest->entries[1].net.mac, sizeof(mac));
	for (;;) {
		volatile struct solo5_poll waiting = {.timeout_ns = WAIT_NS};
		size_t length;
		call(SOLO5_POLL, &waiting);
		while ((length = receive()))
			serve_frame(length);
	}
}

/* The stack is aligned as behind a call. */
__asm__(".globl _start\n"
	"_start:\n"
	"	jmp guest_main\n");
