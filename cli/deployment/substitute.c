/* ${NAME:-otherwise}; see substitute.h. */
#include "cli/deployment/substitute.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

static int line_of(const char *text, const char *at)
{
	int line = 1;
	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* Writes what "${" at `at` stands for, and returns what follows its "}"; NULL where it is none of
 * the known forms. */
static const char *write_variable(const char *at, FILE *out)
{
	const char *name = at + 2, *end = name;
	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	cleanup_free char *variable = strndup(name, (size_t)(end - name));
	if (!variable || end == name || isdigit((unsigned char)*name))
		return NULL;
	const char *value = getenv(variable);
	if (*end == '}') {
		fputs(value ? value : "", out);
		return end + 1;
	}
	if (*end == ':')
		end++;
	if (*end != '-' && *end != '=')
		return NULL;
	const char *otherwise = end + 1;
	end = strpbrk(otherwise, "}\n");
	if (!end || *end != '}')
		return NULL;
	if (value && *value)
		fputs(value, out);
	else
		fwrite(otherwise, 1, (size_t)(end - otherwise), out);
	return end + 1;
}

int substitute_variables(const char *text, char **out, size_t *length, struct error *error)
{
	int result = 0;
	*out = NULL;
	FILE *file = open_memstream(out, length);
	if (!file)
		return error_set(error, ENOMEM, "no memory for a stack file");
	for (const char *at = text; *at;) {
		if (!strncmp(at, "$${", 3)) {
			fputs("${", file);
			at += 3;
		} else if (!strncmp(at, "${", 2)) {
			const char *next = write_variable(at, file);
			if (!next) {
				result = error_set(error, EINVAL,
						   "line %d: '%.32s' is neither ${NAME} nor "
						   "${NAME:-otherwise}; for the text itself write "
						   "$${",
						   line_of(text, at), at);
				break;
			}
			at = next;
		} else {
			fputc(*at++, file);
		}
	}
	if (fclose(file) && !result)
		result = error_set(error, ENOMEM, "no memory for a stack file");
	if (result) {
		free(*out);
		*out = NULL;
	}
	return result;
}
