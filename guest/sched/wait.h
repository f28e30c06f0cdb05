/* Waiting for children: wait4(2) and waitid(2). */
#ifndef MAYFLY_GUEST_SCHED_WAIT_H
#define MAYFLY_GUEST_SCHED_WAIT_H

#include <signal.h>

#define WAIT_CONTINUED 0xffff /* the status of a child that goes on */

struct process;

/* Where threads wait for news of processes. */
extern const char process_wait_channel;

/* SIGCHLD, as it tells of a process that came to that status. */
void wait_describe(siginfo_t *information, const struct process *process, int status);

#endif
