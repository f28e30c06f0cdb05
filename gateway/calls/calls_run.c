/* Running an asynchronous call: a request of its function whose response is gathered, parsed by the courier and
 * kept. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls/errand.h"
#include "link/fields.h"
#include "util/clock.h"

static struct errand *errand_of(struct invocation *invocation)
{
	return (struct errand *)((char *)invocation - offsetof(struct errand, invocation));
}

/* ── what came of it ─────────────────────────────────────────────────────────────────────────── */

static bool is_worth_a_retry(unsigned status)
{
	return status == 408 || status == 429 || status >= 500;
}

/* It has a status now: it is run again, or told, or over. */
static void decide(struct errand *self, unsigned status)
{
	struct store_call *call = &self->call;
	const bool failed = is_worth_a_retry(status);
	const uint64_t retry_ns = failed ? errand_retry_ns(call->attempts) : 0;
	const bool is_told = record_find_text(record_of(&call->head), FIELD_CALLBACK, NULL);
	if (self->calls->supervisor->stopping) {
		errand_drop(self); /* it is as before at the next start */
		return;
	}
	call->status = status;
	free(call->reason);
	call->reason = failed || self->refused ? strdup(self->reason) : NULL;
	if (retry_ns) {
		call->state = STORE_CALL_WAITING;
		call->due_ns = retry_ns;
	} else if (is_told) {
		call->state = STORE_CALL_ANSWERED;
		call->attempts = 0;
		call->due_ns = clock_real_ns();
	} else {
		call->state = failed || self->refused ? STORE_CALL_DEAD : STORE_CALL_DONE;
		call->due_ns = clock_real_ns();
	}
	errand_keep(self);
}

static void note_parsed(struct event_loop_post *post)
{
	struct errand *self = (struct errand *)((char *)post - offsetof(struct errand, post));
	if (self->result)
		snprintf(self->reason, sizeof(self->reason), "%s", self->error.text);
	else
		snprintf(self->reason, sizeof(self->reason), "the function answered %u",
			 self->code);
	decide(self, self->result ? 502 : self->code);
}

/* From a thread of the courier's. */
static void hear_parsed(void *context, const struct courier_answer *answer)
{
	struct errand *self = context;
	struct store_call *call = &self->call;
	struct record_view head = answer->head;
	struct record_field field;
	self->result = answer->result;
	self->code = answer->status;
	if (answer->result)
		error_set(&self->error, -answer->result, "%s", answer->text);
	while (!self->result && record_next(&head, &field))
		record_add(&call->response_head, field.tag, field.key, strlen(field.key),
			   field.value, field.length);
	if (!self->result && answer->body_length) {
		call->response = malloc(answer->body_length);
		if (!call->response)
			self->result = error_set(&self->error, ENOMEM, "no memory for a response");
		else
			memcpy(call->response, answer->body, answer->body_length);
		call->response_length = call->response ? answer->body_length : 0;
	}
	self->post.call = note_parsed;
	event_loop_post(self->calls->supervisor->loop, &self->post);
}

static void parse(struct errand *self)
{
	const struct courier_output output = {
	    .contract = self->contract,
	    .method = record_find_text(record_of(&self->call.head), FIELD_METHOD, "POST"),
	    .status = self->status,
	    .data = self->output,
	    .length = self->output_length,
	};
	int result = courier_parse(self->calls->courier, &output, hear_parsed, self, &self->error);
	if (!result)
		return;
	snprintf(self->reason, sizeof(self->reason), "%s", self->error.text);
	decide(self, 503);
}

/* ── the request ─────────────────────────────────────────────────────────────────────────────── */

static int respond(struct invocation *invocation, const void *data, size_t length)
{
	struct errand *self = errand_of(invocation);
	const size_t limit = self->calls->supervisor->settings->response_limit;
	if (length > limit - self->output_length)
		return -EFBIG;
	if (self->output_length + length > self->output_room) {
		size_t room = self->output_room ? self->output_room : 4096;
		while (room < self->output_length + length)
			room *= 2;
		uint8_t *output = realloc(self->output, room);
		if (!output)
			return -ENOMEM;
		self->output = output;
		self->output_room = room;
	}
	memcpy(self->output + self->output_length, data, length);
	self->output_length += length;
	return 0;
}

static unsigned status_of(const struct mayfly_result *result)
{
	switch (result->outcome) {
	case MAYFLY_SIGNALED:
	case MAYFLY_CRASHED:
		return 500;
	case MAYFLY_DEADLINE:
		return 504;
	default:
		return 502;
	}
}

static void done(struct invocation *invocation, const struct mayfly_result *result)
{
	struct errand *self = errand_of(invocation);
	self->call.run_ns = result->run_ns;
	self->status = result->status;
	if (self->calls->supervisor->stopping && result->outcome != MAYFLY_EXITED) {
		errand_drop(self);
		return;
	}
	if (result->outcome == MAYFLY_EXITED) {
		parse(self);
		return;
	}
	snprintf(self->reason, sizeof(self->reason), "the function failed: %.*s",
		 (int)strcspn(result->text, "\n"), result->text);
	decide(self, status_of(result));
}

static int submit(struct errand *self, struct deployed *deployed, struct error *error)
{
	struct store_call *call = &self->call;
	struct revision *revision = deployed_choose(deployed);
	self->contract = (enum contract_kind)revision_description(revision)->contract;
	int result = contract_compose(self->contract, record_of(&call->head), call->body_length,
				      &self->composed, error);
	if (result)
		return result;
	self->invocation = (struct invocation){
	    .prefix = self->composed.prefix,
	    .prefix_length = self->composed.prefix_length,
	    .body = call->body,
	    .body_length = call->body_length,
	    .variables = (const char *const *)self->composed.variables,
	    .response_limit = self->calls->supervisor->settings->response_limit,
	    .respond = respond,
	    .done = done,
	};
	return revision_submit(revision, &self->invocation, error);
}

/* It does not get as far as its function. */
static void refuse(struct errand *self, unsigned status)
{
	self->refused = true;
	decide(self, status);
}

void errand_run(struct errand *self)
{
	struct store_call *call = &self->call;
	struct deployed *deployed =
	    functions_find(&self->calls->supervisor->functions, call->name_space, call->name);
	if (!deployed || !deployed->current) {
		snprintf(self->reason, sizeof(self->reason), "there is no such function");
		refuse(self, deployed ? 503 : 404);
		return;
	}
	int result = submit(self, deployed, &self->error);
	if (!result)
		return;
	snprintf(self->reason, sizeof(self->reason), "%s", self->error.text);
	refuse(self, result == -EAGAIN	 ? 429
		     : result == -EINVAL ? 400
		     : result == -E2BIG	 ? 431
					 : 503);
}
