/* How many ops of one tenant are in flight at once: more wait. Thread-safe. */
#ifndef MAYFLY_ACCELD_OP_GATE_H
#define MAYFLY_ACCELD_OP_GATE_H

#include <pthread.h>
#include <stdint.h>

struct op_gate_waiter;

struct op_gate {
	pthread_mutex_t lock;
	unsigned inside;
	struct op_gate_waiter *waiting, **last; /* in the order of their coming */
};

void op_gate_init(struct op_gate *gate);
void op_gate_release(struct op_gate *gate);

/* Waits while there are `limit` ops inside (0: no limit): 0, and op_gate_leave() is to follow.
 * -ETIMEDOUT after `deadline_ns` (CLOCK_MONOTONIC; 0: none); -ECANCELED where the thread's op is
 * stopped. */
int op_gate_enter(struct op_gate *gate, unsigned limit, uint64_t deadline_ns);
void op_gate_leave(struct op_gate *gate);

#endif
