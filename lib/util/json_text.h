/* JSON for strangers and from them. Strings of paths, names and messages may hold any bytes: jansson
 * refuses what is no UTF-8, and a list without an entry that it refused looks whole. For programs that
 * have jansson.
 */
#ifndef MAYFLY_UTIL_JSON_TEXT_H
#define MAYFLY_UTIL_JSON_TEXT_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/error.h"
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

/* jansson goes down into itself for each level. */
static inline bool json_is_too_deep(const char *text, size_t length, unsigned depth_max)
{
	unsigned depth = 0;
	bool within = false; /* a string */
	for (size_t i = 0; i < length; i++) {
		if (within && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			within = !within;
		else if (!within && (text[i] == '{' || text[i] == '[') && ++depth > depth_max)
			return true;
		else if (!within && depth && (text[i] == '}' || text[i] == ']'))
			depth--;
	}
	return false;
}

/* An object from a stranger: no deeper than it has to be, and without a name that is there twice.
 * `flags` are jansson's. NULL with a sentence. */
static inline json_t *json_object_parse(const char *text, size_t length, unsigned depth_max,
					size_t flags, struct error *error)
{
	json_error_t where;
	if (json_is_too_deep(text, length, depth_max)) {
		error_set(error, EINVAL, "the JSON is nested deeper than %u levels", depth_max);
		return NULL;
	}
	json_t *value =
	    json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | flags, &where);
	if (!value) {
		error_set(error, EINVAL, "no JSON: line %d, column %d: %s", where.line,
			  where.column, where.text);
		return NULL;
	}
	if (json_is_object(value))
		return value;
	json_decref(value);
	error_set(error, EINVAL, "the JSON is no object");
	return NULL;
}

#endif
