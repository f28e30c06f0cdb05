/* What a function has written, by its contract: into status, headers and body. */
#include <errno.h>
#include <string.h>

#include "contracts/contract.h"
#include "courier/process.h"
#include "util/cleanup.h"

/* A response that is being copied to a block of the arena. */
struct response {
	struct record head;
	uint8_t *block;
	uint64_t offset;
	size_t room;
	size_t length; /* of head and body */
};

static void free_parser(struct contract_parser **parser)
{
	contract_parser_free(*parser);
}

#define cleanup_parser cleanup(free_parser)

/* Once the head is there: a block for it, and for all that may follow. */
static int begin_response(struct process *process, const struct contract_head *head, size_t left,
			  struct response *response, struct error *error)
{
	for (size_t i = 0; i < head->header_count; i++)
		record_add_pair(&response->head, FIELD_HEADER, head->headers[i].name,
				head->headers[i].value);
	if (response->head.result)
		return error_set(error, ENOMEM, "no memory for a response");
	response->block = arena_take(process->arena, response->head.length + left,
				     &response->offset, &response->room);
	if (!response->block)
		return error_set(error, EAGAIN, "there is no room for a response");
	if (response->head.length)
		memcpy(response->block, response->head.data, response->head.length);
	response->length = response->head.length;
	return 0;
}

static int feed_all(struct process *process, struct contract_parser *parser,
		    const struct order_view *order, struct response *response, struct error *error)
{
	const uint8_t *data = order->body;
	size_t length = order->body_length;
	while (length && !contract_parser_is_complete(parser)) {
		struct contract_piece piece = {0};
		int result = contract_parser_feed(parser, &data, &length, &piece, error);
		const struct contract_head *head = contract_parser_head(parser);
		if (!result && head && !response->block)
			result =
			    begin_response(process, head, length + piece.length, response, error);
		if (result)
			return result;
		if (!piece.length)
			continue;
		if (!response->block || piece.length > response->room - response->length)
			return error_set(error, EPROTO, "a response without a head");
		memcpy(response->block + response->length, piece.data, piece.length);
		response->length += piece.length;
	}
	return 0;
}

void parse_output(struct process *process, const struct order_view *order)
{
	const struct link_message *message = order->message;
	struct error error = {0};
	struct response response = {0};
	if (message->contract >= CONTRACT_COUNT) {
		process_fail(process, message->id, -EINVAL, "there is no such contract");
		return;
	}
	cleanup_parser struct contract_parser *parser =
	    contract_parser_new((enum contract_kind)message->contract,
				record_find_text(order->head, FIELD_METHOD, "POST"));
	int result =
	    parser ? 0 : error_set(&error, ENOMEM, "no memory to parse a function's response");
	const char *type = record_find_text(order->head, FIELD_TEXT, NULL);
	if (parser && type)
		contract_parser_set_type(parser, type);
	if (!result)
		result = feed_all(process, parser, order, &response, &error);
	if (!result)
		result = contract_parser_end(parser, message->status, &error);
	/* One without a body may have its head only now. */
	const struct contract_head *head = result ? NULL : contract_parser_head(parser);
	if (head && !response.block)
		result = begin_response(process, head, 0, &response, &error);
	if (!result && head)
		process_answer(process, message->id, head->status, response.block, response.offset,
			       response.head.length, response.length);
	else {
		if (response.block)
			arena_give(process->arena, response.offset);
		process_fail(process, message->id, result ? result : -EPROTO,
			     *error.text ? error.text : "it is no response");
	}
	record_release(&response.head);
}
