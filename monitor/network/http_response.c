#include "http_response.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX (64UL << 10) /* what is longer, the gateway does not take */

void http_response_begin(struct http_response *response, bool answers_head)
{
	*response = (struct http_response){.answers_head = answers_head};
}

/* The value of a header of that name; NULL: it is another one. */
static const char *value_of(const char *line, const char *name)
{
	const size_t length = strlen(name);
	if (strncasecmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	line += length + 1;
	return line + strspn(line, " \t");
}

static void read_header(struct http_response *response, const char *line)
{
	const char *value = value_of(line, "Content-Length");
	char *end;
	if (value && isdigit((unsigned char)*value)) {
		response->length = strtoull(value, &end, 10);
		response->has_length = true;
	}
	value = value_of(line, "Transfer-Encoding");
	const size_t length = value ? strlen(value) : 0;
	const size_t chunked = strlen("chunked");
	if (length >= chunked && !strcasecmp(value + length - chunked, "chunked"))
		response->is_chunked = true;
}

/* The three digits behind HTTP/1.x. What has none is no response that could end by itself. */
static bool read_status(struct http_response *response, const char *line)
{
	const char *blank = strncmp(line, "HTTP/1.", 7) != 0 ? NULL : strchr(line, ' ');
	response->status = blank ? (unsigned)strtoul(blank, NULL, 10) : 0;
	return response->status >= 100 && response->status <= 599;
}

static enum http_response_part body_of(const struct http_response *response)
{
	if (response->status < 200)
		return HTTP_STATUS_LINE; /* an interim one: the one that counts follows */
	if (response->answers_head || response->status == 204 || response->status == 304)
		return HTTP_COMPLETE;
	if (response->is_chunked)
		return HTTP_BODY_IN_CHUNKS;
	if (!response->has_length)
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
	line[length] = 0;
	if (response->part == HTTP_STATUS_LINE) {
		response->has_length = response->is_chunked = false;
		response->part = read_status(response, line) ? HTTP_HEADERS : HTTP_BODY_TO_THE_END;
	} else if (length) {
		read_header(response, line);
	} else {
		response->part = body_of(response);
	}
}

static void read_head_byte(struct http_response *response, char byte)
{
	if (++response->head_length > HEAD_MAX)
		response->part = HTTP_BODY_TO_THE_END;
	else if (byte == '\n')
		read_line(response);
	else if (response->line_length < HTTP_LINE_SIZE - 1)
		response->line[response->line_length++] = byte;
}

static size_t read_body(struct http_response *response, const uint8_t *data, size_t length)
{
	const uint8_t *rest = data;
	size_t left = length, piece;
	if (response->part == HTTP_BODY_TO_THE_END)
		return length;
	if (response->part == HTTP_BODY_OF_LENGTH) {
		const size_t taken = length < response->length ? length : (size_t)response->length;
		response->length -= taken;
		if (!response->length)
			response->part = HTTP_COMPLETE;
		return taken;
	}
	const int result = chunked_take(&response->chunks, &rest, &left, &piece);
	if (result)
		response->part = result < 0 ? HTTP_BODY_TO_THE_END : HTTP_COMPLETE;
	return length - left;
}

size_t http_response_read(struct http_response *response, const uint8_t *data, size_t length)
{
	size_t used = 0;
	while (used < length && response->part != HTTP_COMPLETE) {
		if (response->part <= HTTP_HEADERS)
			read_head_byte(response, (char)data[used++]);
		else
			used += read_body(response, data + used, length - used);
	}
	return used;
}
