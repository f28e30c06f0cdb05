#include "contracts/response_head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contracts/grammar.h"
#include "contracts/hop.h"
#include "sizes/sizes.h"

#define STEP 1024 /* bytes that are copied at a time: few of them are the body's */

/* ── taking it ───────────────────────────────────────────────────────────────────────────────── */

static int make_room(struct response_head *head, struct error *error)
{
	if (head->length == CONTRACT_HEAD_MAX)
		return error_set(error, EPROTO,
				 "the function's response has a head of more than %d bytes",
				 CONTRACT_HEAD_MAX);
	if (head->length < head->room)
		return 0;
	const size_t room = head->room ? 2 * head->room : STEP;
	char *data = realloc(head->data, room + 1); /* a NUL behind it */
	if (!data)
		return error_set(error, ENOMEM, "no memory for the head of a response");
	head->data = data;
	head->room = room;
	return 0;
}

/* Whether a line that ends before `end`, with the LF, is empty. */
static bool is_empty_line(const struct response_head *head, const char *end)
{
	const char *line = head->data + head->line;
	return line == end || (line + 1 == end && *line == '\r');
}

/* Looks at what was copied beyond the last end of a line. The end of the head, or NULL. */
static char *find_end(struct response_head *head, size_t from)
{
	char *end;
	while ((end = memchr(head->data + from, '\n', head->length - from))) {
		if (is_empty_line(head, end))
			return end + 1;
		from = head->line = (size_t)(end + 1 - head->data);
	}
	return NULL;
}

int response_head_take(struct response_head *head, const uint8_t **data, size_t *length,
		       struct error *error)
{
	while (*length) {
		const int result = make_room(head, error);
		if (result)
			return result;
		const size_t before = head->length;
		size_t count = head->room - before < STEP ? head->room - before : STEP;
		count = *length < count ? *length : count;
		memcpy(head->data + before, *data, count);
		head->length += count;
		const char *end = find_end(head, before);
		if (end)
			head->length = (size_t)(end - head->data);
		*data += head->length - before;
		*length -= head->length - before;
		if (memchr(head->data + before, 0, head->length - before))
			return error_set(error, EPROTO,
					 "the function's response has a NUL in its head");
		if (end && !head->line)
			return error_set(error, EPROTO,
					 "the function's response begins with an empty line");
		if (end) {
			head->data[head->length] = 0;
			return 1;
		}
	}
	return 0;
}

void response_head_release(struct response_head *head)
{
	free(head->data);
	*head = (struct response_head){0};
}

/* ── reading it ──────────────────────────────────────────────────────────────────────────────── */

char *response_head_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');
	if (!end)
		return NULL;
	*rest = end + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = 0;
	return *line ? line : NULL;
}

unsigned response_head_status(const char *text)
{
	unsigned status = 0;
	for (int i = 0; i < 3; i++, text++) {
		if (!grammar_is_digit(*text))
			return 0;
		status = 10 * status + (unsigned)(*text - '0');
	}
	return *text && !grammar_is_blank(*text) ? 0 : status;
}

/* Splits a line. */
static int read_line(char *line, struct contract_header *header, struct error *error)
{
	char *colon = strchr(line, ':');
	*header = (struct contract_header){line, ""};
	if (!colon)
		return error_set(error, EPROTO,
				 "the function's response has a line that is no "
				 "header: \"%.40s\"",
				 line);
	char *name_end = colon, *value = colon + 1;
	/* RFC 9112, 5.1: a proxy takes these blanks out of a response. */
	while (name_end > line && grammar_is_blank(name_end[-1]))
		name_end--;
	*name_end = 0;
	while (grammar_is_blank(*value))
		value++;
	char *end = value + strlen(value);
	while (end > value && grammar_is_blank(end[-1]))
		end--;
	*end = 0;
	if (!grammar_is_token(line))
		return error_set(error, EPROTO,
				 "the function's response has a header whose name is none: "
				 "\"%.40s\"",
				 line);
	if (!grammar_is_value(value))
		return error_set(error, EPROTO,
				 "the function's response has a control character in its header "
				 "%.40s",
				 line);
	header->value = value;
	return 0;
}

static int read_length(const char *value, struct response_framing *framing, struct error *error)
{
	uint64_t length = 0;
	bool sound = *value;
	for (; *value && sound; value++)
		sound = grammar_is_digit(*value) && !mul_overflows(length, 10U, &length) &&
			!add_overflows(length, (unsigned)(*value - '0'), &length) &&
			length <= INT64_MAX;
	if (!sound)
		return error_set(error, EPROTO,
				 "the function's response has a Content-Length that is no number");
	if (framing->has_length)
		return error_set(error, EPROTO,
				 "the function's response has more than one Content-Length");
	framing->has_length = true;
	framing->length = length;
	return 0;
}

/* A line that is about the message. 1: it is none of these. */
static int read_framing(const struct contract_header *header, bool cgi,
			struct response_framing *framing, struct error *error)
{
	if (!strcasecmp(header->name, "Content-Length"))
		return read_length(header->value, framing, error);
	if (!strcasecmp(header->name, "Transfer-Encoding")) {
		if (cgi || framing->chunked || strcasecmp(header->value, "chunked"))
			return error_set(error, EPROTO,
					 "the function's response has a Transfer-Encoding that "
					 "cannot be undone: \"%.40s\"",
					 header->value);
		framing->chunked = true;
		return 0;
	}
	if (cgi && !strcasecmp(header->name, "Status")) {
		if (framing->status)
			return error_set(error, EPROTO,
					 "the function's response has more than one Status");
		framing->status = header->value;
		return 0;
	}
	return 1;
}

/* Takes out what belongs to the connection: what any Connection header names, too. */
static void drop_connection(struct contract_head *head)
{
	size_t kept = 0;
	bool drops[CONTRACT_HEADERS_MAX];
	for (size_t i = 0; i < head->header_count; i++) {
		drops[i] = hop_is_header(head->headers[i].name);
		for (size_t j = 0; j < head->header_count && !drops[i]; j++)
			drops[i] = !strcasecmp(head->headers[j].name, "Connection") &&
				   hop_is_listed(head->headers[j].value, head->headers[i].name);
	}
	for (size_t i = 0; i < head->header_count; i++)
		if (!drops[i])
			head->headers[kept++] = head->headers[i];
	head->header_count = kept;
}

int response_head_read(char *rest, bool cgi, struct contract_head *head,
		       struct response_framing *framing, struct error *error)
{
	*framing = (struct response_framing){0};
	head->header_count = 0;
	for (char *line; (line = response_head_line(&rest));) {
		struct contract_header header;
		int result = read_line(line, &header, error);
		if (!result)
			result = read_framing(&header, cgi, framing, error);
		if (result < 0)
			return result;
		if (!result)
			continue;
		if (head->header_count == CONTRACT_HEADERS_MAX)
			return error_set(error, EPROTO,
					 "the function's response has more than %d headers",
					 CONTRACT_HEADERS_MAX);
		head->headers[head->header_count++] = header;
	}
	drop_connection(head);
	return 0;
}
