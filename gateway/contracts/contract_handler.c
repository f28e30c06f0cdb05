/* The SDK's contract: an SCGI request on standard input, a CGI response on standard output. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contracts/grammar.h"
#include "contracts/kind.h"
#include "util/cleanup.h"

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

static void write_field(FILE *out, const char *name, const char *value)
{
	fputs(name, out);
	fputc(0, out);
	fputs(value, out);
	fputc(0, out);
}

/* HTTP_… would be the same for X_A and X-A: only the second is there. */
static bool has_variable(const struct request_head *head, size_t index)
{
	const char *name = head->headers[index].name;
	return !strchr(name, '_') && strcasecmp(name, "Content-Type") != 0 &&
	       !request_head_is_again(head, index);
}

static int write_variable(FILE *out, const struct request_head *head, size_t index)
{
	fputs("HTTP_", out);
	for (const char *name = head->headers[index].name; *name; name++)
		fputc(*name == '-' ? '_' : grammar_is_letter(*name) ? *name & ~0x20 : *name, out);
	fputc(0, out);
	const size_t length = request_head_join(head, index, NULL);
	cleanup_free char *text = malloc(length + 1);
	if (!text)
		return -ENOMEM;
	request_head_join(head, index, text);
	text[length] = 0;
	fwrite(text, 1, length + 1, out);
	return 0;
}

/* All headers as they came, with their own names: Name: value LF. SCGI has no place for them. */
static void write_headers(FILE *out, const struct request_head *head)
{
	fputs("MAYFLY_HEADERS", out);
	fputc(0, out);
	if (head->host)
		fprintf(out, "Host: %s\n", head->host);
	for (size_t i = 0; i < head->header_count; i++)
		fprintf(out, "%s: %s\n", head->headers[i].name, head->headers[i].value);
	fputc(0, out);
}

/* CGI wants to know name and port of the server, which are the client's words for the gateway. */
static void write_server(FILE *out, const struct request_head *head)
{
	const char *host = head->host ? head->host : "localhost";
	const char *colon = strrchr(host, ':');
	if (colon && strchr(colon, ']'))
		colon = NULL; /* within an IPv6 address */
	fputs("SERVER_NAME", out);
	fputc(0, out);
	fwrite(host, 1, colon ? (size_t)(colon - host) : strlen(host), out);
	fputc(0, out);
	write_field(out, "SERVER_PORT", colon ? colon + 1 : head->secure ? "443" : "80");
}

static int write_fields(FILE *out, const struct request_head *head)
{
	char length[24];
	snprintf(length, sizeof(length), "%" PRIu64, head->body_length);
	write_field(out, "CONTENT_LENGTH", length); /* the first, says SCGI */
	write_field(out, "SCGI", "1");
	write_field(out, "GATEWAY_INTERFACE", "CGI/1.1");
	write_field(out, "SERVER_PROTOCOL", "HTTP/1.1");
	write_field(out, "REQUEST_METHOD", head->method);
	write_field(out, "SCRIPT_NAME", "");
	write_field(out, "PATH_INFO", head->path);
	write_field(out, "QUERY_STRING", head->query ? head->query : "");
	write_server(out, head);
	fputs("REQUEST_URI", out);
	fputc(0, out);
	fprintf(out, "%s%s%s", head->target, head->query ? "?" : "",
		head->query ? head->query : "");
	fputc(0, out);
	if (head->client)
		write_field(out, "REMOTE_ADDR", head->client);
	if (head->secure)
		write_field(out, "HTTPS", "on");
	const char *type = request_head_find(head, "Content-Type");
	if (type)
		write_field(out, "CONTENT_TYPE", type);
	if (head->host)
		write_field(out, "HTTP_HOST", head->host);
	for (size_t i = 0; i < head->header_count; i++)
		if (has_variable(head, i) && write_variable(out, head, i))
			return -ENOMEM;
	write_headers(out, head);
	return 0;
}

/* As a netstring: the length, a colon, that, a comma. */
static int wrap(const char *fields, size_t length, struct contract_request *request)
{
	char number[24];
	const size_t before = (size_t)snprintf(number, sizeof(number), "%zu:", length);
	uint8_t *prefix = malloc(before + length + 1);
	if (!prefix)
		return -ENOMEM;
	memcpy(prefix, number, before);
	memcpy(prefix + before, fields, length);
	prefix[before + length] = ',';
	request->prefix = prefix;
	request->prefix_length = before + length + 1;
	return 0;
}

static int compose(const struct request_head *head, struct contract_request *request,
		   struct error *error)
{
	cleanup_free char *fields = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&fields, &length);
	int result = out ? write_fields(out, head) : -ENOMEM;
	if (out && (ferror(out) | fclose(out)))
		result = -ENOMEM;
	if (!result)
		result = wrap(fields, length, request);
	return result ? error_set(error, ENOMEM, "no memory for a request") : 0;
}

/* ── responses ───────────────────────────────────────────────────────────────────────────────── */

static int read_status(const struct response_framing *framing, struct contract_head *head,
		       struct error *error)
{
	head->status = 200;
	if (framing->status) {
		head->status = response_head_status(framing->status);
		if (head->status < 200 || head->status > 599)
			return error_set(error, EPROTO,
					 "the function's response has no such Status: \"%.40s\"",
					 framing->status);
		return 0;
	}
	for (size_t i = 0; i < head->header_count; i++)
		if (!strcasecmp(head->headers[i].name, "Location"))
			head->status = 302; /* RFC 3875, 6.2.3 */
	return 0;
}

static int take_head(struct contract_parser *parser, const uint8_t **data, size_t *length,
		     struct error *error)
{
	struct response_framing framing;
	int result = response_head_take(&parser->text, data, length, error);
	if (result <= 0)
		return result;
	result = response_head_read(parser->text.data, true, &parser->head, &framing, error);
	if (!result)
		result = read_status(&framing, &parser->head, error);
	if (result)
		return result;
	response_body_begin(&parser->body, &parser->head, &framing, parser->without_body);
	parser->head_known = true;
	return 0;
}

const struct contract contract_handler = {
    .name = "handler",
    .compose = compose,
    .take_head = take_head,
};
