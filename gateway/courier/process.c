#include "courier/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define WAIT_MS 1000

/* ── messages to the supervisor ──────────────────────────────────────────────────────────────── */

static void send_message(struct process *process, struct link_message *message)
{
	if (!process->first && link_send(COURIER_SOCKET, message) != -EAGAIN)
		return; /* that it has gone is noticed by who receives */
	struct outgoing *outgoing = malloc(sizeof(*outgoing));
	if (!outgoing)
		return; /* the supervisor notices that an order is overdue */
	*outgoing = (struct outgoing){.message = *message};
	*process->last = outgoing;
	process->last = &outgoing->next;
}

static void send_waiting(struct process *process)
{
	while (process->first) {
		struct outgoing *outgoing = process->first;
		if (link_send(COURIER_SOCKET, &outgoing->message) == -EAGAIN)
			return;
		process->first = outgoing->next;
		if (!process->first)
			process->last = &process->first;
		free(outgoing);
	}
}

void process_answer(struct process *process, uint64_t id, unsigned code, const void *block,
		    uint64_t offset, size_t head_length, size_t length)
{
	struct link_message message = {.kind = COURIER_DONE, .id = id, .code = code};
	if (block) {
		message.flags = LINK_BLOCK;
		message.offset = offset;
		message.head_length = head_length;
		message.length = length;
	}
	send_message(process, &message);
}

void process_fail(struct process *process, uint64_t id, int result, const char *text)
{
	struct link_message message = {.kind = COURIER_DONE, .id = id, .status = result};
	size_t length = strnlen(text, COURIER_SENTENCE_MAX), room;
	void *block = arena_take(process->arena, length, &message.offset, &room);
	if (block) {
		memcpy(block, text, length);
		message.flags = LINK_BLOCK;
		message.length = length;
	}
	send_message(process, &message);
}

/* ── orders ──────────────────────────────────────────────────────────────────────────────────── */

/* Copies the record of an order, as what follows keeps parts of it. */
static int take_order(struct process *process, const struct link_message *message)
{
	const uint8_t *block = link_block(&process->view, message);
	if (!block || message->head_length > message->length ||
	    message->head_length > COURIER_RECORD_MAX)
		return -EPROTO;
	cleanup_free uint8_t *head = malloc(message->head_length + 1);
	if (!head)
		return -ENOMEM;
	memcpy(head, block, message->head_length);
	const struct order_view order = {.message = message,
					 .head = {head, message->head_length},
					 .body = block + message->head_length,
					 .body_length = message->length - message->head_length};
	if (record_check(order.head))
		return -EPROTO;
	if (message->kind == COURIER_CALL)
		post_begin(process, &order);
	else
		parse_output(process, &order);
	return 0;
}

static int take_message(struct process *process, const struct link_message *message)
{
	switch (message->kind) {
	case COURIER_CALL:
	case COURIER_PARSE:
		return take_order(process, message);
	case COURIER_SENT:
		return arena_give(process->arena, message->offset);
	default:
		return -EPROTO;
	}
}

static int take_messages(struct process *process)
{
	struct link_message message;
	int result;
	while (!(result = link_receive(COURIER_SOCKET, &message)))
		if ((result = take_message(process, &message)))
			return result;
	return result == -EAGAIN ? 0 : result;
}

int process_run(struct process *process, struct error *error)
{
	int result;
	while (!(result = take_messages(process))) {
		post_continue(process);
		send_waiting(process);
		struct curl_waitfd socket = {
		    .fd = COURIER_SOCKET,
		    .events = (short)(CURL_WAIT_POLLIN | (process->first ? CURL_WAIT_POLLOUT : 0))};
		if (curl_multi_poll(process->transfers, &socket, 1, WAIT_MS, NULL))
			return error_set(error, EIO, "libcurl cannot wait");
	}
	return result == -EPIPE ? 0
				: error_set_errno(error, -result, "the supervisor cannot be heard");
}
