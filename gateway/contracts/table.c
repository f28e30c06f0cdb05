/* The table of contracts, and what parsers have in common. */
#include "contracts/contract.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "contracts/kind.h"
#include "util/cleanup.h"

static const struct contract *const contracts[CONTRACT_COUNT] = {
    [CONTRACT_STDIO] = &contract_stdio,
    [CONTRACT_HANDLER] = &contract_handler,
    [CONTRACT_HTTP] = &contract_http,
};

static bool is_contract(enum contract_kind kind)
{
	return (unsigned)kind < CONTRACT_COUNT;
}

const char *contract_name(enum contract_kind kind)
{
	return is_contract(kind) ? contracts[kind]->name : NULL;
}

int contract_find(const char *name, enum contract_kind *kind)
{
	for (unsigned i = 0; i < CONTRACT_COUNT; i++)
		if (!strcmp(name, contracts[i]->name)) {
			*kind = (enum contract_kind)i;
			return 0;
		}
	return -ENOENT;
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

int contract_compose(enum contract_kind kind, struct record_view head, uint64_t body_length,
		     struct contract_request *request, struct error *error)
{
	*request = (struct contract_request){0};
	if (!is_contract(kind))
		return error_set(error, EINVAL, "there is no contract %d", (int)kind);
	cleanup(request_head_release) struct request_head read;
	int result = request_head_read(&read, head, body_length, error);
	if (!result)
		result = contracts[kind]->compose(&read, request, error);
	if (result)
		contract_request_release(request);
	return result;
}

void contract_request_release(struct contract_request *request)
{
	free(request->prefix);
	free(request->variables);
	*request = (struct contract_request){0};
}

/* ── responses ───────────────────────────────────────────────────────────────────────────────── */

struct contract_parser *contract_parser_new(enum contract_kind kind, const char *method)
{
	struct contract_parser *parser = is_contract(kind) ? calloc(1, sizeof(*parser)) : NULL;
	if (!parser)
		return NULL;
	parser->contract = contracts[kind];
	parser->without_body = !strcmp(method, "HEAD");
	parser->type = CONTRACT_TYPE_USUAL;
	return parser;
}

void contract_parser_set_type(struct contract_parser *parser, const char *type)
{
	parser->type = type;
}

void contract_parser_let_upgrade(struct contract_parser *parser)
{
	parser->upgrades = true;
}

void contract_parser_free(struct contract_parser *parser)
{
	if (!parser)
		return;
	response_head_release(&parser->text);
	free(parser);
}

static int break_off(struct contract_parser *parser, int result)
{
	parser->broken = true;
	return result;
}

static int was_broken(struct error *error)
{
	return error_set(error, EPROTO, "the function's response was broken off");
}

int contract_parser_feed(struct contract_parser *parser, const uint8_t **data, size_t *length,
			 struct contract_piece *piece, struct error *error)
{
	*piece = (struct contract_piece){0};
	if (parser->broken)
		return was_broken(error);
	while (*length && !parser->complete && !piece->length) {
		const bool in_body = parser->head_known;
		const int result =
		    in_body ? response_body_take(&parser->body, data, length, piece, error)
			    : parser->contract->take_head(parser, data, length, error);
		if (result < 0)
			return break_off(parser, result);
		if (in_body) {
			parser->complete = result;
		} else if (parser->head_known) {
			parser->complete = parser->body.kind == RESPONSE_BODY_NONE;
			return 0;
		}
	}
	if (parser->complete && !piece->length) {
		*data += *length;
		*length = 0;
	}
	return 0;
}

static bool goes_on_to_its_end(const struct contract_parser *parser)
{
	return parser->body.kind == RESPONSE_BODY_REST ||
	       parser->body.kind == RESPONSE_BODY_DROPPED;
}

int contract_parser_end(struct contract_parser *parser, int status, struct error *error)
{
	if (parser->broken)
		return was_broken(error);
	if (parser->complete)
		return 0;
	const bool open_end = !parser->head_known || goes_on_to_its_end(parser);
	if (open_end && parser->contract->end) {
		const int result = parser->contract->end(parser, status, error);
		parser->complete = !result;
		return result;
	}
	parser->broken = !parser->head_known || !open_end || status;
	if (!parser->broken) {
		parser->complete = true;
		return 0;
	}
	return error_set(error, EPROTO, "the function ended with status %d %s", status,
			 parser->head_known ? "in the middle of its response"
					    : "without a response");
}

const struct contract_head *contract_parser_head(const struct contract_parser *parser)
{
	return parser->head_known ? &parser->head : NULL;
}

bool contract_parser_is_complete(const struct contract_parser *parser)
{
	return parser->complete;
}
