/* Commands for a guest process that go to it together, and that it answers only where it must.
 *
 * Where one fails, the process ends: what it would have for memory nobody knows. That is told by the
 * next run() of the machine, and is the guest's affair, which can have caused it. */
#ifndef MAYFLY_MONITOR_PROCESS_BATCH_H
#define MAYFLY_MONITOR_PROCESS_BATCH_H

#include <stddef.h>

#include "machine.h"

struct process_batch {
	struct machine_process *self;
	size_t count;
	struct process_command commands[PROCESS_BATCH_MAX];
};

void process_batch_add(struct process_batch *batch, const struct process_command *command);

/* Sends what was not sent on the way. */
void process_batch_end(struct process_batch *batch);

#endif
