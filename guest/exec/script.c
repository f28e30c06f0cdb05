/* Scripts; see script.h. The rules are those of Linux' binfmt_script. */
#include "script.h"

#include <errno.h>
#include <stdbool.h>

static bool is_blank(char character)
{
	return character == ' ' || character == '\t';
}

static char *skip_blanks(char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

static char *find_blank(char *text)
{
	while (*text && !is_blank(*text))
		text++;
	return text;
}

static char *find_end(char *line, size_t length)
{
	size_t i = 0;
	while (i < length && line[i] != '\n' && line[i])
		i++;
	return line + i;
}

int script_parse(struct script *script, char *line, size_t length)
{
	if (length < 2 || line[0] != '#' || line[1] != '!')
		return -ENOEXEC;
	char *end = find_end(line, length);
	const bool is_line = *end == '\n', is_cut = end == line + SCRIPT_LINE_MAX;
	*end = 0;
	char *first = skip_blanks(line + 2), *behind = find_blank(first);
	/* A name that is longer than what was read would be another one. Without an end of the line
	 * an empty name is one, which leads nowhere. */
	if ((is_line && !*first) || (is_cut && !*behind))
		return -ENOEXEC;
	while (end > behind && is_blank(end[-1]))
		*--end = 0;
	script->interpreter = first;
	script->argument = NULL;
	if (!*behind)
		return 0;
	*behind = 0;
	char *argument = skip_blanks(behind + 1);
	if (*argument)
		script->argument = argument;
	return 0;
}
