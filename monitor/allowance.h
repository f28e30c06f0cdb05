/* What a monitor and all that it starts may take of the machine: the limits of its control group.
 *
 * They are a wall and not a meter: above all that a monitor needs which does what it is told, below
 * what one takes that a guest has taken over. allowance.c has the sum.
 */
#ifndef MAYFLY_MONITOR_ALLOWANCE_H
#define MAYFLY_MONITOR_ALLOWANCE_H

#include <stdint.h>

#include "confine/cgroup.h"
#include "monitor.h"

/* Each monitor of the command has one slot. */
#define ALLOWANCE_SLOTS 1

/* For `slots` machines that are there at a time; monitor_limits->work_bytes comes on top. */
void allowance_of_monitor(const struct monitor *monitor, const struct monitor_limits *wanted,
			  uint64_t slots, struct confine_cgroup_limits *limits);

/* Those of a monitor without any machine. */
void allowance_of_nothing(struct confine_cgroup_limits *limits);

#endif
