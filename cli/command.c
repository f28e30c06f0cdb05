/* From the command line to the verb; see command.h. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/verb.h"
#include "options/suggest.h"
#include "util/cleanup.h"
#include "util/log.h"

static int unknown_verb(const char *name, struct error *error)
{
	struct suggestion suggestion;
	suggest_begin(&suggestion, name);
	for (size_t i = 0; verbs[i]; i++)
		suggest_offer(&suggestion, verbs[i]->name);
	if (suggestion.nearest)
		return error_set(error, EINVAL, "unknown verb '%.64s': did you mean %s?", name,
				 suggestion.nearest);
	return error_set(error, EINVAL, "unknown verb '%.64s': see mayfly --help", name);
}

/* `values` already holds the defaults of the verb's options. */
static int parse_and_run(const struct verb *verb, void *values, int argc, char **argv,
			 int *exit_status, struct error *error)
{
	struct common_values common = {.log_level = (int)log_level_now - 1};
	const struct option_set sets[] = {
	    {verb->options, verb->option_count, values},
	    {common_options, common_option_count, &common},
	};
	struct operands operands;
	*exit_status = COMMAND_MISUSE;
	int result = options_parse(sets, sizeof(sets) / sizeof(sets[0]), verb->stop_at_operand,
				   argc, argv, &operands, error);
	if (result)
		return error_wrap(error, "%s", verb->name);
	log_set_level((enum log_level)(common.log_level + 1));
	if (common.help) {
		help_print_verb(stdout, verb);
		*exit_status = 0;
		return 0;
	}
	result = verb->run(values, &operands, error);
	*exit_status = verb->failure_status ? verb->failure_status : COMMAND_FAILED;
	if (result < 0)
		return error_wrap(error, "%s", verb->name);
	*exit_status = result;
	return 0;
}

int command_run(int argc, char **argv, int *exit_status, struct error *error)
{
	*exit_status = COMMAND_MISUSE;
	if (!argc) {
		help_print_command(stderr);
		return 0;
	}
	const char *name = argv[0];
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = verb_help.name;
	else if (!strcmp(name, "--version"))
		name = verb_version.name;
	const struct verb *verb = verb_find(name);
	if (!verb)
		return unknown_verb(name, error);
	cleanup_free void *values = NULL;
	if (verb->values_size) {
		values = malloc(verb->values_size);
		if (!values)
			return error_set_errno(error, ENOMEM, "no memory for the options");
		memcpy(values, verb->defaults, verb->values_size);
	}
	return parse_and_run(verb, values, argc - 1, argv + 1, exit_status, error);
}
