/* JSON strings of paths, names and messages, which may hold any bytes: jansson refuses what is no
 * UTF-8, and a list without an entry that it refused looks whole. For programs that have jansson.
 */
#ifndef MAYFLY_UTIL_JSON_TEXT_H
#define MAYFLY_UTIL_JSON_TEXT_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/utf8.h"

/* A new string of the first `length` bytes of `text`, with U+FFFD for what is no UTF-8. NULL
 * without memory. */
static inline json_t *json_text_of(const char *text, size_t length)
{
	size_t size = 3 * length + 1; /* each byte may become a U+FFFD */
	cleanup_free char *copy = malloc(size);
	if (!copy)
		return NULL;
	utf8_copy(copy, size, text, length);
	return json_string(copy);
}

static inline json_t *json_text(const char *text)
{
	return json_text_of(text, strlen(text));
}

#endif
