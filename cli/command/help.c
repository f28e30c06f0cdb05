/* The help that --help and `mayfly help` print; see help.h. */
#include "cli/command/help.h"

#include <string.h>

#define TERM_WIDTH 128

void help_print_command(FILE *out)
{
	fputs("Usage: mayfly VERB [OPTION...] [OPERAND...]\n\n", out);
	help_print_wrapped(out,
			   "Runs serverless functions, each request in a microVM of its own, with "
			   "accelerated machine learning on the host.",
			   0, 0);
	fputs("\nVerbs:\n", out);
	for (size_t i = 0; verbs[i]; i++)
		help_print_entry(out, verbs[i]->name, verbs[i]->summary);
	fputs("\n'mayfly help VERB' tells more about a verb, 'man mayfly' about all of them.\n",
	      out);
}

void help_print_verb(FILE *out, const struct verb *verb)
{
	fprintf(out, "Usage: mayfly %s [OPTION...]%s%s\n\n", verb->name, *verb->usage ? " " : "",
		verb->usage);
	help_print_wrapped(out, verb->description, 0, 0);
	if (verb->word_count) {
		fprintf(out, "\nWhat to do:\n");
		for (size_t i = 0; i < verb->word_count; i++) {
			char term[TERM_WIDTH];
			snprintf(term, sizeof(term), "%s %s", verb->words[i].name,
				 verb->words[i].operands);
			help_print_entry(out, term, verb->words[i].help);
		}
	}
	fputs("\nOptions:\n", out);
	help_print_options(out, verb->options, verb->option_count, verb->defaults);
	help_print_options(out, common_options, common_option_count, NULL);
}
