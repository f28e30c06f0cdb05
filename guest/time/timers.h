/* Timers that send signals. */
#ifndef MAYFLY_GUEST_TIMERS_H
#define MAYFLY_GUEST_TIMERS_H

/* Of a process. */
struct timer_table;
extern struct timer_table timers_of_first;

#endif
