/* Telling the answer of an asynchronous call to its callback. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls/errand.h"
#include "link/fields.h"
#include "util/clock.h"

#define TELL_NS (30 * NANOSECONDS_PER_SECOND)

static void decide(struct errand *self)
{
	struct store_call *call = &self->call;
	const bool told = !self->result && self->code >= 200 && self->code < 300;
	const uint64_t retry_ns = told ? 0 : errand_retry_ns(call->attempts);
	if (self->calls->supervisor->stopping) {
		errand_drop(self); /* it is as before at the next start */
		return;
	}
	free(call->reason);
	call->reason = told ? NULL : strdup(self->reason);
	call->due_ns = clock_real_ns();
	if (told) {
		call->state = STORE_CALL_DONE;
	} else if (retry_ns) {
		call->state = STORE_CALL_ANSWERED;
		call->due_ns = retry_ns;
	} else {
		call->state = STORE_CALL_DEAD;
	}
	errand_keep(self);
}

static void note_told(struct event_loop_post *post)
{
	struct errand *self = (struct errand *)((char *)post - offsetof(struct errand, post));
	if (self->result)
		snprintf(self->reason, sizeof(self->reason), "callback: %s", self->error.text);
	else
		snprintf(self->reason, sizeof(self->reason), "callback: it answered %u",
			 self->code);
	decide(self);
}

/* From a thread of the courier's. */
static void hear_told(void *context, const struct courier_answer *answer)
{
	struct errand *self = context;
	self->result = answer->result;
	self->code = answer->status;
	if (answer->result)
		error_set(&self->error, -answer->result, "%s", answer->text);
	self->post.call = note_told;
	event_loop_post(self->calls->supervisor->loop, &self->post);
}

void errand_tell(struct errand *self)
{
	struct store_call *call = &self->call;
	cleanup_record struct record headers = RECORD_EMPTY;
	char function[512];
	snprintf(function, sizeof(function), "%s.%s", call->name, call->name_space);
	const struct courier_callback callback = {
	    .call_id = call->id,
	    .function = function,
	    .status = call->status,
	    .run_ns = call->run_ns,
	    .response_head = record_of(&call->response_head),
	};
	courier_callback_headers(&headers, &callback);
	const struct courier_call post = {
	    .url = record_find_text(record_of(&call->head), FIELD_CALLBACK, ""),
	    .headers = record_of(&headers),
	    .body = call->response,
	    .body_length = call->response_length,
	    .timeout_ns = TELL_NS,
	};
	call->attempts++;
	int result = courier_call(self->calls->courier, &post, hear_told, self, &self->error);
	if (!result)
		return;
	self->result = result;
	snprintf(self->reason, sizeof(self->reason), "%s", self->error.text);
	decide(self);
}
