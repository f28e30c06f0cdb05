#include "commands/invocation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls/calls.h"
#include "calls/spans.h"
#include "commands/commands.h"
#include "link/fields.h"
#include "supervisor/peer.h"
#include "util/clock.h"

#define SENTENCE_MAX 1400

/* How long a request may wait for a machine, beside the time that it may take. */
#define QUEUE_NS (60 * NANOSECONDS_PER_SECOND)

static struct call *call_of(struct invocation *invocation)
{
	return (struct call *)invocation;
}

static int respond(struct invocation *invocation, const void *data, size_t length)
{
	struct call *call = call_of(invocation);
	int result = call_send_part(call, data, length);
	const unsigned most = arena_is_scarce(call->peer->arena, 0) ? 1 : CALL_PARTS_MAX;
	if (result || call->parts_out < most)
		return result;
	call->held = true;
	return MAYFLY_HOLD;
}

static void say_late(const struct call *call, const struct mayfly_result *result,
		     char text[SENTENCE_MAX])
{
	const struct revision *revision = call->invocation.revision;
	if (!revision || !result->run_ns)
		snprintf(text, SENTENCE_MAX, "%s had no machine for this in time", call->name);
	else
		snprintf(
		    text, SENTENCE_MAX, "%s took longer than the %g s that it may take", call->name,
		    (double)revision_description(revision)->timeout_ns / NANOSECONDS_PER_SECOND);
}

/* What a client is told where the program is not to blame, or cannot tell itself. */
static void fail(struct call *call, const struct mayfly_result *result)
{
	char text[SENTENCE_MAX];
	const char *const reason = result->text ? result->text : "";
	const char *const crash = *reason ? reason : "it crashed";
	switch (result->outcome) {
	case MAYFLY_SIGNALED:
		snprintf(text, sizeof(text), "%s was ended by signal %d", call->name,
			 result->status);
		call_fail(call, 500, 0, text);
		return;
	case MAYFLY_CRASHED:
		snprintf(text, sizeof(text), "%s: %.*s", call->name, (int)strcspn(crash, "\n"),
			 crash);
		call_fail(call, 500, 0, text);
		return;
	case MAYFLY_DEADLINE:
		say_late(call, result, text);
		call_fail(call, 504, 0, text);
		return;
	case MAYFLY_LOST:
		snprintf(text, sizeof(text), "the machine of %s was lost", call->name);
		call_fail(call, 502, 0, text);
		return;
	default:
		break;
	}
	if (call->no_room) {
		call_fail(call, 503, LINK_RETRY, "no memory for the response at the moment");
		return;
	}
	snprintf(text, sizeof(text), "%s failed: %s", call->name, reason);
	call_fail(call, result->error == -ENOMEM ? 503 : 502, 0, text);
}

static void note_times(struct call *call, const struct mayfly_result *result)
{
	struct deployed *deployed =
	    functions_find(&call->peer->supervisor->functions, call->name_space, call->name);
	if (!deployed)
		return;
	histogram_add(&deployed->queue, result->waited_ns);
	deployed->reused += result->served_before != 0;
	if (result->clone_ns)
		histogram_add(&deployed->clone, result->clone_ns);
	if (result->ops)
		histogram_add(&deployed->op, result->op_ns);
}

static void done(struct invocation *invocation, const struct mayfly_result *result)
{
	struct call *call = call_of(invocation);
	note_times(call, result);
	if (result->outcome != MAYFLY_EXITED) {
		fail(call, result);
		return;
	}
	struct link_message message = {.status = result->status};
	call_done(call, &message);
}

/* Why a request was not taken. */
static void refuse(struct call *call, int result, const struct error *error)
{
	char text[SENTENCE_MAX];
	snprintf(text, sizeof(text), "%s: %s", call->name, error->text);
	if (result == -EAGAIN)
		call_fail(call, 429, LINK_RETRY, "too many requests wait for this function");
	else if (result == -EINVAL)
		call_fail(call, 400, 0, text);
	else if (result == -E2BIG)
		call_fail(call, 431, 0, text);
	else if (result == -EBUSY || result == -ESHUTDOWN || result == -ENOMEM)
		call_fail(call, 503, LINK_RETRY, text);
	else
		call_fail(call, 500, 0, text);
}

/* ── bodies in pieces ────────────────────────────────────────────────────────────────────────── */

struct body_block {
	struct body_block *next;
	const uint8_t *data;
	size_t length, taken;
	uint64_t offset; /* in the worker's arena */
	bool is_block, last;
};

static void give_back(struct call *call, const struct body_block *block)
{
	struct link_message message = {
	    .kind = LINK_TAKEN, .flags = LINK_BLOCK, .id = call->id, .offset = block->offset};
	if (block->is_block)
		peer_send(call->peer, &message);
}

static void feed(struct call *call)
{
	while (call->more && call->state == CALL_RUNNING) {
		struct body_block *block = call->more;
		size_t taken;
		int result = revision_feed(&call->invocation, block->data + block->taken,
					   block->length - block->taken, block->last, &taken);
		block->taken += taken;
		if (result)
			return; /* later, or never: then it is done soon */
		call->more = block->next;
		if (!call->more)
			call->more_end = &call->more;
		give_back(call, block);
		free(block);
	}
}

static void wanted(struct invocation *invocation)
{
	feed(call_of(invocation));
}

static bool has_many_blocks(const struct call *call)
{
	unsigned count = 0;
	for (const struct body_block *block = call->more; block; block = block->next)
		count++;
	return count >= LINK_PIECES_LIMIT;
}

int invocation_body(struct call *call, const struct link_message *message)
{
	if (!call->invocation.fed || has_many_blocks(call))
		return -EPROTO;
	struct body_block *block = calloc(1, sizeof(*block));
	if (!block)
		return -ENOMEM;
	*block = (struct body_block){
	    .data = link_block(&call->peer->view, message),
	    .length = message->length,
	    .offset = message->offset,
	    .is_block = message->flags & LINK_BLOCK,
	    .last = message->flags & LINK_LAST,
	};
	*call->more_end = block;
	call->more_end = &block->next;
	feed(call);
	return 0;
}

void invocation_forget_body(struct call *call)
{
	while (call->more) {
		struct body_block *next = call->more->next;
		free(call->more);
		call->more = next;
	}
}

/* Of the whole body. */
static uint64_t find_length(const struct call *call)
{
	return call->flags & LINK_MORE ? call->whole_length : call->body_length;
}

/* ── the beginning ───────────────────────────────────────────────────────────────────────────── */

static void refuse_unprepared(struct call *call, const struct deployed *deployed)
{
	char text[SENTENCE_MAX];
	if (!deployed->failure) {
		call_fail(call, 503, LINK_RETRY, "the function is being prepared");
		return;
	}
	snprintf(text, sizeof(text), "%s cannot be started any more: %s", deployed->name,
		 deployed->failure);
	call_fail(call, 503, 0, text);
}

void invocation_begin(struct call *call)
{
	struct supervisor *supervisor = call->peer->supervisor;
	struct error error = {0};
	call->name = command_name_in(call->head);
	call->name_space = command_name_space_in(call->head);
	struct deployed *deployed =
	    functions_find(&supervisor->functions, call->name_space, call->name);
	if (!deployed) {
		char text[SENTENCE_MAX];
		snprintf(text, sizeof(text), "error finding function %s.%s: not found", call->name,
			 call->name_space);
		call_fail(call, 404, 0, text);
		return;
	}
	deployed->started++;
	if (call->flags & LINK_ASYNC) {
		call_keep(call);
		return;
	}
	if (!deployed->current) {
		refuse_unprepared(call, deployed);
		return;
	}
	struct revision *revision = deployed_choose(deployed);
	const struct image_description *description = revision_description(revision);
	call->contract = (uint8_t)description->contract;
	const bool unbuffered = call->flags & LINK_STREAM || description->stream;
	const bool is_server = call->contract == CONTRACT_HTTP;
	int result = contract_compose((enum contract_kind)call->contract, call->head,
				      find_length(call), &call->composed, &error);
	if (!result) {
		call->invocation = (struct invocation){
		    .prefix = call->composed.prefix,
		    .prefix_length = call->composed.prefix_length,
		    .body = call->body,
		    .body_length = call->body_length,
		    .variables = (const char *const *)call->composed.variables,
		    .fed = call->flags & LINK_MORE || (is_server && call->flags & LINK_UPGRADE),
		    .wanted = wanted,
		    .unbuffered = unbuffered,
		    .lasts = unbuffered || is_server,
		    .deadline_ns = clock_now_ns() + description->timeout_ns + QUEUE_NS,
		    .response_limit = supervisor->settings->response_limit,
		    .respond = respond,
		    .done = done,
		};
		result = revision_submit(revision, &call->invocation, &error);
	}
	if (result)
		refuse(call, result, &error);
}

void invocation_count(struct call *call, unsigned code, uint64_t total_ns)
{
	if (!call->name)
		return;
	spans_add(call->peer->supervisor->spans, call, code, total_ns);
	struct deployed *deployed =
	    functions_find(&call->peer->supervisor->functions, call->name_space, call->name);
	if (deployed)
		deployed_count(deployed, code, total_ns);
}
