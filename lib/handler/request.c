#include "handler/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HEAD_MAX   (4UL << 20) /* bytes that the gateway may send */
#define NUMBER_MAX 7	       /* digits of HEAD_MAX */

/* ── the head ────────────────────────────────────────────────────────────────────────────────── */

int request_prepare(struct mayfly_request *request, int input)
{
	*request = (struct mayfly_request){.input = input, .room = REQUEST_BUFFER};
	request->buffer = malloc(request->room + 1);
	return request->buffer ? 0 : ENOMEM;
}

void request_forget(struct mayfly_request *request)
{
	free(request->body);
	request->body = NULL;
	request->whole = NULL;
}

static ssize_t read_some(int input, void *data, size_t size)
{
	ssize_t got;
	do
		got = read(input, data, size);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Reads until there are so many bytes. 0, or a positive error code. */
static int fill(struct mayfly_request *request, size_t wanted)
{
	if (wanted > request->room) {
		char *buffer = realloc(request->buffer, wanted + 1);
		if (!buffer)
			return ENOMEM;
		request->buffer = buffer;
		request->room = wanted;
	}
	while (request->length < wanted) {
		ssize_t got = read_some(request->input, request->buffer + request->length,
					request->room - request->length);
		if (got <= 0)
			return got ? errno : EPROTO;
		request->length += (size_t)got;
	}
	return 0;
}

/* A decimal number up to `end`, at most `most`. False where it is none. */
static bool read_number(const char *text, char end, uint64_t most, uint64_t *number)
{
	*number = 0;
	if (*text == end)
		return false;
	for (; *text != end; text++) {
		const unsigned digit = (unsigned)*text - '0';
		if (digit > 9 || *number > (most - digit) / 10)
			return false;
		*number = 10 * *number + digit;
	}
	return true;
}

/* The netstring's length, and where its text begins. */
static int read_netstring(struct mayfly_request *request, size_t *begin, size_t *length)
{
	const char *colon;
	uint64_t number;
	size_t wanted = 1;
	do {
		const int result = fill(request, wanted);
		if (result)
			return result;
		const size_t looked =
		    request->length < NUMBER_MAX + 1 ? request->length : NUMBER_MAX + 1;
		colon = memchr(request->buffer, ':', looked);
		wanted = request->length + 1;
	} while (!colon && wanted <= NUMBER_MAX + 1);
	if (!colon || !read_number(request->buffer, ':', HEAD_MAX, &number))
		return EPROTO;
	*begin = (size_t)(colon + 1 - request->buffer);
	*length = number;
	const int result = fill(request, *begin + number + 1);
	if (result)
		return result;
	return number && !request->buffer[*begin + number - 1] &&
		       request->buffer[*begin + number] == ','
		   ? 0
		   : EPROTO;
}

/* Lines of "Name: value". */
static int read_headers(struct mayfly_request *request, char *lines)
{
	while (*lines) {
		char *end = strchr(lines, '\n'), *value = strchr(lines, ':');
		if (!end || !value || value > end || request->header_count == REQUEST_HEADERS_MAX)
			return EPROTO;
		*end = *value = 0;
		value += value[1] == ' ' ? 2 : 1;
		request->headers[request->header_count++] = (struct request_header){lines, value};
		lines = end + 1;
	}
	return 0;
}

static int read_field(struct mayfly_request *request, const char *name, char *value)
{
	if (!strcmp(name, "REQUEST_METHOD"))
		request->method = value;
	else if (!strcmp(name, "PATH_INFO"))
		request->path = value;
	else if (!strcmp(name, "REQUEST_URI"))
		request->target = value;
	else if (!strcmp(name, "MAYFLY_HEADERS"))
		return read_headers(request, value);
	else if (!strcmp(name, "CONTENT_LENGTH"))
		return read_number(value, 0, INT64_MAX, &request->body_length) ? 0 : EPROTO;
	return 0;
}

/* Pairs of texts, each with a NUL behind; the last byte is one. */
static int read_fields(struct mayfly_request *request, char *text, size_t length)
{
	const char *end = text + length;
	int result = 0;
	while (text < end && !result) {
		char *name = text, *value = name + strlen(name) + 1;
		if (value >= end)
			return EPROTO;
		text = value + strlen(value) + 1;
		result = read_field(request, name, value);
	}
	return result;
}

int request_begin(struct mayfly_request *request)
{
	size_t begin, length;
	request->length = request->used = request->header_count = 0;
	request->method = request->path = request->target = request->query = NULL;
	request->body_length = 0;
	int result = read_netstring(request, &begin, &length);
	if (!result)
		result = read_fields(request, request->buffer + begin, length);
	if (result)
		return result;
	if (!request->method || !request->path || !request->target)
		return EPROTO;
	const char *mark = strchr(request->target, '?');
	request->query = mark ? mark + 1 : NULL;
	request->used = begin + length + 1;
	request->left = request->body_length;
	return 0;
}

/* ── what the program asks for ───────────────────────────────────────────────────────────────── */

const char *mayfly_request_method(const struct mayfly_request *request)
{
	return request->method;
}

const char *mayfly_request_path(const struct mayfly_request *request)
{
	return request->path;
}

const char *mayfly_request_query(const struct mayfly_request *request)
{
	return request->query;
}

const char *mayfly_request_target(const struct mayfly_request *request)
{
	return request->target;
}

const char *mayfly_request_header(const struct mayfly_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return request->headers[i].value;
	return NULL;
}

bool mayfly_request_header_at(const struct mayfly_request *request, size_t index, const char **name,
			      const char **value)
{
	if (index >= request->header_count)
		return false;
	*name = request->headers[index].name;
	*value = request->headers[index].value;
	return true;
}

uint64_t mayfly_request_length(const struct mayfly_request *request)
{
	return request->body_length;
}

ssize_t mayfly_request_read(struct mayfly_request *request, void *data, size_t size)
{
	const size_t most = request->left < size ? (size_t)request->left : size;
	const size_t here = request->length - request->used;
	ssize_t got = (ssize_t)(here < most ? here : most);
	if (!most)
		return 0;
	if (got) {
		memcpy(data, request->buffer + request->used, (size_t)got);
		request->used += (size_t)got;
	} else {
		got = read_some(request->input, data, most);
		if (!got)
			errno = EIO;
		if (got <= 0)
			return -1;
	}
	request->left -= (uint64_t)got;
	return got;
}

/* Reads all of it into memory of its own. NULL, and errno. */
static char *read_whole(struct mayfly_request *request)
{
	char *body = malloc((size_t)request->body_length + 1);
	for (size_t done = 0; body && request->left;) {
		ssize_t got = mayfly_request_read(request, body + done, (size_t)request->left);
		if (got < 0) {
			const int code = errno;
			free(body);
			errno = code;
			return NULL;
		}
		done += (size_t)got;
	}
	request->body = body;
	return body;
}

static char *find_whole(struct mayfly_request *request)
{
	if (request->left < request->body_length) {
		errno = EALREADY;
		return NULL;
	}
	if (request->body_length > request->length - request->used)
		return read_whole(request);
	request->left = 0;
	return request->buffer + request->used;
}

const void *mayfly_request_body(struct mayfly_request *request, size_t *length)
{
	*length = 0;
	if (!request->whole) {
		char *whole = find_whole(request);
		if (!whole)
			return NULL;
		whole[request->body_length] = 0;
		request->whole = whole;
	}
	*length = (size_t)request->body_length;
	return request->whole;
}
