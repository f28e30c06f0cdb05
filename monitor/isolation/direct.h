/* Guests that make system calls of the host's kernel themselves: code in a process of its own, with no
 * library OS and no hypercalls.
 *
 * Such a guest has memory from 0 on, at the same addresses inside and outside, and descriptors that
 * are open when it begins. What it may call, and with which arguments, its kind says by a table; the
 * isolation makes a filter of it that kills the process at anything else. What the guest writes to
 * DIRECT_OUTPUT stops the machine with MACHINE_OUTPUT, and its end with MACHINE_ENDED. Where a call rings,
 * the guest waits in it, and the machine stops with MACHINE_RUNG.
 */
#ifndef MAYFLY_MONITOR_DIRECT_H
#define MAYFLY_MONITOR_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIRECT_PARTS_MAX       64
#define DIRECT_DESCRIPTORS_MAX 64
#define DIRECT_CONDITIONS_MAX  3

/* The lowest address that a process can have something at; see vm.mmap_min_addr in
 * Documentation/admin-guide/sysctl/vm.rst of Linux. */
#define DIRECT_MEMORY_BASE 0x10000UL

/* Numbers of the guest's descriptors. */
#define DIRECT_OUTPUT 1
#define DIRECT_FIRST  4 /* descriptors[0]; then the others, the epoll set, and its timer */

/* Memory, in whole pages. Parts are in ascending order and do not overlap; what none covers is not
 * there. */
struct direct_part {
	uint64_t address, length;
	uint32_t protection; /* GUEST_READ | … */
	bool of_image; /* it begins with what the image has at the same offset; else with zeros */
};

/* In the place of a descriptor. */
#define DIRECT_REQUEST (-1) /* the file with the request */
#define DIRECT_WINDOW  (-2) /* that of the machine's window */

struct direct_descriptor {
	int fd;	     /* its giver's, and must outlive the machine; or one of the above */
	bool polled; /* the epoll set has it, for input */
	uint64_t poll_data;
};

enum direct_comparison {
	DIRECT_EQUAL,
	DIRECT_AT_MOST,
};

/* What an argument (1 to 6) must be. All 64 bits count. */
struct direct_condition {
	uint8_t argument;
	enum direct_comparison comparison;
	uint64_t value;
};

/* A system call that the guest may make where all conditions hold. */
struct direct_call {
	int number;
	/* Not that it may be made, which another entry says, but that it rings: it is made when the
	 * machine continues, or fails. All conditions are DIRECT_EQUAL. One call of a guest rings at
	 * most. */
	bool rings;
	size_t condition_count;
	struct direct_condition conditions[DIRECT_CONDITIONS_MAX];
};

/* How such a guest begins. Registers that are not here are zero. */
struct direct_start {
	uint64_t entry, stack;
	uint64_t argument; /* the first one of a function: RDI */
	struct direct_part parts[DIRECT_PARTS_MAX];
	size_t part_count;
	struct direct_descriptor descriptors[DIRECT_DESCRIPTORS_MAX];
	size_t descriptor_count;
	uint64_t timer_data;   /* of the timer in the epoll set */
	uint64_t request_size; /* of the file with the request; 0: there is none */
	const struct direct_call *calls;
	size_t call_count;
};

static inline int direct_epoll(const struct direct_start *start)
{
	return DIRECT_FIRST + (int)start->descriptor_count;
}

static inline int direct_timer(const struct direct_start *start)
{
	return direct_epoll(start) + 1;
}

#endif
