/* From the command line to the verb; see command.h. */
#include "cli/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command/help.h"
#include "cli/command/verb.h"
#include "options/suggest.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/log.h"

/* How many operands there may be, of a verb or of one of its words. */
struct operand_rule {
	const char *usage; /* of the operands */
	size_t least, most;
};

static int unknown_word(const struct verb *verb, const char *given, struct error *error)
{
	struct suggestion suggestion;
	char all[256] = "";
	suggest_begin(&suggestion, given);
	for (size_t i = 0; i < verb->word_count; i++) {
		size_t used = strlen(all);
		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
			 verb->words[i].name);
		suggest_offer(&suggestion, verb->words[i].name);
	}
	if (suggestion.nearest)
		return error_set(error, EINVAL, "'%.64s' is none of %s: did you mean %s?", given,
				 all, suggestion.nearest);
	return error_set(error, EINVAL, "'%.64s' is none of %s", given, all);
}

/* What applies to the operands: those after the word, or all of them if the verb has no words. */
static int find_rule(const struct verb *verb, const void *values, const struct operands *operands,
		     struct operand_rule *rule, const char **word, struct error *error)
{
	*word = NULL;
	*rule = (struct operand_rule){verb->usage, verb->least, verb->most};
	if (verb->least_by_options)
		rule->least = verb->least_by_options(values);
	if (!verb->word_count)
		return 0;
	if (!operands->count && !verb->word_optional)
		return error_set(error, EINVAL, "something is missing: give %s", verb->usage);
	if (!operands->count)
		return *rule = (struct operand_rule){.most = OPERANDS_ANY}, 0;
	for (size_t i = 0; i < verb->word_count; i++) {
		const struct verb_word *known = &verb->words[i];
		if (strcmp(known->name, operands->words[0]) != 0)
			continue;
		*word = known->name;
		*rule = (struct operand_rule){known->operands, known->least, known->most};
		return 0;
	}
	return unknown_word(verb, operands->words[0], error);
}

static int check_operands(const struct verb *verb, const void *values,
			  const struct operands *operands, struct error *error)
{
	struct operand_rule rule;
	const char *word;
	int result = find_rule(verb, values, operands, &rule, &word, error);
	if (result)
		return result;
	size_t before = word ? 1 : 0, count = operands->count - before;
	if (count >= rule.least && count <= rule.most)
		return 0;
	if (count < rule.least)
		error_set(error, EINVAL, "something is missing: give %s", rule.usage);
	else if (!rule.most)
		error_set(error, EINVAL, "takes no arguments, but got '%.64s'",
			  operands->words[before]);
	else
		error_set(error, EINVAL, "takes %s and no more, but got '%.64s'", rule.usage,
			  operands->words[before + rule.most]);
	return word ? error_wrap(error, "%s", word) : -EINVAL;
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
	int result = options_parse(sets, ARRAY_SIZE(sets), verb->stop_at_operand, argc, argv,
				   &operands, error);
	if (result)
		return error_wrap(error, "%s", verb->name);
	log_set_level((enum log_level)(common.log_level + 1));
	if (common.help) {
		help_print_verb(stdout, verb);
		*exit_status = 0;
		return 0;
	}
	result = check_operands(verb, values, &operands, error);
	if (result)
		return error_wrap(error, "%s", verb->name);
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
		return verb_unknown(name, error);
	cleanup_free void *values = NULL;
	if (verb->values_size) {
		values = malloc(verb->values_size);
		if (!values)
			return error_set_errno(error, ENOMEM, "no memory for the options");
		memcpy(values, verb->defaults, verb->values_size);
	}
	return parse_and_run(verb, values, argc - 1, argv + 1, exit_status, error);
}
