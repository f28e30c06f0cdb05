/* A guest of Solo5's interface with an HTTP server (http/service.h). */
#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"
#include "tests/kernels/http/service.h"

#define WAIT_NS 3600000000000ULL

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
	    .handle = 1, .data = (uintptr_t)http_frame, .length = sizeof(http_frame)};
	call(SOLO5_NET_READ, &arguments);
	return arguments.result ? 0 : arguments.length;
}

void http_send(const uint8_t *frame, size_t length)
{
	if (!length)
		return;
	volatile struct solo5_net_call arguments = {
	    .handle = 1, .data = (uintptr_t)frame, .length = length};
	call(SOLO5_NET_WRITE, &arguments);
}

__attribute__((used)) _Noreturn void guest_main(const struct solo5_boot *boot)
{
	const struct solo5_manifest *manifest =
	    (const struct solo5_manifest *)(uintptr_t)boot->manifest;
	for (unsigned i = 0; i < sizeof(http_mac); i++)
		http_mac[i] = manifest->entries[1].net.mac[i];
	for (;;) {
		volatile struct solo5_poll waiting = {.timeout_ns = WAIT_NS};
		size_t length;
		call(SOLO5_POLL, &waiting);
		while ((length = receive()))
			http_serve_frame(length);
	}
}

/* The stack is aligned as behind a call. */
__asm__(".globl _start\n"
	"_start:\n"
	"	jmp guest_main\n");
