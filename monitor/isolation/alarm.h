/* When to interrupt a guest that computes: at the time that its library OS leaves in the control
 * page. The guest may change that at any moment without telling, so the monitor also has a time of
 * its own at which it looks, and tells the guest; only for an alarm well before that time the guest
 * makes a hypercall. Threads that wake each other often so cost neither ticks nor hypercalls.
 */
#ifndef MAYFLY_MONITOR_ALARM_H
#define MAYFLY_MONITOR_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

/* Ticks are no more frequent than this, whatever a guest asks for. */
#define ALARM_TICK_MIN_NS 1000000UL

struct alarm {
	uint64_t look_ns;   /* monotonic; UINT64_MAX: never */
	uint64_t ticked_ns; /* the last tick */
	bool expected;	    /* the last request had an alarm: expect one of the next */
};

/* For a new machine, which has served no request. */
void alarm_init(struct alarm *alarm);

/* A request begins, with a control page that is zero. Where an alarm is to be expected, it will be
 * looked at after a slice, so that the guest need not ask for that. */
void alarm_begin(struct alarm *alarm, uint64_t now_ns);

/* The request is over; the control page is still as it left it. */
void alarm_end(struct alarm *alarm, const volatile struct guest_control *control);

/* The guest is about to run: returns when to look at its alarm at the latest, and tells the
 * guest. */
uint64_t alarm_next(struct alarm *alarm, volatile struct guest_control *control);

/* To be called at about that time. True: give the guest a tick now. */
bool alarm_is_due(struct alarm *alarm, volatile struct guest_control *control, uint64_t now_ns);

/* A tick is to be given now, whatever the guest wants. */
void alarm_ring(struct alarm *alarm, volatile struct guest_control *control, uint64_t now_ns);

/* The tick may not have arrived: look again soon. */
void alarm_retry(struct alarm *alarm);

#endif
