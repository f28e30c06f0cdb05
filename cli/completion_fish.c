/* The completion script for fish: one `complete` command for each thing that can be typed. */
#include "cli/completion.h"

#include "cli/verb.h"

/* In single quotes fish reads everything as it is but \ and '. */
static void print_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static void print_option(FILE *out, const char *verb, const struct option_spec *spec)
{
	fprintf(out, "complete -c mayfly -n '__fish_seen_subcommand_from %s' -l %s", verb,
		spec->name);
	if (spec->letter)
		fprintf(out, " -s %c", spec->letter);
	if (spec->kind == OPTION_CHOICE) {
		fputs(" -x -a '", out);
		for (size_t i = 0; spec->choices[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", spec->choices[i]);
		fputs("'", out);
	} else if (spec->kind != OPTION_FLAG && !spec->value_optional) {
		fputs(spec->takes_file ? " -r -F" : " -x", out);
	}
	fputs(" -d ", out);
	print_quoted(out, spec->help);
	fputc('\n', out);
}

void completion_print_fish(FILE *out)
{
	fputs("# Completion of mayfly(1) for fish; made by: mayfly completion fish\n"
	      "complete -c mayfly -f\n",
	      out);
	for (size_t i = 0; verbs[i]; i++) {
		const struct verb *verb = verbs[i];
		fprintf(out, "complete -c mayfly -n __fish_use_subcommand -a %s -d ", verb->name);
		print_quoted(out, verb->summary);
		fputc('\n', out);
		if (verb->takes_files)
			fprintf(out, "complete -c mayfly -n '__fish_seen_subcommand_from %s' -F\n",
				verb->name);
		for (size_t j = 0; j < verb->word_count; j++) {
			fprintf(out,
				"complete -c mayfly -n '__fish_seen_subcommand_from %s' -a %s -d ",
				verb->name, verb->words[j].name);
			print_quoted(out, verb->words[j].help);
			fputc('\n', out);
		}
		for (size_t j = 0; j < verb->option_count; j++)
			print_option(out, verb->name, &verb->options[j]);
		for (size_t j = 0; j < common_option_count; j++)
			print_option(out, verb->name, &common_options[j]);
	}
}
