#include "calls/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link/fields.h"
#include "supervisor/peer.h"
#include "util/clock.h"

struct keeping {
	struct background_job job;
	struct supervisor *supervisor;
	struct call *call;
	struct store_call kept;
	int result;
	struct error error;
};

static void keep(struct background_job *job)
{
	struct keeping *self = (struct keeping *)job;
	self->result = store_call_add(self->supervisor->store, &self->kept, &self->error);
}

static void finish_keeping(struct background_job *job)
{
	struct keeping *self = (struct keeping *)job;
	if (self->result)
		call_fail(self->call,
			  self->result == -EEXIST   ? 409
			  : self->result == -ENOSPC ? 507
						    : 500,
			  0, self->error.text);
	else
		call_fail(self->call, 202, 0, "");
	if (!self->result)
		calls_note_new(self->supervisor);
	/* The body is the worker's, head and names the call's. */
	self->kept.body = NULL;
	self->kept.head = RECORD_EMPTY;
	self->kept.id = self->kept.name = self->kept.name_space = NULL;
	store_call_release(&self->kept);
	free(self);
}

void call_keep(struct call *call)
{
	struct keeping *self = calloc(1, sizeof(*self));
	if (!self) {
		call_fail(call, 503, LINK_RETRY, "no memory for this");
		return;
	}
	*self = (struct keeping){
	    .job = {.work = keep, .finished = finish_keeping},
	    .supervisor = call->peer->supervisor,
	    .call = call,
	    .kept =
		{
		    .id = (char *)record_find_text(call->head, FIELD_CALL_ID, ""),
		    .name_space = (char *)call->name_space,
		    .name = (char *)call->name,
		    .head = {.data = call->head_data, .length = call->head.length},
		    .body = (uint8_t *)call->body,
		    .body_length = call->body_length,
		    .due_ns = clock_real_ns(),
		},
	};
	background_add(self->supervisor->background, BACKGROUND_QUICK, &self->job);
}
