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

/* Interrupts the calling thread at `when_ns` (CLOCK_MONOTONIC) or earlier. A timer that is armed
 * for an earlier time, as when one short request follows another, is left as it is, which saves a
 * system call: the thread looks at the clock when it is interrupted, and arms anew if it was too
 * early. */
int deadline_arm(struct deadline *deadline, uint64_t when_ns, struct error *error);

/* Afterwards the flag is left alone, and may be unmapped. That holds in the thread that armed the
 * timer last, or once that has ended: a signal may be on its way to it. */
void deadline_release(struct deadline *deadline);

#endif
