/* The guest's clock: how to read the host's time from the time stamp counter. */
#ifndef MAYFLY_MONITOR_GUEST_TIME_H
#define MAYFLY_MONITOR_GUEST_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

struct guest_time {
	bool usable;		      /* the counter is constant and never stops */
	uint64_t first_tsc, first_ns; /* the far end of the measuring base */
};

/* Begins to measure the counter's rate. */
void guest_time_init(struct guest_time *time);

/* Fills the parameters with the time of now. The rate is measured over all the time since
 * guest_time_init(): at least a millisecond (it waits for that), better the longer it runs.
 * `same_counter`: the guest reads the host's counter. */
void guest_time_fill(const struct guest_time *time, bool same_counter,
		     volatile struct guest_clock *clock);

#endif
