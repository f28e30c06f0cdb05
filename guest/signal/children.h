/* What a process' parent is told of it. */
#ifndef MAYFLY_GUEST_SIGNAL_CHILDREN_H
#define MAYFLY_GUEST_SIGNAL_CHILDREN_H

struct process;

/* The process, which is the current one, has ended: its parent gets the signal for that. If it does
 * not want to wait for children, nobody will. */
void signal_tell_end(struct process *process);

#endif
