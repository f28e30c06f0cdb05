/* Ops in flight; see op_gate.h. */
#include "acceld/tenants/op_gate.h"

#include <errno.h>
#include <stdbool.h>

#include "accel/state/op_host.h"
#include "util/clock.h"
#include "util/lock.h"

struct op_gate_waiter {
	struct op_gate *gate;
	pthread_cond_t changed;
	bool called, stopped;
	struct op_gate_waiter *next;
};

void op_gate_init(struct op_gate *gate)
{
	*gate = (struct op_gate){0};
	gate->last = &gate->waiting;
	pthread_mutex_init(&gate->lock, NULL);
}

void op_gate_release(struct op_gate *gate)
{
	pthread_mutex_destroy(&gate->lock);
}

static void stop_waiter(void *context)
{
	struct op_gate_waiter *waiter = context;
	lock_scoped(&waiter->gate->lock);
	waiter->stopped = true;
	pthread_cond_signal(&waiter->changed);
}

/* With the lock held, as is the next one. */
static void remove_waiter(struct op_gate *gate, struct op_gate_waiter **place)
{
	struct op_gate_waiter *waiter = *place;
	*place = waiter->next;
	if (gate->last == &waiter->next)
		gate->last = place;
}

/* Whoever leaves hands its place over, so nobody can push in. */
static int wait_for_place(struct op_gate *gate, struct op_gate_waiter *waiter, uint64_t deadline_ns)
{
	const struct timespec until = clock_timespec(deadline_ns);
	int late = 0;
	*gate->last = waiter;
	gate->last = &waiter->next;
	while (!waiter->called && !waiter->stopped && !late)
		late = deadline_ns ? pthread_cond_clockwait(&waiter->changed, &gate->lock,
							    CLOCK_MONOTONIC, &until)
				   : pthread_cond_wait(&waiter->changed, &gate->lock);
	if (waiter->called)
		return 0;
	struct op_gate_waiter **place = &gate->waiting;
	while (*place != waiter)
		place = &(*place)->next;
	remove_waiter(gate, place);
	return waiter->stopped ? -ECANCELED : -ETIMEDOUT;
}

int op_gate_enter(struct op_gate *gate, unsigned limit, uint64_t deadline_ns)
{
	{
		lock_scoped(&gate->lock);
		if (!limit || (gate->inside < limit && !gate->waiting)) {
			gate->inside++;
			return 0;
		}
	}
	/* Not with the lock held: whoever stops the op has another one when it comes here. */
	struct op_gate_waiter waiter = {.gate = gate};
	pthread_cond_init(&waiter.changed, NULL);
	int result = mayfly_op_on_stop(stop_waiter, &waiter) ? -ECANCELED : 0;
	if (!result) {
		lock_scoped(&gate->lock);
		if (gate->inside < limit && !gate->waiting)
			gate->inside++;
		else
			result = wait_for_place(gate, &waiter, deadline_ns);
	}
	mayfly_op_on_stop(NULL, NULL);
	pthread_cond_destroy(&waiter.changed);
	return result;
}

void op_gate_leave(struct op_gate *gate)
{
	lock_scoped(&gate->lock);
	struct op_gate_waiter *next = gate->waiting;
	if (!next) {
		gate->inside--;
		return;
	}
	remove_waiter(gate, &gate->waiting);
	next->called = true;
	pthread_cond_signal(&next->changed);
}
