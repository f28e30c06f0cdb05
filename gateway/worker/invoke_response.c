/* The response's half: what a program writes, by its contract. */
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "worker/invoke.h"
#include "worker/response.h"

/* Pieces of one block. */
struct pieces {
	struct contract_piece *list;
	size_t count, room;
	uint64_t length;
};

static bool add_piece(struct pieces *pieces, const struct contract_piece *piece)
{
	if (pieces->count == pieces->room) {
		const size_t room = pieces->room ? 2 * pieces->room : 4;
		struct contract_piece *grown = reallocarray(pieces->list, room, sizeof(*grown));
		if (!grown)
			return false;
		pieces->list = grown;
		pieces->room = room;
	}
	pieces->list[pieces->count++] = *piece;
	pieces->length += piece->length;
	return true;
}

/* The parser of the call's response. As OpenFaaS' watchdog has it, output of which nothing is known
 * has the type of the input. */
static struct contract_parser *parser_of(struct call *call, unsigned contract)
{
	if (call->parser || contract >= CONTRACT_COUNT)
		return call->parser;
	call->parser = contract_parser_new((enum contract_kind)contract, call->head->method);
	const char *type = call_header(call, "Content-Type");
	if (call->parser && call->head->upgrades)
		contract_parser_let_upgrade(call->parser);
	if (call->parser && type)
		contract_parser_set_type(call->parser, type);
	return call->parser;
}

/* What the program wrote is no response, or half of one. */
static void fail(struct call *call, const char *reason)
{
	char text[ERROR_TEXT_MAX + 64];
	if (call->began) {
		response_end(call, false);
		return;
	}
	snprintf(text, sizeof(text), "the function's response is none: %s", reason);
	response_say(call, 502, text, 0);
}

static bool begin(struct call *call, const struct contract_head *head, uint64_t length)
{
	struct response_headers headers = {0};
	for (size_t i = 0; i < head->header_count; i++)
		if (!response_is_own(head->headers[i].name))
			response_add(&headers, head->headers[i].name, head->headers[i].value);
	response_add_of_call(&headers, call);
	call->upgraded = head->status == 101;
	return call->upgraded ? response_upgrade(call, &headers)
			      : response_begin(call, head->status, &headers, length);
}

/* Splits a block into pieces of the body. */
static int parse(struct call *call, const struct link_message *message, struct pieces *pieces,
		 struct error *error)
{
	const uint8_t *data = link_block(&call->worker->view, message);
	size_t left = message->flags & LINK_BLOCK ? message->length : 0;
	if (!data)
		return error_set(error, EPROTO, "it is nowhere");
	while (left) {
		struct contract_piece piece = {0};
		const size_t before = left;
		const bool had_head = contract_parser_head(call->parser);
		int result = contract_parser_feed(call->parser, &data, &left, &piece, error);
		if (result)
			return result;
		if (piece.length && !add_piece(pieces, &piece))
			return error_set(error, ENOMEM, "no memory");
		if (before == left && !piece.length && had_head)
			break;
	}
	return 0;
}

static void write_pieces(struct call *call, struct block *block, const struct pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		response_write(call, block, pieces->list[i].data, pieces->list[i].length);
}

void invoke_part(struct call *call, const struct link_message *message)
{
	struct pieces pieces = {0};
	struct error error = {0};
	struct block *block = block_new(call, message);
	if (!block) {
		fail(call, "no memory");
		call_acknowledge(call->worker, message);
		return;
	}
	if (call->ended) {
		block_release(block);
		return;
	}
	int result = parser_of(call, message->contract) ? parse(call, message, &pieces, &error)
							: error_set(&error, ENOMEM, "no memory");
	const struct contract_head *head = result ? NULL : contract_parser_head(call->parser);
	if (head && !call->began && !begin(call, head, head->length))
		result = error_set(&error, EPIPE, "nobody waits for it");
	if (result)
		fail(call, error.text);
	else
		write_pieces(call, block, &pieces);
	if (!result && call->began && contract_parser_is_complete(call->parser))
		response_end(call, true);
	block_release(block);
	free(pieces.list);
}

/* How long the whole body is, all of which has come: for a response that has not begun. */
static uint64_t whole_length(const struct call *call, const struct contract_head *head,
			     const struct pieces *pieces)
{
	return strcmp(call->head->method, "HEAD") != 0 ? pieces->length : head->length;
}

/* An empty 500 would tell its reader nothing. */
static bool say_failure(struct call *call, const struct link_message *message,
			const struct pieces *pieces)
{
	char text[128];
	if (call->began || !message->status || pieces->length ||
	    message->contract != CONTRACT_STDIO)
		return false;
	snprintf(text, sizeof(text),
		 "the function ended with status %d and wrote nothing: its log may say why",
		 (int)message->status);
	response_say(call, 500, text, 0);
	return true;
}

static int finish(struct call *call, const struct link_message *message, struct block *block,
		  struct pieces *pieces, struct error *error)
{
	int result = parse(call, message, pieces, error);
	if (!result)
		result = contract_parser_end(call->parser, message->status, error);
	if (result || say_failure(call, message, pieces))
		return result;
	const struct contract_head *head = contract_parser_head(call->parser);
	if (!call->began && !begin(call, head, whole_length(call, head, pieces)))
		return error_set(error, EPIPE, "nobody waits for it");
	write_pieces(call, block, pieces);
	/* The status that the client has seen said something else. */
	response_end(call, head->status == call->status);
	return 0;
}

void invoke_done(struct call *call, const struct link_message *message)
{
	struct pieces pieces = {0};
	struct error error = {0};
	if (call->ended)
		return;
	if (call->began && (message->code || message->flags & LINK_CUT)) {
		response_end(call, false);
		return;
	}
	if (message->code) {
		response_say_done(call, message);
		return;
	}
	struct block *block = block_new(call, message);
	if (!block || !parser_of(call, message->contract))
		fail(call, "no memory");
	else if (finish(call, message, block, &pieces, &error))
		fail(call, error.text);
	block_release(block);
	free(pieces.list);
}
