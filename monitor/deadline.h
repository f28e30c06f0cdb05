/* A deadline for a thread that sits in KVM_RUN: a timer whose signal sets a flag and interrupts the
 * system call. */
#ifndef MAYFLY_MONITOR_DEADLINE_H
#define MAYFLY_MONITOR_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "util/error.h"

struct deadline {
	timer_t timer;
	pid_t thread; /* whom the timer interrupts; 0: there is no timer yet */
	uint64_t armed_ns;
	volatile uint8_t *flag;
};

/* `flag` is set to one when the deadline passes. */
void deadline_init(struct deadline *deadline, volatile uint8_t *flag);

/* Interrupts the calling thread at `when_ns` (CLOCK_MONOTONIC). One system call; none where that is
 * armed already. A deadline may be left armed when its request is over: it then sets the flag for
 * nothing, and who reads the flag looks at the clock. */
int deadline_arm(struct deadline *deadline, uint64_t when_ns, struct error *error);

void deadline_release(struct deadline *deadline);

#endif
