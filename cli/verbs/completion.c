/* mayfly completion: the completion script for a shell. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command/verb.h"
#include "cli/completion/completion.h"
#include "sizes/sizes.h"

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
	if (!strcmp(operands->words[0], "words"))
		return completion_print_words(stdout, operands->words[1],
					      operands->count > 2 ? operands->words[2] : NULL,
					      error);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(operands->words[0], shells[i].name) != 0)
			continue;
		shells[i].print(stdout);
		return 0;
	}
	return error_set(error, EINVAL, "no completion for the shell '%.64s'", operands->words[0]);
}

static const struct verb_word completion_words[] = {
    {"bash", "", "bash: source <(mayfly completion bash)", 0, 0},
    {"zsh", "", "zsh: write it to a file _mayfly in a folder of $fpath", 0, 0},
    {"fish", "", "fish: mayfly completion fish | source", 0, 0},
    {"words", "KIND [FUNCTION]",
     "for the scripts themselves: list functions, models, hosts and the like", 1, 2},
};

const struct verb verb_completion = {
    .name = "completion",
    .summary = "Print the completion script for a shell",
    .usage = "SHELL | words KIND [FUNCTION]",
    .description =
	"Prints a script with which the shell completes verbs, options and their values. "
	"Where Mayfly is installed, the script is in place already.",
    .words = completion_words,
    .word_count = ARRAY_SIZE(completion_words),
    .run = completion_run,
};
