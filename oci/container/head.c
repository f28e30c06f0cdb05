/* The head of a request of HTTP; see head.h. */
#include "oci/container/head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define NAME  "Connection:"
#define CLOSE "Connection: close\r\n"

size_t head_length(const char *text, size_t length)
{
	for (size_t at = 0; at < length; at++) {
		const char *line = memchr(text + at, '\n', length - at);
		if (!line)
			return 0;
		at = (size_t)(line - text);
		const size_t left = length - at - 1;
		if (left >= 1 && line[1] == '\n')
			return at + 2;
		if (left >= 2 && line[1] == '\r' && line[2] == '\n')
			return at + 3;
	}
	return 0;
}

/* Of a line, with its end. */
static size_t line_length(const char *line, size_t left)
{
	const char *end = memchr(line, '\n', left);
	return end ? (size_t)(end - line) + 1 : left;
}

static bool is_connection(const char *line, size_t length)
{
	return length >= sizeof(NAME) - 1 && !strncasecmp(line, NAME, sizeof(NAME) - 1);
}

static bool wants_upgrade(const char *head, size_t length)
{
	static const char word[] = "upgrade";
	for (size_t at = 0; at < length;) {
		const size_t size = line_length(head + at, length - at);
		for (size_t i = 0; is_connection(head + at, size) && i + sizeof(word) <= size; i++)
			if (!strncasecmp(head + at + i, word, sizeof(word) - 1))
				return true;
		at += size;
	}
	return false;
}

size_t head_close(const char *head, size_t length, char *out)
{
	size_t used = line_length(head, length);
	memcpy(out, head, used);
	if (wants_upgrade(head, length)) {
		memcpy(out, head, length);
		return length;
	}
	size_t at = used;
	memcpy(out + used, CLOSE, sizeof(CLOSE) - 1);
	used += sizeof(CLOSE) - 1;
	while (at < length) {
		const size_t size = line_length(head + at, length - at);
		if (!is_connection(head + at, size)) {
			memcpy(out + used, head + at, size);
			used += size;
		}
		at += size;
	}
	return used;
}
