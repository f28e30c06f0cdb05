/* The call of a guest that rings (monitor/isolation/direct.h): it waits in the kernel, which tells the
 * holder of a listener. See seccomp_unotify(2). */
#ifndef MAYFLY_MONITOR_PROCESS_RING_H
#define MAYFLY_MONITOR_PROCESS_RING_H

#include "machine.h"

/* Takes the listener, which can be read from the guest's socket. 0 or a negative errno. */
int process_ring_receive(struct machine_process *self);

/* The listener is ready: notes in self->rung which call waits; 0, where the guest has ended meanwhile, or
 * a call that was made again has been answered. 0 or a negative errno. */
int process_ring_take(struct machine_process *self);

/* Has the call that waits made, or failed. 0 or a negative errno. */
int process_ring_answer(struct machine_process *self, int answer);

#endif
