/* The system calls that a guest with direct calls may make: a seccomp filter. */
#ifndef MAYFLY_MONITOR_PROCESS_DIRECT_FILTER_H
#define MAYFLY_MONITOR_PROCESS_DIRECT_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"
#include "monitor/isolation/direct.h"
#include "util/error.h"

/* Builds the filter of start->calls into `filter`, which has `room` instructions; *length is how
 * many there are. Each other call ends the process by SIGSYS. */
int process_direct_filter_build(const struct direct_start *start, struct sock_filter *filter,
				size_t room, uint16_t *length, struct error *error);

/* Builds the other filter, which has the monitor told when the guest makes the call that rings, and allows
 * all: where two filters differ, the stricter counts. Returns its length; 0: none rings. */
uint16_t process_ring_filter_build(const struct direct_start *start,
				   struct sock_filter filter[PROCESS_RING_FILTER_MAX]);

#endif
