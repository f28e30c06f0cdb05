#include "api/shape.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "api/base64.h"
#include "api/time_text.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/json_text.h"

/* The deepest that is read is alerts[].labels{}; clients may have more than that in what is passed over. */
#define DEPTH_MAX 16

#define PATH_MEMBER_MAX 64

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

json_t *shape_parse(const char *text, size_t length, struct error *error)
{
	/* A NUL may be in what is passed over. */
	return json_object_parse(text, length, DEPTH_MAX, JSON_ALLOW_NUL, error);
}

/* The member at a path; NULL: it is not there. */
static const json_t *find_member(const json_t *object, const char *path)
{
	char name[PATH_MEMBER_MAX];
	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		object = json_object_get(object, name);
	}
	return json_object_get(object, path);
}

/* NULL, with a sentence: it is no string, or has a NUL. */
static const char *read_string(const json_t *value, const char *path, const char *key,
			       struct error *error)
{
	const char *text = json_string_value(value);
	if (text && strlen(text) == json_string_length(value))
		return text;
	error_set(error, EINVAL, "%s%.200s: %s", path, key, text ? "a NUL within" : "not a string");
	return NULL;
}

static int read_texts(const struct shape_member *member, const json_t *value, struct record *record,
		      struct error *error)
{
	size_t index;
	json_t *text;
	if (!json_is_array(value))
		return error_set(error, EINVAL, "%s: not an array", member->path);
	json_array_foreach(value, index, text)
	{
		char place[32];
		snprintf(place, sizeof(place), "[%zu]", index);
		const char *string = read_string(text, member->path, place, error);
		if (!string)
			return -EINVAL;
		record_add_text(record, member->field, string);
	}
	return 0;
}

static int read_pairs(const struct shape_member *member, const json_t *value, struct record *record,
		      struct error *error)
{
	const char *key;
	json_t *text;
	if (!json_is_object(value))
		return error_set(error, EINVAL, "%s: not an object", member->path);
	json_object_foreach((json_t *)value, key, text)
	{
		if (json_is_null(text))
			continue;
		char place[256];
		snprintf(place, sizeof(place), ".%.200s", key);
		const char *string = read_string(text, member->path, place, error);
		if (!string)
			return -EINVAL;
		if (strlen(key) > RECORD_KEY_MAX)
			return error_set(error, EINVAL, "%s: a name that is too long",
					 member->path);
		record_add_pair(record, member->field, key, string);
	}
	return 0;
}

static int read_number(const struct shape_member *member, const json_t *value,
		       struct record *record, struct error *error)
{
	if (json_is_real(value) &&
	    json_real_value(value) == (double)(int64_t)json_real_value(value) &&
	    json_real_value(value) >= 0) {
		record_add_number(record, member->field, (uint64_t)json_real_value(value));
		return 0;
	}
	if (!json_is_integer(value))
		return error_set(error, EINVAL, "%s: not a whole number", member->path);
	if (json_integer_value(value) < 0)
		return error_set(error, EINVAL, "%s: negative", member->path);
	record_add_number(record, member->field, (uint64_t)json_integer_value(value));
	return 0;
}

static int read_bytes(const struct shape_member *member, const json_t *value, struct record *record,
		      struct error *error)
{
	const char *text = json_string_value(value);
	if (!text)
		return error_set(error, EINVAL, "%s: not a string", member->path);
	const size_t length = json_string_length(value);
	uint8_t *bytes = malloc(base64_room(length));
	if (!bytes)
		return error_set(error, ENOMEM, "%s: no memory", member->path);
	const long used = base64_decode(text, length, bytes);
	if (used >= 0)
		record_add(record, member->field, "", 0, bytes, (size_t)used);
	explicit_bzero(bytes, base64_room(length));
	free(bytes);
	return used < 0 ? error_set(error, EINVAL, "%s: not base64", member->path) : 0;
}

static int read_member(const struct shape_member *member, const json_t *value,
		       struct record *record, struct error *error)
{
	const char *text;
	switch ((enum shape_kind)member->kind) {
	case SHAPE_TEXT:
		text = read_string(value, member->path, "", error);
		if (!text)
			return -EINVAL;
		record_add_text(record, member->field, text);
		return 0;
	case SHAPE_TEXTS:
		return read_texts(member, value, record, error);
	case SHAPE_PAIRS:
		return read_pairs(member, value, record, error);
	case SHAPE_NUMBER:
		return read_number(member, value, record, error);
	case SHAPE_BOOLEAN:
		if (!json_is_boolean(value))
			return error_set(error, EINVAL, "%s: neither true nor false", member->path);
		record_add_number(record, member->field, json_is_true(value));
		return 0;
	case SHAPE_BYTES:
		return read_bytes(member, value, record, error);
	case SHAPE_SECONDS:
	case SHAPE_NANOSECONDS:
		return 0;
	}
	return 0;
}

static bool is_absent(const json_t *value)
{
	return !value || json_is_null(value) ||
	       (json_is_string(value) && !json_string_length(value));
}

int shape_read(const struct shape *shape, const json_t *object, struct record *record,
	       struct error *error)
{
	bool there = false; /* the member before */
	for (size_t i = 0; i < shape->count; i++) {
		const struct shape_member *member = &shape->members[i];
		const json_t *value = find_member(object, member->path);
		if (member->flags & SHAPE_OTHERWISE && there)
			continue;
		there = !is_absent(value);
		if (!there) {
			if (member->flags & SHAPE_REQUIRED)
				return error_set(error, EINVAL, "%s: missing", member->path);
			continue;
		}
		const int result = read_member(member, value, record, error);
		if (result)
			return result;
	}
	return record->result ? error_set_errno(error, -record->result, "cannot keep the request")
			      : 0;
}

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

static json_t *write_text(const struct record_field *field)
{
	return json_text_of((const char *)field->value, field->length);
}

json_t *shape_write_texts(struct record_view record, uint16_t tag)
{
	json_t *array = json_array();
	struct record_field field;
	while (record_next(&record, &field))
		if (field.tag == tag)
			json_array_append_new(array, write_text(&field));
	return array;
}

static json_t *write_pairs(struct record_view record, uint16_t tag)
{
	json_t *object = json_object();
	struct record_field field;
	while (record_next(&record, &field))
		if (field.tag == tag)
			json_object_set_new(object, field.key, write_text(&field));
	return object;
}

static json_t *write_time(uint64_t time, uint64_t unit_ns)
{
	char text[TIME_TEXT_SIZE];
	uint64_t time_ns;
	if (mul_overflows(time, unit_ns, &time_ns))
		time_ns = 0;
	time_text_format(time_ns, text);
	return json_string(text);
}

/* NULL where there is none, or no memory. */
static json_t *write_member(const struct shape_member *member, struct record_view record)
{
	struct record_field field;
	const bool always = member->flags & SHAPE_ALWAYS;
	if (!record_find(record, member->field, &field) && !always)
		return NULL;
	const uint64_t number = record_find_number(record, member->field, 0);
	switch ((enum shape_kind)member->kind) {
	case SHAPE_TEXT: {
		const char *text = record_find_text(record, member->field, "");
		return *text || always ? json_text(text) : NULL;
	}
	case SHAPE_TEXTS:
		return shape_write_texts(record, member->field);
	case SHAPE_PAIRS:
		return write_pairs(record, member->field);
	case SHAPE_NUMBER:
		return number || always
			   ? json_integer((json_int_t)(number > INT64_MAX ? INT64_MAX : number))
			   : NULL;
	case SHAPE_BOOLEAN:
		return number || always ? json_boolean(number) : NULL;
	case SHAPE_SECONDS:
		return number || always ? write_time(number, NANOSECONDS_PER_SECOND) : NULL;
	case SHAPE_NANOSECONDS:
		return number || always ? write_time(number, 1) : NULL;
	case SHAPE_BYTES:
		return NULL;
	}
	return NULL;
}

/* Puts a value at a path; it is taken. */
static void set_member(json_t *object, const char *path, json_t *value)
{
	char name[PATH_MEMBER_MAX];
	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		json_t *within = json_object_get(object, name);
		if (!within) {
			within = json_object();
			json_object_set_new(object, name, within);
		}
		object = within;
	}
	json_object_set_new(object, path, value);
}

json_t *shape_write(const struct shape *shape, struct record_view record)
{
	json_t *object = json_object();
	for (size_t i = 0; object && i < shape->count; i++) {
		json_t *value = write_member(&shape->members[i], record);
		if (value)
			set_member(object, shape->members[i].path, value);
	}
	return object;
}
