/* Stopping an op that another thread runs; see op_host.h and mayfly/plugin.h. */
#include <stddef.h>

#include "accel/state/op_host.h"
#include "util/lock.h"

static _Thread_local struct mayfly_op_stop *op_stop;

void mayfly_op_set_stop(struct mayfly_op_stop *stop)
{
	op_stop = stop;
}

void mayfly_op_stop(struct mayfly_op_stop *stop)
{
	lock_scoped(&stop->lock);
	if (stop->stopped)
		return;
	stop->stopped = true;
	if (stop->stop)
		stop->stop(stop->context);
}

bool mayfly_op_is_stopped(void)
{
	if (!op_stop)
		return false;
	lock_scoped(&op_stop->lock);
	return op_stop->stopped;
}

bool mayfly_op_on_stop(void (*function)(void *context), void *context)
{
	if (!op_stop)
		return false;
	lock_scoped(&op_stop->lock);
	op_stop->stop = function;
	op_stop->context = context;
	return op_stop->stopped;
}
