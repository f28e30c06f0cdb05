/* Whose op runs next, where many want to run.
 *
 * There is a queue for each device. As many ops run at once as it takes (processors: one on each):
 * more would only take from each other. Who must wait is taken in the order of weighted start-time
 * fair queueing (Goyal, Vin, Cheng): each tenant has a clock that its ops wind on by the time that
 * they take, divided by its weight, and the op that begins earliest by that clock is next; of equals
 * one whose tenant has nothing running. So each tenant gets its share, however many ops it sends. One
 * more rule keeps those who ask for little from waiting for those who ask for much, whose ops nobody
 * can interrupt: a tenant that has nothing running and nothing else waiting, and is not ahead of the
 * others by more than an op, need not wait for its turn. Its op begins at once, as one more, and the
 * next of the others waits.
 *
 * A tenant may be held to so much device time of each second: its ops wait until what it has had is
 * paid for, whether or not others want the device.
 *
 * An op that goes on past its deadline does not count any more: nobody waits for what hangs.
 */
#ifndef MAYFLY_ACCELD_FAIR_QUEUE_H
#define MAYFLY_ACCELD_FAIR_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fair_queue_op;

/* Those of all tenants. */
struct fair_queue {
	unsigned limit, base; /* ops at once, now, and without a factor */
	_Atomic unsigned factor;
	pthread_mutex_t lock;
	uint64_t now; /* by the tenants' clocks: where the op that was let in last began */
	struct fair_queue_op *running;
	struct fair_queue_op *waiting, **last; /* in the order of their coming */
};

#define FAIR_QUEUE_WEIGHT 100 /* the usual one */

/* A tenant's; under the lock of `queue`. */
struct fair_queue_flow {
	struct fair_queue *queue;
	uint32_t weight;
	uint64_t time_per_s; /* ns of the device's time in each second; 0: as much as there is */
	/* CLOCK_MONOTONIC: when what it has had is paid for at that rate. */
	uint64_t paid_ns;
	/* ns of ops that it has had, for the usual weight; at least what `now` was when it came */
	uint64_t clock;
	uint64_t usual_ns; /* what its ops take */
	unsigned running, waiting;
};

/* An op's. */
struct fair_queue_op {
	struct fair_queue_flow *flow;
	uint64_t wound_ns, price_ns;	/* what has been taken for a guess of what it takes */
	uint64_t start_ns, deadline_ns; /* CLOCK_MONOTONIC; no deadline: 0 */
	bool called, stopped;
	pthread_cond_t call;
	struct fair_queue_op *next;
};

/* `limit` ops at once; 0: as many as this process has processors. */
void fair_queue_init(struct fair_queue *queue, unsigned limit);

/* No op may be left, waiting or running. */
void fair_queue_release(struct fair_queue *queue);

/* So many times as many ops at once, from now on: a plugin runs them together. Does nothing where it is
 * so already. */
void fair_queue_widen(struct fair_queue *queue, unsigned factor);

void fair_queue_join(struct fair_queue *queue, struct fair_queue_flow *flow);

/* From now on. */
void fair_queue_grant(struct fair_queue_flow *flow, uint32_t weight, uint64_t time_per_s);

/* True where the tenant has had more than others: it must not be forgotten now. */
bool fair_queue_owes(const struct fair_queue_flow *flow);

/* True while its ops wait because it has had the device time that it may have. */
bool fair_queue_must_pay(const struct fair_queue_flow *flow);

/* Waits until the op may run: 0, and it is to leave in the same thread. -ETIMEDOUT where
 * `deadline_ns` (CLOCK_MONOTONIC; 0: none) has passed before, -ECANCELED where the thread's op is
 * stopped (accel/state/op_host.h): the op is not in the queue then. */
int fair_queue_enter(struct fair_queue_op *op, struct fair_queue_flow *flow, uint64_t deadline_ns);
void fair_queue_leave(struct fair_queue_op *op);

#endif
