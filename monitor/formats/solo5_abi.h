/* The interface between Solo5 unikernels and their tender hvt: version 2 of its ABI, and version 1 of
 * the manifest, for x86-64. All numbers are little-endian.
 */
#ifndef MAYFLY_MONITOR_FORMATS_SOLO5_ABI_H
#define MAYFLY_MONITOR_FORMATS_SOLO5_ABI_H

#include <stddef.h>
#include <stdint.h>

/* ── notes in the ELF file: each is the first of a PT_NOTE of its own ────────────────────────── */

#define SOLO5_NOTE_NAME	    "Solo5"
#define SOLO5_NOTE_ABI	    0x31494241U /* "ABI1" */
#define SOLO5_NOTE_MANIFEST 0x3154464dU /* "MFT1" */

struct solo5_note {
	uint32_t name_size; /* with the NUL: 6 */
	uint32_t content_size;
	uint32_t type;
	char name[8];
};
_Static_assert(sizeof(struct solo5_note) == 20, "as the linker lays it out");

/* The manifest is aligned by 8, so that it begins so much behind its note. */
#define SOLO5_MANIFEST_PADDING 4

enum solo5_target {
	SOLO5_HVT = 1,
	SOLO5_SPT,
	SOLO5_VIRTIO,
	SOLO5_MUEN,
	SOLO5_GENODE,
	SOLO5_XEN,
};

struct solo5_abi {
	uint32_t target, version, reserved[2];
};
_Static_assert(sizeof(struct solo5_abi) == 16, "the content of the note ABI1");

#define SOLO5_ABI_VERSION 2

/* ── the manifest ────────────────────────────────────────────────────────────────────────────── */

#define SOLO5_MANIFEST_VERSION 1
#define SOLO5_ENTRIES_MAX      64
#define SOLO5_NAME_SIZE	       68 /* with the NUL */

enum solo5_type {
	SOLO5_BLOCK = 1,
	SOLO5_NET,
	SOLO5_RESERVED = 0x40000000, /* the first entry, which has no name */
};

struct solo5_entry {
	char name[SOLO5_NAME_SIZE];
	uint32_t type;
	union {
		struct {
			uint64_t capacity; /* bytes */
			uint16_t block_size;
		} block;
		struct {
			uint8_t mac[6];
			uint16_t mtu;
		} net;
		uint8_t bytes[16];
	};
	uint64_t backing; /* the tender's own; zero for the guest */
	uint8_t attached, padding[7];
};
_Static_assert(sizeof(struct solo5_entry) == 104 && offsetof(struct solo5_entry, block) == 72 &&
		   offsetof(struct solo5_entry, net.mtu) == 78 &&
		   offsetof(struct solo5_entry, backing) == 88 &&
		   offsetof(struct solo5_entry, attached) == 96,
	       "an entry of the manifest");

/* A device's handle is the index of its entry. */
struct solo5_manifest {
	uint32_t version, count;
	struct solo5_entry entries[SOLO5_ENTRIES_MAX]; /* `count` of them are there */
};
_Static_assert(offsetof(struct solo5_manifest, entries) == 8, "the manifest");

/* ── memory, and how the guest begins ────────────────────────────────────────────────────────── */

#define SOLO5_GUEST_BASE   0x100000UL /* segments lie from here on */
#define SOLO5_BOOT_ADDRESS 0x10000UL  /* boot information, manifest, command line */
#define SOLO5_MEMORY_UNIT  (2UL << 20)
#define SOLO5_MEMORY_MAX   (4UL << 30) /* hypercalls have addresses of 32 bits */
#define SOLO5_COMMAND_SIZE 8192	       /* with the NUL */

/* What the guest's entry gets in RDI. */
struct solo5_boot {
	uint64_t memory; /* bytes */
	uint64_t image_end;
	uint64_t counter_hz; /* of the time stamp counter */
	uint64_t command_line, manifest;
	uint32_t host_features, guest_features; /* bit 0: the ring for frames */
	uint64_t net_ring;
};
_Static_assert(sizeof(struct solo5_boot) == 56, "older guests read the first 40 bytes");

/* ── hypercalls: OUT of 32 bits, the address of the arguments, to SOLO5_PORT + number ─────────── */

#define SOLO5_PORT 0x500

enum solo5_hypercall {
	SOLO5_WALLTIME = 1,
	SOLO5_PUTS,
	SOLO5_POLL,
	SOLO5_BLOCK_WRITE,
	SOLO5_BLOCK_READ,
	SOLO5_NET_WRITE,
	SOLO5_NET_READ,
	SOLO5_HALT,
	SOLO5_HYPERCALLS,
};

enum solo5_result {
	SOLO5_OK,
	SOLO5_AGAIN,
	SOLO5_INVALID,	   /* EINVAL */
	SOLO5_UNSPECIFIED, /* EUNSPEC: it failed */
};

struct solo5_walltime {
	uint64_t ns; /* answer: CLOCK_REALTIME */
};

struct solo5_puts {
	uint64_t data, length;
};

struct solo5_poll {
	uint64_t timeout_ns;
	uint64_t ready; /* answer: a bit for each handle */
	int32_t result; /* answer: how many these are */
	uint32_t padding;
};

struct solo5_block_call {
	uint64_t handle, offset, data, length;
	int32_t result; /* answer */
	uint32_t padding;
};

struct solo5_net_call {
	uint64_t handle, data;
	uint64_t length; /* also an answer of SOLO5_NET_READ */
	int32_t result;	 /* answer */
	uint32_t padding;
};

struct solo5_halt {
	uint64_t cookie; /* 512 bytes for whoever looks for the cause; 0: none */
	int32_t status;
	uint32_t padding;
};

/* The status of a guest that gives up. After an exception its cookie begins with what that pushed. */
#define SOLO5_ABORT 255

struct solo5_trap {
	uint64_t cr2, error_code, rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct solo5_poll) == 24 && offsetof(struct solo5_poll, result) == 16 &&
		   sizeof(struct solo5_block_call) == 40 &&
		   offsetof(struct solo5_block_call, result) == 32 &&
		   sizeof(struct solo5_net_call) == 32 &&
		   offsetof(struct solo5_net_call, result) == 24 &&
		   sizeof(struct solo5_halt) == 16 && sizeof(struct solo5_puts) == 16,
	       "arguments of hypercalls");

#endif
