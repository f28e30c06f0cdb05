/* The command line of a guest: Unikraft takes it apart at spaces, and knows quotes; see boot.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "monitor/guests/pc/boot.h"

#define END_OF_PARAMETERS "--"

static const char *quote_for(const char *word)
{
	if (*word && !strpbrk(word, " \t\n"))
		return "";
	return !strchr(word, '"') ? "\"" : !strchr(word, '\'') ? "'" : NULL;
}

/* Puts words behind those that there are, in quotes or without. */
static int append(char *line, const char *words, const char *quote, struct error *error)
{
	const size_t used = strlen(line);
	const int length = snprintf(line + used, PC_COMMAND_LINE_MAX - used, "%s%s%s%s",
				    used ? " " : "", quote, words, quote);
	if ((size_t)length >= PC_COMMAND_LINE_MAX - used)
		return error_set(error, E2BIG, "its command line is longer than %lu bytes",
				 PC_COMMAND_LINE_MAX - 1);
	return 0;
}

static int add(char *line, const char *word, struct error *error)
{
	const char *quote = quote_for(word);
	if (!quote)
		return error_set(
		    error, EINVAL,
		    "its argument '%.64s' has spaces and both kinds of quotes, which a "
		    "command line of Unikraft cannot have",
		    word);
	return append(line, word, quote, error);
}

static bool names_parameters(const char *const *arguments)
{
	for (; *arguments; arguments++)
		if (!strcmp(*arguments, END_OF_PARAMETERS))
			return true;
	return false;
}

/* A parameter with several values, `lib.name=[ one two ]`: Unikraft looks for them in words of their own. */
static bool is_list(const char *word)
{
	const char *value = strchr(word, '=');
	return value && value[1] == '[' && value[strlen(value) - 1] == ']';
}

static int add_arguments(char *line, const char *const *arguments, struct error *error)
{
	bool parameters = names_parameters(arguments);
	int result = 0;
	for (; *arguments && !result; arguments++) {
		if (!strcmp(*arguments, END_OF_PARAMETERS))
			parameters = false;
		result = parameters && is_list(*arguments) ? append(line, *arguments, "", error)
							   : add(line, *arguments, error);
	}
	return result;
}

static int build(char *line, const char *const *arguments, const char *parameters,
		 struct error *error)
{
	int result = add(line, *arguments ? *arguments : "unikraft", error);
	if (!result && *parameters) {
		result = append(line, parameters, "", error);
		if (!result && !names_parameters(arguments))
			result = add(line, END_OF_PARAMETERS, error);
	}
	return result || !*arguments ? result : add_arguments(line, arguments + 1, error);
}

int unikraft_command_line(char **line, const char *const *arguments, const char *parameters,
			  struct error *error)
{
	char *built = calloc(1, PC_COMMAND_LINE_MAX);
	if (!built)
		return error_set(error, ENOMEM, "no memory for a command line");
	int result = build(built, arguments, parameters, error);
	if (result)
		free(built);
	else
		*line = built;
	return result;
}
