/* Standard input to standard output, as OpenFaaS' classic watchdog runs programs. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contracts/grammar.h"
#include "contracts/kind.h"
#include "sizes/sizes.h"

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

/* Variables and their text, in one block. */
struct variables {
	char *list[CONTRACT_VARIABLES_MAX + 1];
	char text[CONTRACT_VARIABLES_SIZE];
};

struct writer {
	struct variables *variables;
	size_t count, used;
};

/* Where the next variable goes, if one of that length (with its NUL) does; else NULL. */
static char *take_room(struct writer *writer, size_t size)
{
	if (writer->count == CONTRACT_VARIABLES_MAX ||
	    size > CONTRACT_VARIABLES_SIZE - writer->used)
		return NULL;
	char *there = writer->variables->text + writer->used;
	writer->variables->list[writer->count++] = there;
	writer->used += size;
	return there;
}

static int add(struct writer *writer, const char *name, const char *value, struct error *error)
{
	if (!value)
		return 0;
	const size_t size = strlen(name) + 1 + strlen(value) + 1;
	char *there = take_room(writer, size);
	if (!there)
		return error_set(error, E2BIG,
				 "path, query and host are more than %d bytes together",
				 CONTRACT_VARIABLES_SIZE);
	snprintf(there, size, "%s=%s", name, value);
	return 0;
}

/* Whether the request's own variables would have the name of this header's, or it could not be told from
 * another header's. */
static bool is_left_out(const char *name)
{
	static const char *const own[] = {"Method", "Path", "Query", "ContentLength"};
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!strcasecmp(name, own[i]))
			return true;
	for (; *name; name++)
		if (!grammar_is_letter(*name) && !grammar_is_digit(*name) && *name != '-')
			return true;
	return false;
}

/* As Go writes names of headers, whose users expect that: a capital at the beginning of each word. */
static void write_name(char *to, const char *name)
{
	bool begins = true;
	for (; *name; name++, to++) {
		const bool is_letter = grammar_is_letter(*name);
		*to = *name == '-' ? '_'
		      : !is_letter ? *name
		      : begins	   ? (char)(*name & ~0x20)
				   : (char)(*name | 0x20);
		begins = *name == '-';
	}
}

#define HEADER_PREFIX "Http_"

/* False where there is no room for it. */
static bool add_header(struct writer *writer, const struct request_head *head, size_t index)
{
	const char *name = head->headers[index].name;
	const size_t before = strlen(HEADER_PREFIX), length = strlen(name);
	const size_t joined = request_head_join(head, index, NULL);
	char *there = take_room(writer, before + length + 1 + joined + 1);
	if (!there)
		return false;
	memcpy(there, HEADER_PREFIX, before);
	write_name(there + before, name);
	there[before + length] = '=';
	request_head_join(head, index, there + before + length + 1);
	there[before + length + 1 + joined] = 0;
	return true;
}

static int compose(const struct request_head *head, struct contract_request *request,
		   struct error *error)
{
	struct variables *variables = malloc(sizeof(*variables));
	if (!variables)
		return error_set(error, ENOMEM, "no memory for a request");
	request->variables = variables->list;
	struct writer writer = {variables};
	char length[24];
	snprintf(length, sizeof(length), "%" PRIu64, head->body_length);
	const struct request_header own[] = {
	    {"Http_Method", head->method},   {"Http_Path", head->path},
	    {"Http_Query", head->query},     {"Http_ContentLength", length},
	    {"Http_Content_Length", length}, {"Http_Host", head->host},
	};
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		const int result = add(&writer, own[i].name, own[i].value, error);
		if (result)
			return result;
	}
	bool fits = true;
	for (size_t i = 0; i < head->header_count && fits; i++)
		if (!is_left_out(head->headers[i].name) && !request_head_is_again(head, i))
			fits = add_header(&writer, head, i);
	variables->list[writer.count] = NULL;
	return 0;
}

/* ── responses ───────────────────────────────────────────────────────────────────────────────── */

static void set_head(struct contract_parser *parser, unsigned status)
{
	parser->head.status = status;
	parser->head.headers[0] = (struct contract_header){"Content-Type", parser->type};
	parser->head.header_count = parser->type ? 1 : 0;
	parser->head.length = UINT64_MAX;
	parser->body.kind = parser->without_body ? RESPONSE_BODY_DROPPED : RESPONSE_BODY_REST;
	parser->head_known = true;
}

static int take_head(struct contract_parser *parser, const uint8_t **data, size_t *length,
		     struct error *error)
{
	set_head(parser, 200);
	return 0;
}

static int end(struct contract_parser *parser, int status, struct error *error)
{
	set_head(parser, status ? 500 : 200);
	return 0;
}

const struct contract contract_stdio = {
    .name = "stdio",
    .compose = compose,
    .take_head = take_head,
    .end = end,
};
