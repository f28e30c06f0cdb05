/* mayfly help: help on the command or on one verb, and the manual page. */
#include <errno.h>

#include "cli/command/help.h"
#include "cli/command/manual.h"
#include "cli/command/verb.h"
#include "sizes/sizes.h"

struct help_values {
	bool man;
};

static int help_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct help_values *chosen = values;
	if (chosen->man) {
		manual_print(stdout);
		return 0;
	}
	if (!operands->count) {
		help_print_command(stdout);
		return 0;
	}
	const struct verb *verb = verb_find(operands->words[0]);
	if (!verb)
		return verb_unknown(operands->words[0], error);
	help_print_verb(stdout, verb);
	return 0;
}

static const struct help_values help_defaults = {0};

static const struct option_spec help_options[] = {
    {"man", 0, OPTION_FLAG, offsetof(struct help_values, man), NULL,
     "print the manual page, in the form that man(1) reads"},
};

const struct verb verb_help = {
    .name = "help",
    .summary = "Show help on the command or on a verb",
    .usage = "[VERB]",
    .description = "Tells what the command, or one of its verbs, does and which options it has.",
    .options = help_options,
    .option_count = ARRAY_SIZE(help_options),
    .defaults = &help_defaults,
    .values_size = sizeof(help_defaults),
    .most = 1,
    .completes = COMPLETE_VERBS,
    .run = help_run,
};
