/* Label files: the names of a model's classes, one a line; see description.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "description.h"

static bool has_control_character(const char *text, const char *end)
{
	for (; text < end; text++)
		if ((unsigned char)*text < ' ')
			return true;
	return false;
}

int labels_parse(const char *text, size_t length, size_t classes, const char *where,
		 struct labels *labels, struct error *error)
{
	*labels = (struct labels){.count = classes};
	labels->text = malloc(length + 1);
	labels->lines = calloc(classes, sizeof(labels->lines[0]));
	if (!labels->text || !labels->lines) {
		labels_release(labels);
		return error_set(error, ENOMEM, "no memory for the labels in %s", where);
	}
	memcpy(labels->text, text, length);
	labels->text[length] = 0;
	char *next = labels->text, *end = labels->text + length;
	int result = 0;
	size_t found = 0;
	for (; !result && found < classes && next < end; found++) {
		char *line = next;
		char *newline = memchr(line, '\n', (size_t)(end - line));
		char *stop = newline ? newline : end;
		next = newline ? newline + 1 : end;
		if (stop > line && stop[-1] == '\r')
			stop--;
		*stop = 0;
		if (has_control_character(line, stop))
			result = error_set(error, EINVAL,
					   "%s:%zu: there is a control character in the label",
					   where, found + 1);
		if (line == stop)
			result = error_set(error, EINVAL, "%s:%zu: the label is empty", where,
					   found + 1);
		labels->lines[found] = strcmp(line, "-") ? line : NULL;
	}
	if (!result && found < classes)
		result = error_set(error, EINVAL, "%s has %zu labels for a model of %zu classes",
				   where, found, classes);
	if (result)
		labels_release(labels);
	return result;
}

void labels_release(struct labels *labels)
{
	free(labels->text);
	free(labels->lines);
	*labels = (struct labels){0};
}
