/* Commands that go together; see batch.h. */
#include "batch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

static void send_all(struct process_batch *batch)
{
	struct machine_process *self = batch->self;
	if (batch->count && !self->failed)
		self->failed = process_machine_send(self, batch->commands, batch->count);
	batch->count = 0;
}

/* Waits until all has been done that was sent: the pipe has room for as much again. */
static void await_all(struct machine_process *self)
{
	uint8_t code;
	if (self->failed)
		return;
	self->failed = process_machine_await(self, self->deadline_ns, &code);
	if (self->failed || !code)
		return;
	log_info("a guest process could not change its memory: %s", strerror(code));
	self->failed = -EAGAIN; /* its end, for run() */
}

void process_batch_add(struct process_batch *batch, const struct process_command *command)
{
	struct process_command *next = &batch->commands[batch->count++];
	*next = *command;
	next->unanswered = batch->count < PROCESS_BATCH_MAX;
	if (next->unanswered)
		return;
	send_all(batch);
	await_all(batch->self);
}

void process_batch_end(struct process_batch *batch)
{
	send_all(batch);
}
