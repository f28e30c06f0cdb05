#include "supervisor/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

/* Records that a worker may send: heads of requests, and management bodies. */
#define HEAD_MAX    (1UL << 20)
#define COMMAND_MAX (4UL << 20)

/* What a worker may have under way: a call for each connection, some whose connection has just gone, and all
 * their records together. */
#define CALLS_BESIDE 1024
#define HEADS_MAX    (512UL << 20)

/* How long it may not read while there are messages for it. */
#define STUCK_NS (10 * NANOSECONDS_PER_SECOND)

/* Messages taken in one go, so that others have their turn. */
#define MESSAGES_AT_ONCE 64

struct outgoing {
	struct outgoing *next;
	struct link_message message;
};

/* ── messages to the worker ──────────────────────────────────────────────────────────────────── */

static void wait_for_room(struct peer *peer)
{
	event_loop_watch_for(peer->supervisor->loop, peer->watch,
			     EPOLLIN | (peer->first ? EPOLLOUT : 0U));
}

static void send_waiting(struct peer *peer)
{
	while (peer->first) {
		struct outgoing *outgoing = peer->first;
		if (link_send(peer->socket, &outgoing->message) == -EAGAIN)
			return;
		peer->first = outgoing->next;
		if (!peer->first)
			peer->end = &peer->first;
		peer->stuck_ns = clock_now_ns();
		free(outgoing);
	}
	wait_for_room(peer);
}

void peer_tick(struct peer *peer, uint64_t now_ns)
{
	if (!peer->first || now_ns < peer->stuck_ns + STUCK_NS)
		return;
	log_error("the HTTP worker does not read");
	peer->supervisor->handler->distrust(peer->supervisor);
}

void peer_send(struct peer *peer, struct link_message *message)
{
	if (peer->lost)
		return;
	if (!peer->first && link_send(peer->socket, message) != -EAGAIN)
		return; /* that it has gone is noticed elsewhere */
	struct outgoing *outgoing = malloc(sizeof(*outgoing));
	if (!outgoing) {
		/* Ends the link, and so the worker, when the loop hears of it: now somebody is in the middle of a
		 * call, which would go with it. */
		shutdown(peer->socket, SHUT_RDWR);
		return;
	}
	*outgoing = (struct outgoing){.message = *message};
	if (!peer->first)
		peer->stuck_ns = clock_now_ns();
	*peer->end = outgoing;
	peer->end = &outgoing->next;
	wait_for_room(peer);
}

/* ── calls ───────────────────────────────────────────────────────────────────────────────────── */

static struct call **find_call(struct peer *peer, uint64_t id)
{
	struct call **link = &peer->calls[id % PEER_CHAINS];
	while (*link && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

static void free_call(struct peer *peer, struct call **link)
{
	struct call *call = *link;
	*link = call->next;
	contract_request_release(&call->composed);
	peer->supervisor->handler->forget_body(call);
	peer->call_count--;
	peer->head_bytes -= call->head.length;
	free(call->head_data);
	free(call);
	peer->supervisor->calls_in_flight--;
	peer_release(peer);
}

void peer_release(struct peer *peer)
{
	if (--peer->references)
		return;
	arena_close(peer->arena);
	arena_view_close(&peer->view);
	close(peer->socket);
	while (peer->first) {
		struct outgoing *next = peer->first->next;
		free(peer->first);
		peer->first = next;
	}
	free(peer);
}

void peer_lose(struct peer *peer)
{
	if (peer->lost)
		return;
	peer->lost = true;
	event_loop_unwatch(peer->supervisor->loop, peer->watch);
	peer->references++;
	for (size_t i = 0; i < PEER_CHAINS; i++)
		for (struct call **link = &peer->calls[i]; *link;) {
			struct call *call = *link;
			if (call->state == CALL_ANSWERED) {
				peer->supervisor->handler->finished(call, 499, 0);
				free_call(peer, link);
				continue;
			}
			if (call->state == CALL_RUNNING) {
				call->state = CALL_CANCELLED;
				if (call->stop)
					call->stop(call);
				else if (call->invocation.revision && !(call->flags & LINK_ASYNC))
					revision_cancel(&call->invocation);
			}
			/* The cancelling may have ended it at once. */
			if (*link == call)
				link = &call->next;
		}
	peer_release(peer);
}

/* ── answers ─────────────────────────────────────────────────────────────────────────────────── */

static void send_pending(struct call *call)
{
	struct link_message message = {.kind = LINK_PART,
				       .contract = call->contract,
				       .flags = LINK_BLOCK,
				       .id = call->id,
				       .offset = call->pending_offset,
				       .length = call->pending_length};
	call->has_pending = false;
	call->parts_sent = true;
	call->parts_out++;
	peer_send(call->peer, &message);
}

static int keep_pending(struct call *call, const void *data, size_t length)
{
	size_t room;
	void *block = arena_take(call->peer->arena, length, &call->pending_offset, &room);
	if (!block) {
		call->no_room = true;
		return -ENOMEM;
	}
	memcpy(block, data, length);
	call->pending_length = length;
	call->has_pending = true;
	return 0;
}

int call_send_part(struct call *call, const void *data, size_t length)
{
	if (call->peer->lost || call->state == CALL_CANCELLED)
		return -EPIPE;
	if (call->has_pending)
		send_pending(call);
	int result = length ? keep_pending(call, data, length) : 0;
	/* A server's machine hands on what is wanted soon. */
	const bool at_once =
	    call->flags & LINK_STREAM || call->stop || call->contract == CONTRACT_HTTP;
	if (!result && at_once && call->has_pending)
		send_pending(call);
	return result;
}

void call_done(struct call *call, struct link_message *message)
{
	struct peer *peer = call->peer;
	const bool lost = peer->lost;
	message->kind = LINK_DONE;
	message->id = call->id;
	message->contract = call->contract;
	if (call->has_pending) {
		message->flags |= LINK_BLOCK;
		message->offset = call->pending_offset;
		message->length = call->pending_length;
		call->has_pending = false;
	}
	call->state = CALL_ANSWERED;
	if (lost)
		free_call(peer, find_call(peer, call->id));
	else
		peer_send(peer, message);
}

void call_fail(struct call *call, unsigned code, uint16_t flags, const char *text)
{
	struct link_message message = {.code = code, .flags = flags};
	if (call->has_pending && !call->parts_sent) {
		arena_give(call->peer->arena, call->pending_offset);
		call->has_pending = false;
	}
	if (call->parts_sent) {
		message.code = 0;
		message.flags |= LINK_CUT;
	} else if (!call->peer->lost && *text) {
		keep_pending(call, text, strlen(text));
	}
	call_done(call, &message);
}

void call_answer(struct call *call, struct record *answer)
{
	struct link_message message = {.code = 0};
	if (answer->result || keep_pending(call, answer->data, answer->length))
		message.code = 503;
	call_done(call, &message);
	record_release(answer);
}

/* ── messages of the worker ──────────────────────────────────────────────────────────────────── */

static int distrust(struct peer *peer, const char *what)
{
	log_error("the HTTP worker sent %s", what);
	return -EPROTO;
}

/* The record at the block's beginning, copied. */
static int copy_head(struct call *call, const uint8_t *block, uint64_t length)
{
	call->head_data = malloc(length ? length : 1);
	if (!call->head_data)
		return -ENOMEM;
	memcpy(call->head_data, block, length);
	call->head = (struct record_view){call->head_data, length};
	call->peer->head_bytes += length;
	return record_check(call->head);
}

static int hear_call(struct peer *peer, const struct link_message *message)
{
	const bool is_command = message->kind == LINK_COMMAND;
	const uint64_t head = is_command ? message->length : message->head_length;
	const uint8_t *block = link_block(&peer->view, message);
	if (!block || head > message->length || head > (is_command ? COMMAND_MAX : HEAD_MAX))
		return distrust(peer, "a block that is none");
	if (*find_call(peer, message->id))
		return distrust(peer, "a number twice");
	if (peer->call_count >= peer->supervisor->settings->connections + CALLS_BESIDE ||
	    peer->head_bytes + head > HEADS_MAX)
		return distrust(peer, "more calls than it can have connections");
	struct call *call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	*call = (struct call){
	    .next = peer->calls[message->id % PEER_CHAINS],
	    .peer = peer,
	    .id = message->id,
	    .flags = message->flags,
	    .body = block + head,
	    .body_length = message->length - head,
	    .whole_length = message->body_length,
	};
	call->more_end = &call->more;
	peer->calls[message->id % PEER_CHAINS] = call;
	peer->references++;
	peer->call_count++;
	peer->supervisor->calls_in_flight++;
	int result = copy_head(call, block, head);
	if (result)
		free_call(peer, find_call(peer, call->id));
	if (result)
		return result == -EPROTO ? distrust(peer, "a record that is none") : result;
	if (is_command)
		peer->supervisor->handler->command(call);
	else
		peer->supervisor->handler->invoke(call);
	return 0;
}

static void hear_cancel(struct peer *peer, const struct link_message *message)
{
	struct call *call = *find_call(peer, message->id);
	if (!call || call->state != CALL_RUNNING)
		return;
	call->state = CALL_CANCELLED;
	if (call->stop)
		call->stop(call);
	else if (call->invocation.revision && !(call->flags & LINK_ASYNC))
		revision_cancel(&call->invocation);
}

/* The client has got a part: the program goes on when it has got half of them. */
static void note_sent(struct call *call)
{
	if (call->parts_out)
		call->parts_out--;
	if (!call->held || call->parts_out > CALL_PARTS_MAX / 2)
		return;
	call->held = false;
	if (call->state == CALL_RUNNING)
		revision_go_on(&call->invocation);
}

static int hear_sent(struct peer *peer, const struct link_message *message)
{
	if (message->flags & LINK_BLOCK && arena_give(peer->arena, message->offset))
		return distrust(peer, "a block back that it did not have");
	struct call **link = find_call(peer, message->id);
	if (message->kind == LINK_SENT) {
		if (*link)
			note_sent(*link);
		return 0;
	}
	if (!*link || (*link)->state != CALL_ANSWERED)
		return distrust(peer, "the end of what has not ended");
	/* Each status is counted, so there are to be no more than that. */
	if (message->code != 101 && (message->code < 200 || message->code > 599))
		return distrust(peer, "a status that is none");
	peer->supervisor->handler->finished(*link, message->code, message->total_ns);
	free_call(peer, link);
	return 0;
}

static int hear_body(struct peer *peer, const struct link_message *message)
{
	struct call *call = *find_call(peer, message->id);
	if (!call || !link_block(&peer->view, message))
		return distrust(peer, "more of a body that there is not");
	if (call->state != CALL_RUNNING)
		return 0;
	int result = peer->supervisor->handler->body(call, message);
	return result == -EPROTO ? distrust(peer, "more of a body than it may") : result;
}

static int hear_message(struct peer *peer, const struct link_message *message)
{
	switch (message->kind) {
	case LINK_INVOKE:
	case LINK_COMMAND:
		return hear_call(peer, message);
	case LINK_BODY:
		return hear_body(peer, message);
	case LINK_CANCEL:
		hear_cancel(peer, message);
		return 0;
	case LINK_SENT:
	case LINK_FINISHED:
		return hear_sent(peer, message);
	default:
		return distrust(peer, "a message that nobody knows");
	}
}

static void hear(void *context, uint32_t events)
{
	struct peer *peer = context;
	if (events & EPOLLOUT)
		send_waiting(peer);
	peer->references++;
	for (unsigned i = 0; i < MESSAGES_AT_ONCE && !peer->lost; i++) {
		struct link_message message;
		int result = link_receive(peer->socket, &message);
		if (result == -EAGAIN)
			break;
		if (!result)
			result = hear_message(peer, &message);
		if (result) {
			peer->supervisor->handler->distrust(peer->supervisor);
			break;
		}
	}
	peer_release(peer);
}

int peer_open(struct peer **opened, struct supervisor *supervisor, int socket, struct arena *arena,
	      struct arena_view view, struct error *error)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	if (!peer)
		return error_set(error, ENOMEM, "no memory for the HTTP worker");
	*peer = (struct peer){
	    .supervisor = supervisor,
	    .socket = socket,
	    .arena = arena,
	    .view = view,
	    .references = 1,
	};
	peer->end = &peer->first;
	int result =
	    event_loop_watch(supervisor->loop, socket, EPOLLIN, hear, peer, &peer->watch, error);
	if (result) {
		free(peer);
		return result;
	}
	*opened = peer;
	return 0;
}
