/* What a monitor and all that it starts may take of the machine: the limits of its control group.
 *
 * They are a wall and not a meter: above all that a monitor needs which does what it is told, below
 * what one takes that a guest has taken over. cgroup_limits.c has the sum.
 */
#ifndef MAYFLY_MONITOR_CGROUP_LIMITS_H
#define MAYFLY_MONITOR_CGROUP_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "confine/cgroup.h"

/* What goes into the sum. */
struct cgroup_needs {
	uint64_t image_bytes; /* of one guest's memory */
	uint64_t work_bytes;  /* what comes on top; UINT64_MAX: no limit */
	uint64_t slots;	      /* that are there at a time */
	bool has_devices;     /* of a slot's guest; see cgroup_limits.c */
	bool saves;	      /* the snapshot goes into a file */
	bool shares;	      /* guests have a file for pages that are at several addresses */
};

/* `cpus` is left to the caller. */
void cgroup_limits_of_monitor(const struct cgroup_needs *needs,
			      struct confine_cgroup_limits *limits);

/* Those of a monitor without any machine. */
void cgroup_limits_of_nothing(struct confine_cgroup_limits *limits);

#endif
