/* The system calls that a guest under process isolation may make: a seccomp filter. */
#ifndef MAYFLY_MONITOR_PROCESS_FILTER_H
#define MAYFLY_MONITOR_PROCESS_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Builds the filter into `filter`, which has `room` instructions; *length is how many there are. */
int process_filter_build(struct sock_filter *filter, size_t room, uint16_t *length,
			 struct error *error);

#endif
