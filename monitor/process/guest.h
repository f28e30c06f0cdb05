/* What isolation.c and its helper program process_guest agree on.
 *
 * The helper is a process that becomes a guest: it maps the image, gives up all system calls but
 * those of filter.c, and jumps. Descriptors of the helper:
 *
 *     0  socket: brings struct process_setup with the other descriptors. Then nothing more comes;
 *        its end (the monitor closed it, or died) kills the helper, even one that spins
 *     1  memfd of the image, closed once it is mapped
 *     2  memfd of the window, closed once it is mapped
 *     3  pipe: commands from the monitor
 *     4  pipe: one byte for each hypercall, and for the answer to a command that has one
 *     5  memfd of pages that are at several addresses: may be mapped. It is this process's alone
 *     6  the root image, where there is one: may be mapped, but not read or written
 *
 * A guest with direct calls has descriptors of its own from DIRECT_FIRST on, no window, and the
 * image and the commands only until it begins:
 *
 *     0  the same socket
 *     1  pipe: what the guest writes
 *     2  memfd of the image
 *     3  pipe: the one command to start
 *
 * Where one of its calls rings, the helper sends the listener of that filter by the socket: a message of
 * one byte.
 *
 * PROCESS_TICK_SIGNAL interrupts the program for a tick.
 *
 * Pipes, because their wake-ups put both sides on one processor: a round trip takes 2.3 µs where
 * futexes, sockets and eventfds take 50 on two (virtual) processors.
 */
#ifndef MAYFLY_MONITOR_PROCESS_GUEST_H
#define MAYFLY_MONITOR_PROCESS_GUEST_H

#include <linux/filter.h>
#include <signal.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"
#include "monitor/isolation/direct.h"

enum process_descriptor {
	PROCESS_SOCKET,
	PROCESS_IMAGE,
	PROCESS_WINDOW,
	PROCESS_COMMANDS,
	PROCESS_EVENTS,
	PROCESS_SHARED,
	PROCESS_ROOT,
	PROCESS_DESCRIPTORS,
};

enum process_direct_descriptor {
	PROCESS_DIRECT_IMAGE = DIRECT_OUTPUT + 1,
	PROCESS_DIRECT_COMMANDS,
};
_Static_assert(PROCESS_DIRECT_COMMANDS + 1 == DIRECT_FIRST, "the guest's own follow");

#define PROCESS_TICK_SIGNAL SIGUSR1

#define PROCESS_MAPPINGS_MAX	  4096
#define PROCESS_FILTER_MAX	  512
#define PROCESS_DIRECT_FILTER_MAX 4096 /* BPF_MAXINSNS: what Linux takes */
#define PROCESS_RING_FILTER_MAX	  (4 + 4 * DIRECT_CONDITIONS_MAX)

/* Bytes that are moved at once. */
#define PROCESS_MOVE_MAX GUEST_MAP_MAX

/* Addresses below the pool that are nobody else's. Pages of an address space that is not the current
 * one lie there where another space has something at theirs: those of the pool, then those of the
 * program's regions (places.h). The last is for pages that are on their way into the file of shared
 * ones. */
#define PROCESS_PARKED_POOL    0x6b8000000000UL
#define PROCESS_PARKED_REGIONS 0x6bc000000000UL
#define PROCESS_PASSAGE	       0x6b7000000000UL

enum process_source {
	PROCESS_OF_IMAGE,
	PROCESS_OF_ROOT,
	PROCESS_OF_POOL,    /* pages of the pool, which stay where they are as well */
	PROCESS_FOR_OTHERS, /* such pages, which are at no other address now: they go to the file */
};

struct process_mapping {
	uint64_t address, length;
	uint64_t
	    offset; /* in the image's memfd, in the root image; or where pages of the pool are */
	uint32_t protection; /* GUEST_READ | … */
	uint32_t source;     /* enum process_source */
};

enum process_setup_kind {
	PROCESS_WITH_LIBRARY_OS = 1,
	PROCESS_WITH_DIRECT_CALLS,
};

/* One message. What follows mapping_count mappings is not sent. */
struct process_setup {
	uint64_t kind; /* enum process_setup_kind */
	uint64_t start, resume, syscall_entry, upcall;
	uint64_t root_size; /* of the root image; 0: there is none */
	uint32_t private;   /* the image is mapped copy-on-write */
	uint16_t filter_length, mapping_count;
	struct sock_filter filter[PROCESS_FILTER_MAX];
	struct process_mapping mappings[PROCESS_MAPPINGS_MAX];
};

/* The other message, for a guest with direct calls. What follows filter_length instructions is not
 * sent. */
struct process_direct_setup {
	uint64_t kind;
	uint64_t entry, stack, argument;
	uint64_t timer_data;
	uint16_t part_count, descriptor_count, filter_length, ring_length;
	struct sock_filter ring[PROCESS_RING_FILTER_MAX];
	struct direct_part parts[DIRECT_PARTS_MAX];
	struct direct_descriptor descriptors[DIRECT_DESCRIPTORS_MAX]; /* .fd does not count */
	struct sock_filter filter[PROCESS_DIRECT_FILTER_MAX];
};

enum process_command_kind {
	PROCESS_START = 1,
	PROCESS_RESUME,
	PROCESS_CONTINUE, /* return from the hypercall */
	/* These do what they are called, then send an errno as the event byte. */
	PROCESS_PROTECT, /* mprotect(2) */
	PROCESS_MOVE,	 /* the pages at `source` to `address` */
	PROCESS_SHOW,	 /* pages of the root image, from offset `source` on, at `address` */
	PROCESS_SHARE,	 /* the pages at `source` of the pool, or parked, at `address` as well */
	PROCESS_REPEAT,	 /* the same for pages that are shared already */
	PROCESS_PASS,	 /* and for pages that are to be repeated later */
	PROCESS_HIDE,	 /* munmap(2) */
};

struct process_command {
	uint32_t kind;
	uint32_t protection; /* PROT_READ | … */
	uint64_t address, length, source;
	uint64_t unanswered; /* no event is sent; but where it fails, the process ends */
};

/* Commands that are written together, and may be read so: a pipe takes all or none of them. */
#define PROCESS_BATCH_MAX 100
_Static_assert(PROCESS_BATCH_MAX * sizeof(struct process_command) <= 4096, "PIPE_BUF");

/* Sent on the socket by a helper that cannot become a guest. */
struct process_failure {
	int32_t error;
	char step[28];
};

#endif
