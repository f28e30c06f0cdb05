#include "http/response.h"

#include <string.h>

#include "sizes/sizes.h"

#define HEAD_MAX (64UL << 10) /* what is longer, the gateway does not take */

void http_response_begin(struct http_response *response, bool answers_head)
{
	*response = (struct http_response){.answers_head = answers_head};
}

bool http_response_is_for_head(const void *request, size_t length)
{
	static const char head[] = "HEAD ";
	return length >= strlen(head) && !memcmp(request, head, strlen(head));
}

static char lower(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
}

/* Whether it begins with that, which is in lower case. */
static bool begins_with(const char *text, const char *beginning)
{
	while (*beginning && lower(*text) == *beginning) {
		text++;
		beginning++;
	}
	return !*beginning;
}

/* The value of a header of that name, with its colon; NULL: it is another one. */
static const char *value_of(const char *line, const char *name)
{
	if (!begins_with(line, name))
		return NULL;
	line += strlen(name);
	while (*line == ' ' || *line == '\t')
		line++;
	return line;
}

/* The number that the text begins with; returns what is behind it. NULL: there is none, or it is too
 * large. */
static const char *read_number(const char *text, uint64_t *number)
{
	const char *next = text;
	*number = 0;
	for (; *next >= '0' && *next <= '9'; next++)
		if (mul_overflows(*number, 10U, number) ||
		    add_overflows(*number, (unsigned)(*next - '0'), number))
			return NULL;
	return next != text ? next : NULL;
}

/* The same length may be said twice. */
static void read_length(struct http_response *response, const char *value)
{
	uint64_t number;
	const char *rest = read_number(value, &number);
	if (!rest || *rest || (response->has_length && response->length != number))
		response->unsound = true;
	response->length = number;
	response->has_length = true;
}

/* The last coding of a list, which alone says how a body ends (RFC 9112, 6.3). */
static bool ends_chunked(const char *codings)
{
	const char *last = codings;
	for (; *codings; codings++)
		if (*codings == ',')
			last = codings + 1;
	while (*last == ' ' || *last == '\t')
		last++;
	return strlen(last) == strlen("chunked") && begins_with(last, "chunked");
}

static void read_header(struct http_response *response, const char *line)
{
	const char *value = value_of(line, "content-length:");
	if (value)
		read_length(response, value);
	value = value_of(line, "transfer-encoding:");
	if (value && ends_chunked(value))
		response->is_chunked = true;
}

/* The three digits behind HTTP/1.x. What has none is no response that could end by itself. */
static bool read_status(struct http_response *response, const char *line)
{
	static const char protocol[] = "http/1.";
	uint64_t status = 0;
	const char *blank = line;
	while (*blank && *blank != ' ')
		blank++;
	if (!begins_with(line, protocol) || !*blank || !read_number(blank + 1, &status))
		return false;
	response->status = status <= 599 ? (unsigned)status : 0;
	return response->status >= 100;
}

static enum http_response_part body_of(const struct http_response *response)
{
	if (response->status == 101)
		return HTTP_BODY_TO_THE_END; /* another protocol follows */
	if (response->status < 200)
		return HTTP_STATUS_LINE; /* an interim one: the one that counts follows */
	if (response->answers_head || response->status == 204 || response->status == 304)
		return HTTP_COMPLETE;
	if (response->is_chunked)
		return HTTP_BODY_IN_CHUNKS;
	if (!response->has_length || response->unsound)
		return HTTP_BODY_TO_THE_END;
	return response->length ? HTTP_BODY_OF_LENGTH : HTTP_COMPLETE;
}

static void read_line(struct http_response *response)
{
	char *line = response->line;
	size_t length = response->line_length;
	response->line_length = 0;
	if (length && line[length - 1] == '\r')
		length--;
	size_t trimmed = length;
	while (trimmed && (line[trimmed - 1] == ' ' || line[trimmed - 1] == '\t'))
		trimmed--;
	line[trimmed] = 0;
	if (response->part == HTTP_STATUS_LINE) {
		response->has_length = response->is_chunked = response->unsound = false;
		response->part = read_status(response, line) ? HTTP_HEADERS : HTTP_BODY_TO_THE_END;
	} else if (length) {
		read_header(response, line);
	} else {
		response->unsound |= response->has_length && response->is_chunked;
		response->part = body_of(response);
	}
}

static void read_head_byte(struct http_response *response, char byte)
{
	if (++response->head_length > HEAD_MAX) {
		response->unsound = true;
		response->part = HTTP_BODY_TO_THE_END;
	} else if (byte == '\n') {
		read_line(response);
	} else if (response->line_length < HTTP_LINE_SIZE - 1) {
		response->line[response->line_length++] = byte;
	}
}

static void take_body(struct http_response *response, const uint8_t **data, size_t *length,
		      size_t *piece)
{
	if (response->part == HTTP_BODY_IN_CHUNKS) {
		const int result = chunked_take(&response->chunks, data, length, piece);
		response->unsound |= result < 0;
		if (result)
			response->part = result < 0 ? HTTP_BODY_TO_THE_END : HTTP_COMPLETE;
		return;
	}
	*piece = *length;
	if (response->part == HTTP_BODY_OF_LENGTH) {
		if (*piece >= response->length) {
			*piece = (size_t)response->length;
			response->part = HTTP_COMPLETE;
		}
		response->length -= *piece;
	}
	*data += *piece;
	*length -= *piece;
}

void http_response_take(struct http_response *response, const uint8_t **data, size_t *length,
			size_t *piece)
{
	*piece = 0;
	while (*length && response->part <= HTTP_HEADERS) {
		read_head_byte(response, (char)**data);
		++*data;
		--*length;
	}
	if (*length && response->part != HTTP_COMPLETE)
		take_body(response, data, length, piece);
}

size_t http_response_read(struct http_response *response, const uint8_t *data, size_t length)
{
	const uint8_t *rest = data;
	size_t left = length, piece;
	while (left && response->part != HTTP_COMPLETE)
		http_response_take(response, &rest, &left, &piece);
	return length - left;
}
