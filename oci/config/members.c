#include "oci/config/members.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sizes/sizes.h"

#define SHOWN "%.100s" /* as much of a text as a sentence shows */

static const char *dot(const char *place, const char *name)
{
	return *place && *name && *name != '[' ? "." : "";
}

int member_error(struct error *error, const char *place, const char *name, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(error, EINVAL, "%s%s" SHOWN ": %s", place, dot(place, name), name, text);
}

const json_t *member_find(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

static int find_typed(const json_t *object, const char *place, const char *name, json_type type,
		      const char *what, const json_t **out, struct error *error)
{
	*out = member_find(object, name);
	if (*out && json_typeof(*out) != type) {
		*out = NULL;
		return member_error(error, place, name, "not %s", what);
	}
	return 0;
}

int member_object(const json_t *object, const char *place, const char *name, const json_t **out,
		  struct error *error)
{
	return find_typed(object, place, name, JSON_OBJECT, "an object", out, error);
}

int member_array(const json_t *object, const char *place, const char *name, const json_t **out,
		 struct error *error)
{
	return find_typed(object, place, name, JSON_ARRAY, "an array", out, error);
}

/* ── single values ───────────────────────────────────────────────────────────────────────────── */

const char *member_bound(double bound, char text[MEMBER_BOUND_MAX])
{
	snprintf(text, MEMBER_BOUND_MAX, "%.0f", bound);
	return bound == 0x1p64 ? "18446744073709551615" : text;
}

int member_number(const json_t *value, const char *place, const char *name, double minimum,
		  double maximum, double *number, struct error *error)
{
	if (!json_is_real(value) || json_real_value(value) != trunc(json_real_value(value)))
		return member_error(error, place, name, "not a whole number");
	*number = json_real_value(value);
	char most[MEMBER_BOUND_MAX];
	if (*number < minimum || *number > maximum)
		return member_error(error, place, name, "%.0f is not from %.0f to %s", *number,
				    minimum, member_bound(maximum, most));
	return 0;
}

/* Fields that are signed have negative values only where their minimum is: in two's complement the
 * bytes are the same. */
static void store_number(double number, void *field, size_t size)
{
	int64_t whole;
	/* 2^63 and above: what is as large as that means "no limit". */
	if (number >= 0x1p63)
		whole = INT64_MAX;
	else
		whole = (int64_t)number;
	switch (size) {
	case sizeof(int16_t):
		*(int16_t *)field = (int16_t)whole;
		break;
	case sizeof(int32_t):
		*(int32_t *)field = (int32_t)whole;
		break;
	default:
		*(int64_t *)field = whole;
		break;
	}
}

static int read_text(const json_t *value, const struct member *member, const char *place,
		     const char *name, const char **text, struct error *error)
{
	*text = json_string_value(value);
	if (!*text)
		return member_error(error, place, name, "not a string");
	if (member->kind == MEMBER_PATH || member->kind == MEMBER_PATHS) {
		if (**text != '/')
			return member_error(error, place, name, "'" SHOWN "' is no absolute path",
					    *text);
	} else if (member->kind == MEMBER_VARIABLES) {
		const char *end = strchr(*text, '=');
		if (!end || end == *text)
			return member_error(error, place, name, "'" SHOWN "' is no NAME=VALUE",
					    *text);
	} else if (member->flags & MEMBER_FILLED && member->kind == MEMBER_TEXT && !**text) {
		return member_error(error, place, name, "empty");
	}
	return 0;
}

static int read_texts(struct oci_tree *tree, const json_t *value, const struct member *member,
		      const char *place, const char ***texts, struct error *error)
{
	if (!json_is_array(value))
		return member_error(error, place, member->name, "not an array");
	const size_t count = json_array_size(value);
	if (!count && member->flags & MEMBER_FILLED)
		return member_error(error, place, member->name, "empty");
	const char **list = oci_tree_allocate(tree, count + 1, sizeof(*list), error);
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		char name[64];
		snprintf(name, sizeof(name), "%s[%zu]", member->name, i);
		int result =
		    read_text(json_array_get(value, i), member, place, name, &list[i], error);
		if (result)
			return result;
	}
	*texts = list;
	return 0;
}

static int read_member(struct oci_tree *tree, const struct member *member, const json_t *value,
		       const char *place, char *field, struct error *error)
{
	double number = 0;
	int result;
	switch (member->kind) {
	case MEMBER_TEXT:
	case MEMBER_PATH:
		return read_text(value, member, place, member->name, (const char **)field, error);
	case MEMBER_TEXTS:
	case MEMBER_PATHS:
	case MEMBER_VARIABLES:
		return read_texts(tree, value, member, place, (const char ***)field, error);
	case MEMBER_FLAG:
		if (!json_is_boolean(value))
			return member_error(error, place, member->name, "neither true nor false");
		*(bool *)field = json_is_true(value);
		return 0;
	case MEMBER_NUMBER:
		result = member_number(value, place, member->name, member->minimum, member->maximum,
				       &number, error);
		if (!result)
			store_number(number, field, member->size);
		return result;
	}
	return 0;
}

int members_read(struct oci_tree *tree, const struct member *members, size_t count,
		 const json_t *object, const char *place, void *target, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct member *member = &members[i];
		const json_t *value = member_find(object, member->name);
		if (!value) {
			if (member->flags & MEMBER_REQUIRED)
				return member_error(error, place, member->name, "missing");
			continue;
		}
		int result =
		    read_member(tree, member, value, place, (char *)target + member->offset, error);
		if (result)
			return result;
	}
	return 0;
}

/* ── lists and maps ──────────────────────────────────────────────────────────────────────────── */

int member_list(struct oci_tree *tree, const json_t *object, const char *place, const char *name,
		member_reader *read, size_t size, void *out, size_t *count, struct error *error)
{
	const json_t *array;
	int result = member_array(object, place, name, &array, error);
	const size_t length = json_array_size(array);
	if (result || !length)
		return result;
	char *list = oci_tree_allocate(tree, length, size, error);
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++) {
		const json_t *element = json_array_get(array, i);
		char within[PLACE_MAX];
		snprintf(within, sizeof(within), "%s%s%s[%zu]", place, dot(place, name), name, i);
		if (!json_is_object(element))
			return member_error(error, within, "", "not an object");
		result = read(tree, element, within, list + i * size, error);
		if (result)
			return result;
	}
	*(void **)out = list;
	*count = length;
	return 0;
}

int member_pairs(struct oci_tree *tree, const json_t *object, const char *place, const char *name,
		 struct oci_pair **pairs, size_t *count, struct error *error)
{
	const json_t *map;
	int result = member_object(object, place, name, &map, error);
	const size_t length = json_object_size(map);
	if (result || !length)
		return result;
	struct oci_pair *list = oci_tree_allocate(tree, length, sizeof(*list), error);
	if (!list)
		return -ENOMEM;
	size_t used = 0;
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)map, key, value)
	{
		char within[PLACE_MAX];
		snprintf(within, sizeof(within), "%s%s%s", place, dot(place, name), name);
		if (!*key)
			return member_error(error, within, "", "a name that is empty");
		if (!json_is_string(value))
			return member_error(error, within, key, "not a string");
		list[used++] = (struct oci_pair){key, json_string_value(value)};
	}
	*pairs = list;
	*count = used;
	return 0;
}

int member_word(const char *word, const char *const *words, size_t count, const char *place,
		const char *name, struct error *error)
{
	char known[512];
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(word, words[i]))
			return (int)i;
		used +=
		    (size_t)snprintf(known + used, used < sizeof(known) ? sizeof(known) - used : 0,
				     "%s%s", used ? " " : "", words[i]);
		if (used >= sizeof(known))
			used = sizeof(known) - 1;
	}
	return member_error(error, place, name, "'" SHOWN "' is none of: %s", word, known);
}
