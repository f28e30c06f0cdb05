#include "worker/handler.h"

#include <stdlib.h>

#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"
#include "worker/call.h"
#include "worker/command.h"
#include "worker/invoke.h"
#include "worker/page.h"
#include "worker/response.h"

/* What a body may have that nobody wants any more: so that its client gets to read why. */
#define DISCARD_MAX (1U << 20)

/* The largest body of a command. */
#define COMMAND_BODY_MAX (1U << 20)

/* A block up to this size is not missed for a moment. */
#define SOON_MAX (64U << 10)

/* The supervisor has nothing of it any more. */
static void forget(struct call *call)
{
	if (call_table_remove(&call->worker->calls, &call->entry))
		call_put(call);
}

/* ── of the server ───────────────────────────────────────────────────────────────────────────── */

static void begin_call(struct call *call, enum route_listener listener)
{
	static const char *const reasons[] = {"there is nothing here", "not by this method"};
	const unsigned status =
	    route_find(listener, call->head->method, call->head->path, &call->match);
	if (status)
		call_refuse(call, status, reasons[status == 405]);
	else if (call_is_of_function(call))
		invoke_begin(call);
	else if (call->match.route->kind == ROUTE_COMMAND)
		command_begin(call);
}

static unsigned handle_begin(void *context, struct http_exchange *exchange,
			     const struct http_head *head, void **state)
{
	const struct listener *listener = context;
	struct call *call = call_new(listener->worker, exchange, head);
	if (!call)
		return 503;
	begin_call(call, listener->kind);
	*state = call;
	return 0;
}

/* Of a body that nobody wants; a status where there is too much of it. */
static unsigned discard(struct call *call, unsigned status)
{
	return call->submitted || call->received > DISCARD_MAX ? status : 0;
}

static unsigned handle_body(void *state, const void *data, size_t length)
{
	struct call *call = state;
	lock_scoped(&call->lock);
	call->received += length;
	if (call->refusal.status)
		return discard(call, call->refusal.status);
	if (call->early_done)
		return call->early_code >= 400 ? discard(call, call->early_code) : 0;
	if (call_is_of_function(call))
		invoke_body(call, data, length);
	else if (call->received > COMMAND_BODY_MAX)
		return 413;
	else if (call->match.route->kind == ROUTE_COMMAND)
		command_body(call, data, length);
	return call->submitted ? call->refusal.status : 0;
}

static void handle_early(struct call *call);

static void handle_complete(void *state)
{
	struct call *call = state;
	lock_scoped(&call->lock);
	call->complete = true;
	if (call->match.route && call->match.route->kind == ROUTE_COMMAND)
		command_complete(call);
	else if (call->refusal.status)
		response_say(call, call->refusal.status, call->refusal.error.text,
			     call->refusal.status == 503 ? LINK_RETRY : 0);
	else if (call_is_of_function(call))
		invoke_complete(call);
	else
		page_answer(call);
	handle_early(call);
}

static void write_log(const struct call *call)
{
	const struct access_entry entry = {
	    .time_ns = call->started_real_ns,
	    .client = call->head->client,
	    .method = call->head->method,
	    .path = call->head->path,
	    .query = call->head->query,
	    .call_id = call->call_id,
	    .status = call->final_status,
	    .received = call->received,
	    .sent = call->sent,
	    .total_ns = call->total_ns,
	};
	access_log_write(&call->worker->log, &entry);
}

/* The answer is over: tells the supervisor, which has said its last word. */
static void finish(struct call *call, const struct link_message *done)
{
	const struct link_message message = {
	    .kind = LINK_FINISHED,
	    .id = call->entry.id,
	    .flags = done->flags & LINK_BLOCK,
	    .offset = done->offset,
	    .length = done->length,
	    .code = call->final_status,
	    .total_ns = call->total_ns,
	};
	/* The supervisor only counts, and takes a block back. */
	if (message.length <= SOON_MAX)
		link_port_send_soon(call->worker->port, message);
	else
		link_port_send(call->worker->port, message);
}

/* The client is gone: tells the supervisor. Whether it has said its last word. */
static bool let_go(struct call *call)
{
	const struct link_message message = {
	    .kind = LINK_CANCEL, .id = call->entry.id, .code = call->final_status};
	for (size_t i = 0; i < call->early_count; i++) {
		if (call->early[i].kind == LINK_DONE)
			call->done_message = call->early[i];
		else
			call_acknowledge(call->worker, &call->early[i]);
	}
	call->early_count = 0;
	if (call->done_message.kind == LINK_DONE)
		finish(call, &call->done_message);
	else if (call->submitted)
		link_port_send(call->worker->port, message);
	return call->done_message.kind == LINK_DONE;
}

static unsigned final_status(const struct call *call, bool sent)
{
	if (call->cut)
		return 502;
	return sent && call->status ? call->status : CALL_STATUS_GONE;
}

static void handle_gone(void *state, bool sent)
{
	struct call *call = state;
	bool over;
	{
		lock_scoped(&call->lock);
		call->final_status = final_status(call, sent);
		call->total_ns = clock_now_ns() - call->started_ns;
		over = let_go(call);
		write_log(call);
		call->exchange = NULL;
		call->head = NULL;
	}
	if (over)
		forget(call);
	call_put(call);
}

const struct http_handler handler = {
    .begin = handle_begin,
    .body = handle_body,
    .complete = handle_complete,
    .gone = handle_gone,
};

/* ── of the loop ─────────────────────────────────────────────────────────────────────────────── */

static void take_back(struct call *call, const struct link_message *message)
{
	if (!body_take_back(&call->body, message->offset))
		log_warn("the supervisor is done with a block that it did not have");
	if (!call->exchange || !call->paused || call->body.away_count >= LINK_PIECES_MAX)
		return;
	call->paused = false;
	http_resume(call->exchange);
}

static void act_on_done(struct call *call, const struct link_message *message)
{
	call->done_message = *message;
	if (call_is_of_function(call))
		invoke_done(call, message);
	else
		command_done(call, message);
}

static void act(struct call *call, const struct link_message *message)
{
	if (message->kind == LINK_DONE)
		act_on_done(call, message);
	else if (call_is_of_function(call))
		invoke_part(call, message);
	else
		command_part(call, message);
}

/* Keeps it until the body is complete. */
static void keep(struct call *call, const struct link_message *message)
{
	struct link_message *grown =
	    reallocarray(call->early, call->early_count + 1, sizeof(*grown));
	if (!grown) {
		call_refuse(call, 503, "no memory");
		if (message->kind == LINK_DONE)
			call->done_message = *message;
		else
			call_acknowledge(call->worker, message);
		return;
	}
	call->early = grown;
	grown[call->early_count++] = *message;
	if (message->kind != LINK_DONE)
		return;
	/* The rest of the body is for nobody. */
	call->early_done = true;
	call->early_code = message->code;
	if (call->paused) {
		call->paused = false;
		http_resume(call->exchange);
	}
}

/* In handle_complete(). */
static void handle_early(struct call *call)
{
	const size_t count = call->early_count;
	call->early_count = 0;
	for (size_t i = 0; i < count; i++)
		act(call, &call->early[i]);
}

static void receive(struct call *call, const struct link_message *message)
{
	if (message->kind == LINK_TAKEN) {
		take_back(call, message);
		return;
	}
	if (message->kind == LINK_DONE)
		body_take_all_back(&call->body);
	if (!call->exchange && message->kind == LINK_DONE)
		finish(call, message);
	else if (!call->exchange)
		call_acknowledge(call->worker, message);
	else if (!call->complete)
		keep(call, message);
	else
		act(call, message);
}

void handler_receive(struct worker *worker, const struct link_message *message)
{
	cleanup_call struct call *call =
	    (struct call *)call_table_find(&worker->calls, message->id);
	bool over;
	if (message->kind != LINK_TAKEN && message->kind != LINK_PART &&
	    message->kind != LINK_DONE) {
		log_warn("a message of kind %u from the supervisor", message->kind);
		return;
	}
	if (!call) {
		log_warn("the supervisor speaks of a call that is over");
		return;
	}
	{
		lock_scoped(&call->lock);
		receive(call, message);
		over = !call->exchange && message->kind == LINK_DONE;
	}
	if (over)
		forget(call);
}
