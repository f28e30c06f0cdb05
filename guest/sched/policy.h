/* Scheduling policies and priorities, as far as threads are told of them. */
#ifndef MAYFLY_GUEST_POLICY_H
#define MAYFLY_GUEST_POLICY_H

struct thread;

/* What a new thread has of the one that makes it. */
void policy_inherit(struct thread *child, const struct thread *parent);

#endif
