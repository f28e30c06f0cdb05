/* Queues of signals that wait to be taken. */
#ifndef MAYFLY_GUEST_SIGNAL_QUEUE_H
#define MAYFLY_GUEST_SIGNAL_QUEUE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/sched/thread.h"

#define SIGNAL_REAL_TIME 32 /* from here on each is kept as often as it was sent */

/* 0, also where it waits already; -EAGAIN where too many do. */
int signal_queue_add(struct signal_queue *queue, const siginfo_t *information, bool for_process);

/* The first of a signal of the set, faults before others, then the lowest number; 0: none. */
int signal_queue_take(struct signal_queue *queue, uint64_t set, siginfo_t *information);

/* The first of the set that any thread may have. */
bool signal_queue_take_back(struct signal_queue *queue, uint64_t set, siginfo_t *information);
void signal_queue_drop(struct signal_queue *queue, uint64_t set);

/* Those that timers sent. */
void signal_queue_drop_timers(struct signal_queue *queue);
siginfo_t *signal_queue_of_timer(struct signal_queue *queue, int signal, int timer);

#endif
