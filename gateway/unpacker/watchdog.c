#include "gateway/unpacker/watchdog.h"

#include <stdbool.h>
#include <string.h>

#define PROGRAM "fwatchdog" /* the classic one, and of-watchdog, too */

/* The first word of the command that the image runs. */
static const char *first_word(const json_t *description)
{
	const json_t *command = json_object_get(description, "command");
	if (!json_array_size(command))
		command = json_object_get(description, "arguments");
	return json_string_value(json_array_get(command, 0));
}

static const char *variable(const json_t *description, const char *name)
{
	size_t index;
	json_t *word;
	const size_t length = strlen(name);
	json_array_foreach(json_object_get(description, "environment"), index, word)
	{
		const char *text = json_string_value(word);
		if (text && !strncmp(text, name, length) && text[length] == '=')
			return text + length + 1;
	}
	return NULL;
}

/* With http the program is a server, which the gateway finds out by itself. Others are not known. */
static bool is_known(const char *mode)
{
	return !mode || !*mode || !strcmp(mode, "streaming") || !strcmp(mode, "serializing") ||
	       !strcmp(mode, "http");
}

const char *watchdog_process(const json_t *description)
{
	const char *word = first_word(description);
	if (!word)
		return NULL;
	const char *slash = strrchr(word, '/');
	if (strcmp(slash ? slash + 1 : word, PROGRAM) != 0 ||
	    !is_known(variable(description, "mode")))
		return NULL;
	const char *process = variable(description, "fprocess");
	return process ? process : variable(description, "function_process");
}
