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
	pid_t thread;	   /* whom the timer interrupts; 0: there is no timer yet */
	uint64_t armed_ns; /* 0: never armed */
	volatile uint8_t *flag;
};

/* `flag` is set to one when the deadline passes. */
void deadline_init(struct deadline *deadline, volatile uint8_t *flag);

/* Interrupts the calling thread at `when_ns` (CLOCK_MONOTONIC) or earlier. No system call for the
 * timer where it is armed for an earlier time that is still to come, as it is when one short
 * request follows another: who is interrupted looks at the clock, and where it was too early arms
 * anew. */
int deadline_arm(struct deadline *deadline, uint64_t when_ns, struct error *error);

void deadline_release(struct deadline *deadline);

#endif
