/* HTTP/1.1 both ways, for servers that are given one connection: RFC 9112. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contracts/grammar.h"
#include "contracts/kind.h"
#include "sizes/sizes.h"

#define INTERIM_MAX 16 /* responses of 1xx before the one that counts */

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

/* Whether a body is to be expected with this method, so that its length is said even if it is 0. */
static bool says_length(const struct request_head *head)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH"};
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcmp(head->method, methods[i]))
			return true;
	return head->body_length;
}

static void write_head(FILE *out, const struct request_head *head)
{
	fprintf(out, "%s %s%s%s HTTP/1.1\r\n", head->method, head->target, head->query ? "?" : "",
		head->query ? head->query : "");
	fprintf(out, "Host: %s\r\n", head->host ? head->host : "localhost");
	for (size_t i = 0; i < head->header_count; i++)
		fprintf(out, "%s: %s\r\n", head->headers[i].name, head->headers[i].value);
	if (says_length(head))
		fprintf(out, "Content-Length: %" PRIu64 "\r\n", head->body_length);
	fputs(head->upgrades ? "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
			     : "Connection: close\r\n\r\n",
	      out);
}

static int compose(const struct request_head *head, struct contract_request *request,
		   struct error *error)
{
	char *prefix = NULL;
	FILE *out = open_memstream(&prefix, &request->prefix_length);
	if (out)
		write_head(out, head);
	const bool failed = !out || (ferror(out) | fclose(out));
	request->prefix = (uint8_t *)prefix;
	return failed ? error_set(error, ENOMEM, "no memory for a request") : 0;
}

/* ── responses ───────────────────────────────────────────────────────────────────────────────── */

struct status_line {
	unsigned status;
	bool is_old; /* HTTP/1.0 */
};

static int read_status_line(const char *line, bool upgrades, struct status_line *read,
			    struct error *error)
{
	static const char begin[] = "HTTP/1.";
	const size_t length = strlen(begin);
	const bool is_http = line && !strncmp(line, begin, length) &&
			     grammar_is_digit(line[length]) && line[length + 1] == ' ';
	read->status = is_http ? response_head_status(line + length + 2) : 0;
	if (read->status < 100 || read->status > 599)
		return error_set(error, EPROTO, "the function's response is not HTTP: \"%.40s\"",
				 line ? line : "");
	if (read->status == 101 && !upgrades)
		return error_set(error, EPROTO,
				 "the function switches to a protocol that nobody asked for");
	read->is_old = line[length] == '0';
	return 0;
}

static int check_framing(const struct response_framing *framing, bool is_old, struct error *error)
{
	if (framing->chunked && framing->has_length)
		return error_set(
		    error, EPROTO,
		    "the function's response has Content-Length and Transfer-Encoding");
	if (framing->chunked && is_old)
		return error_set(error, EPROTO,
				 "the function's response has Transfer-Encoding in HTTP/1.0");
	return 0;
}

/* A whole head. */
static int read_head(struct contract_parser *parser, struct error *error)
{
	char *rest = parser->text.data;
	struct status_line line = {0};
	struct response_framing framing;
	int result = read_status_line(response_head_line(&rest), parser->upgrades, &line, error);
	if (!result)
		result = response_head_read(rest, false, &parser->head, &framing, error);
	if (!result)
		result = check_framing(&framing, line.is_old, error);
	if (result)
		return result;
	/* Behind 101 there is another protocol, whatever the head says of a body. */
	if (line.status == 101)
		framing = (struct response_framing){0};
	else if (line.status < 200) {
		parser->text.length = parser->text.line = 0;
		return ++parser->skipped <= INTERIM_MAX
			   ? 0
			   : error_set(error, EPROTO,
				       "the function's response has more than %d interim ones",
				       INTERIM_MAX);
	}
	parser->head.status = line.status;
	response_body_begin(&parser->body, &parser->head, &framing, parser->without_body);
	parser->head_known = true;
	return 0;
}

static int take_head(struct contract_parser *parser, const uint8_t **data, size_t *length,
		     struct error *error)
{
	const int result = response_head_take(&parser->text, data, length, error);
	return result > 0 ? read_head(parser, error) : result;
}

const struct contract contract_http = {
    .name = "http",
    .compose = compose,
    .take_head = take_head,
};
