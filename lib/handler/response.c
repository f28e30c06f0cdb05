#include "handler/response.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>

#define TYPE_USUAL "Content-Type: text/plain; charset=utf-8\r\n"
#define LINES_MAX  128 /* bytes of the lines that are added at the end */

int response_prepare(struct mayfly_response *response, int output)
{
	*response = (struct mayfly_response){.output = output};
	response->head = malloc(RESPONSE_HEAD_MAX);
	response->body = malloc(RESPONSE_BUFFER);
	return response->head && response->body ? 0 : ENOMEM;
}

void response_begin(struct mayfly_response *response)
{
	response->failure = 0;
	response->status = 200;
	response->head_length = response->header_count = response->waiting = 0;
	response->length = UINT64_MAX;
	response->written = 0;
	response->is_sent = response->has_type = false;
}

/* ── sending ─────────────────────────────────────────────────────────────────────────────────── */

/* Writes all parts. */
static int send_parts(struct mayfly_response *response, struct iovec *parts, int count)
{
	while (count && !response->failure) {
		if (!parts->iov_len) {
			parts++;
			count--;
			continue;
		}
		ssize_t done = writev(response->output, parts, count);
		if (done < 0 && errno != EINTR)
			response->failure = errno;
		for (int i = 0; i < count && done > 0; i++) {
			const size_t here =
			    (size_t)done < parts[i].iov_len ? (size_t)done : parts[i].iov_len;
			parts[i].iov_base = (char *)parts[i].iov_base + here;
			parts[i].iov_len -= here;
			done -= (ssize_t)here;
		}
	}
	return response->failure;
}

/* Status and headers that the program does not write itself, and the empty line. */
static int last_lines(const struct mayfly_response *response, char *lines, uint64_t length)
{
	int used = snprintf(lines, LINES_MAX, "Status: %d\r\n", response->status);
	if (!response->has_type && length)
		used += snprintf(lines + used, LINES_MAX - (size_t)used, "%s", TYPE_USUAL);
	if (length != UINT64_MAX)
		used += snprintf(lines + used, LINES_MAX - (size_t)used,
				 "Content-Length: %" PRIu64 "\r\n", length);
	return used + snprintf(lines + used, LINES_MAX - (size_t)used, "\r\n");
}

/* Sends the head if that is still to be done, what waits, and `data`. `length`: of the whole body. */
static int send_all(struct mayfly_response *response, const void *data, size_t size,
		    uint64_t length)
{
	char lines[LINES_MAX];
	struct iovec parts[4] = {{0}};
	if (!response->is_sent) {
		parts[0] = (struct iovec){response->head, response->head_length};
		parts[1] = (struct iovec){lines, (size_t)last_lines(response, lines, length)};
	}
	parts[2] = (struct iovec){response->body, response->waiting};
	parts[3] = (struct iovec){(void *)data, size};
	response->is_sent = true;
	response->waiting = 0;
	return send_parts(response, parts, 4);
}

int response_end(struct mayfly_response *response)
{
	const bool is_known = response->length != UINT64_MAX;
	if (response->failure)
		return response->failure;
	if (is_known && response->length != response->written)
		return EMSGSIZE;
	if (response->is_sent && !response->waiting)
		return 0;
	return send_all(response, NULL, 0, response->written);
}

bool response_fail(struct mayfly_response *response)
{
	static const char text[] = "Internal Server Error\n";
	if (response->is_sent)
		return false;
	response_begin(response);
	response->status = 500;
	send_all(response, text, sizeof(text) - 1, sizeof(text) - 1);
	return true;
}

/* ── what the program says ───────────────────────────────────────────────────────────────────── */

int mayfly_response_status(struct mayfly_response *response, int status)
{
	if (status < 200 || status > 599)
		return EINVAL;
	if (response->is_sent)
		return EALREADY;
	response->status = status;
	return 0;
}

static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789!#$%&'*+-.^_`|~";
	return *name && !name[strspn(name, letters)];
}

static bool is_value(const char *value)
{
	for (; *value; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

/* What the gateway says, or this library. */
static bool is_ours(const char *name)
{
	static const char *const names[] = {"Status",	  "Content-Length", "Transfer-Encoding",
					    "Connection", "Keep-Alive",	    "Trailer",
					    "TE",	  "Upgrade"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

int mayfly_response_header(struct mayfly_response *response, const char *name, const char *value)
{
	if (!is_name(name) || !is_value(value) || is_ours(name))
		return EINVAL;
	if (response->is_sent)
		return EALREADY;
	const size_t left = RESPONSE_HEAD_MAX - response->head_length;
	if (response->header_count == RESPONSE_HEADERS_MAX)
		return E2BIG;
	const int length =
	    snprintf(response->head + response->head_length, left, "%s: %s\r\n", name, value);
	if (length < 0 || (size_t)length >= left)
		return E2BIG;
	response->head_length += (size_t)length;
	response->header_count++;
	response->has_type |= !strcasecmp(name, "Content-Type");
	return 0;
}

int mayfly_response_length(struct mayfly_response *response, uint64_t length)
{
	if (response->is_sent)
		return EALREADY;
	if (length > INT64_MAX)
		return EINVAL;
	response->length = length;
	return 0;
}

int mayfly_response_write(struct mayfly_response *response, const void *data, size_t length)
{
	if (response->failure)
		return response->failure;
	if (response->length != UINT64_MAX && length > response->length - response->written)
		return EFBIG;
	response->written += length;
	if (length > RESPONSE_BUFFER - response->waiting)
		return send_all(response, data, length, response->length);
	if (length)
		memcpy(response->body + response->waiting, data, length);
	response->waiting += length;
	return 0;
}

int mayfly_response_print(struct mayfly_response *response, const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	va_start(arguments, format);
	const int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return ENOMEM;
	const int result = mayfly_response_write(response, text, (size_t)length);
	free(text);
	return result;
}

int mayfly_response_flush(struct mayfly_response *response)
{
	if (response->failure)
		return response->failure;
	return send_all(response, NULL, 0, response->length);
}
