/* Timers that send signals. */
#ifndef MAYFLY_GUEST_TIMERS_H
#define MAYFLY_GUEST_TIMERS_H

struct process;

/* Of a process. */
struct timer_table;
extern struct timer_table timers_of_first;

/* A process that begins has none that runs; with its end they go. 0 or -ENOMEM. */
int timers_create(struct process *process);
void timers_release(struct process *process);

/* Another program begins: those of timer_create(2) go, with the signals that they have sent and that
 * nobody took yet. Those of setitimer(2) stay. */
void timers_delete_all(void);

#endif
