/* Tables and JSON; see output.h. */
#include "cli/remote/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

static const json_t *find_path(const json_t *object, const char *path, size_t length)
{
	char name[128];
	while (object && length) {
		const char *dot = memchr(path, '.', length);
		size_t part = dot ? (size_t)(dot - path) : length;
		if (part >= sizeof(name))
			return NULL;
		memcpy(name, path, part);
		name[part] = 0;
		object = json_object_get(object, name);
		path += part + (dot != NULL);
		length -= part + (dot != NULL);
	}
	return object;
}

const json_t *output_member(const json_t *object, const char *member)
{
	while (*member) {
		size_t length = strcspn(member, "|");
		const json_t *found = find_path(object, member, length);
		if (found)
			return found;
		member += length + (member[length] == '|');
	}
	return NULL;
}

char *output_text(const json_t *value)
{
	char *text = NULL;
	if (json_is_string(value))
		text = strndup(json_string_value(value), json_string_length(value));
	else if (json_is_integer(value))
		text = asprintf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) < 0
			   ? NULL
			   : text;
	else if (value)
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	else
		text = strdup("-");
	if (text)
		text_make_line(text, strlen(text));
	return text;
}

static char *cell(const json_t *object, const struct output_column *column)
{
	const json_t *value = output_member(object, column->member);
	if (!value && column->number)
		return strdup("0");
	return output_text(value);
}

/* Characters and not bytes; wide ones count as one. */
static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += (*text & 0xC0) != 0x80;
	return width;
}

static size_t column_width(const json_t *array, const struct output_column *column)
{
	size_t widest = strlen(column->title), index;
	const json_t *object;
	json_array_foreach(array, index, object)
	{
		cleanup_free char *text = cell(object, column);
		size_t width = text ? width_of(text) : 0;
		widest = width > widest ? width : widest;
	}
	return widest;
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
	size_t own = width_of(text), pad = own < width ? width - own : 0;
	if (right)
		printf("%*s%s", (int)pad, "", text);
	else
		printf("%s%*s", text, last ? 0 : (int)pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void output_table(const json_t *array, const struct output_column *columns, size_t count)
{
	size_t widths[16], index;
	const json_t *object;
	for (size_t i = 0; i < count; i++)
		widths[i] = column_width(array, &columns[i]);
	for (size_t i = 0; i < count; i++)
		print_cell(columns[i].title, widths[i], columns[i].number, i + 1 == count);
	json_array_foreach(array, index, object)
	{
		for (size_t i = 0; i < count; i++) {
			cleanup_free char *text = cell(object, &columns[i]);
			print_cell(text ? text : "?", widths[i], columns[i].number, i + 1 == count);
		}
	}
}

/* An object or a list has a line for each of its own. */
static void print_field(const char *title, int width, const json_t *value)
{
	const char *key;
	const json_t *entry;
	size_t index;
	char named[64];
	snprintf(named, sizeof(named), "%s:", title);
	if (json_is_object(value)) {
		json_object_foreach((json_t *)value, key, entry)
		{
			cleanup_free char *name = strdup(key);
			if (name)
				text_make_line(name, strlen(name));
			cleanup_free char *text = output_text(entry);
			printf("%-*s  %s=%s\n", width + 1, named, name ? name : "?",
			       text ? text : "?");
			*named = 0;
		}
		return;
	}
	if (json_is_array(value)) {
		json_array_foreach(value, index, entry)
		{
			cleanup_free char *text = output_text(entry);
			printf("%-*s  %s\n", width + 1, named, text ? text : "?");
			*named = 0;
		}
		return;
	}
	cleanup_free char *text = output_text(value);
	printf("%-*s  %s\n", width + 1, named, text ? text : "?");
}

void output_fields(const json_t *object, const struct output_column *columns, size_t count)
{
	int width = 0;
	for (size_t i = 0; i < count; i++) {
		int own = (int)strlen(columns[i].title);
		width = own > width ? own : width;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *value = output_member(object, columns[i].member);
		if (value)
			print_field(columns[i].title, width, value);
		else if (columns[i].number)
			printf("%s:%*s  0\n", columns[i].title,
			       width - (int)strlen(columns[i].title), "");
	}
}

int output_json(const json_t *json, struct error *error)
{
	if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY))
		return error_set(error, EIO, "cannot write the answer as JSON");
	putchar('\n');
	return 0;
}
