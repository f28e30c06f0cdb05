#include "worker/worker.h"

void worker_call_began(struct worker *worker)
{
	worker->living++;
}

void worker_call_ended(struct worker *worker)
{
	if (!--worker->living && worker->quitting)
		event_loop_stop(worker->loop);
}
