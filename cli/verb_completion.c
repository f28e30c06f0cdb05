/* mayfly completion: the completion script for a shell. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/completion.h"
#include "cli/verb.h"

static const struct shell {
	const char *name;
	void (*print)(FILE *out);
} shells[] = {
    {"bash", completion_print_bash},
    {"zsh", completion_print_zsh},
    {"fish", completion_print_fish},
};

static int completion_run(const void *values, const struct operands *operands, struct error *error)
{
	if (operands->count != 1)
		return error_set(error, EINVAL, "name one shell: bash, zsh or fish");
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(operands->words[0], shells[i].name) != 0)
			continue;
		shells[i].print(stdout);
		return 0;
	}
	return error_set(error, EINVAL,
			 "no completion for the shell '%.64s': give bash, zsh or fish",
			 operands->words[0]);
}

static const struct verb_word completion_words[] = {
    {"bash", "", "for bash: source <(mayfly completion bash)"},
    {"zsh", "", "for zsh: put it into a file named _mayfly in a folder of $fpath"},
    {"fish", "", "for fish: mayfly completion fish | source"},
};

const struct verb verb_completion = {
    .name = "completion",
    .summary = "Print the completion script for a shell",
    .usage = "SHELL",
    .description = "Prints a script that makes the shell complete verbs, options and their "
		   "values. An installed Mayfly has it in place already.",
    .words = completion_words,
    .word_count = sizeof(completion_words) / sizeof(completion_words[0]),
    .run = completion_run,
};
