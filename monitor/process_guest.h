/* What isolation_process.c and its helper program process_guest agree on.
 *
 * The helper is a process that becomes a guest: it maps the image, gives up all system calls but
 * those of process_filter.c, and jumps. Descriptors of the helper:
 *
 *     0  socket: brings struct process_setup with the other descriptors. Then nothing more comes;
 *        its end (the monitor closed it, or died) kills the helper, even one that spins
 *     1  memfd of the image, closed once it is mapped
 *     2  memfd of the window, closed once it is mapped
 *     3  pipe: commands from the monitor
 *     4  pipe: one byte for each hypercall, and for the answer to a command that has one
 *     5  the root image, where there is one: may be mapped, but not read or written
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

enum process_descriptor {
	PROCESS_SOCKET,
	PROCESS_IMAGE,
	PROCESS_WINDOW,
	PROCESS_COMMANDS,
	PROCESS_EVENTS,
	PROCESS_ROOT,
	PROCESS_DESCRIPTORS,
};

#define PROCESS_TICK_SIGNAL SIGUSR1

#define PROCESS_MAPPINGS_MAX 4096
#define PROCESS_FILTER_MAX   512

/* Bytes that are moved at once: a power of two pages up to this. The system call filter knows
 * these lengths. */
#define PROCESS_MOVE_MAX (2UL << 20)

struct process_mapping {
	uint64_t address, length;
	uint64_t offset;     /* in the image's memfd, or in the root image */
	uint32_t protection; /* GUEST_READ | … */
	uint32_t of_root;
};

/* One message. What follows mapping_count mappings is not sent. */
struct process_setup {
	uint64_t start, resume, syscall_entry, upcall;
	uint64_t root_size; /* of the root image; 0: there is none */
	uint32_t private;   /* the image is mapped copy-on-write */
	uint16_t filter_length, mapping_count;
	struct sock_filter filter[PROCESS_FILTER_MAX];
	struct process_mapping mappings[PROCESS_MAPPINGS_MAX];
};

enum process_command_kind {
	PROCESS_START = 1,
	PROCESS_RESUME,
	PROCESS_CONTINUE, /* return from the hypercall */
	/* These do what they are called, then send an errno as the event byte. */
	PROCESS_PROTECT, /* mprotect(2) */
	PROCESS_MOVE,	 /* the pages at `source` to `address` */
	PROCESS_SHOW,	 /* pages of the root image, from offset `source` on, at `address` */
	PROCESS_HIDE,	 /* munmap(2) */
};

struct process_command {
	uint64_t kind;
	uint64_t address, length, protection; /* PROT_READ | … */
	uint64_t source;
};

/* Sent on the socket by a helper that cannot become a guest. */
struct process_failure {
	int32_t error;
	char step[28];
};

#endif
