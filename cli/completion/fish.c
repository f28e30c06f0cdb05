/* The completion script for fish: one `complete` command for each thing that can be typed. */
#include "cli/completion/completion.h"

#include "cli/command/verb.h"

static bool wants_value(const struct option_spec *spec)
{
	return spec->kind != OPTION_FLAG && spec->kind != OPTION_NAMED && !spec->value_optional;
}

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
	/* To fish, "--option:" is a whole option: what follows it is the user's to type. */
	fprintf(out, "complete -c mayfly -n '__mayfly_verb %s' -l %s%s", verb, spec->name,
		spec->kind == OPTION_NAMED ? ":" : "");
	if (spec->letter)
		fprintf(out, " -s %c", spec->letter);
	if (spec->kind == OPTION_CHOICE) {
		fputs(" -x -a '", out);
		for (size_t i = 0; spec->choices[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", spec->choices[i]);
		fputs("'", out);
	} else if (wants_value(spec)) {
		fputs(spec->takes_file ? " -r -F" : " -x", out);
	}
	fputs(" -d ", out);
	print_quoted(out, spec->help);
	fputc('\n', out);
}

/* `where` is a further condition, or "". */
static void print_words(FILE *out, const char *verb, const char *where, const char *words)
{
	fprintf(out, "complete -c mayfly -n '__mayfly_verb %s%s' -a '(__mayfly_words %s)'\n", verb,
		where, words);
}

static void print_kind(FILE *out, const char *verb, const char *where, enum completion_kind kind)
{
	if (kind == COMPLETE_FILES)
		fprintf(out, "complete -c mayfly -n '__mayfly_verb %s%s' -F\n", verb, where);
	else if (completion_kind_name(kind))
		print_words(out, verb, where, completion_kind_name(kind));
	if (kind == COMPLETE_IMAGES) {
		fprintf(out, "complete -c mayfly -n '__mayfly_verb %s%s' -F\n", verb, where);
		print_words(out, verb, where, "functions");
	}
	if (kind != COMPLETE_PROGRAMS)
		return;
	fprintf(out, "complete -c mayfly -n '__mayfly_verb %s' -F\n", verb);
	print_words(out, verb, "; and __mayfly_first", "functions");
	print_words(out, verb, "; and not __mayfly_first", "arguments (__mayfly_operands)[1]");
}

static void print_verb(FILE *out, const struct verb *verb)
{
	char where[64];
	fprintf(out, "complete -c mayfly -n __fish_use_subcommand -a %s -d ", verb->name);
	print_quoted(out, verb->summary);
	fputc('\n', out);
	print_kind(out, verb->name, "", verb->completes);
	for (size_t i = 0; i < verb->word_count; i++) {
		const struct verb_word *word = &verb->words[i];
		fprintf(out,
			"complete -c mayfly -n '__mayfly_verb %s; and __mayfly_first' -a %s -d ",
			verb->name, word->name);
		print_quoted(out, word->help);
		fputc('\n', out);
		snprintf(where, sizeof(where), "; and __mayfly_word %s", word->name);
		print_kind(out, verb->name, where, word->completes);
	}
	for (size_t i = 0; i < verb->option_count; i++)
		print_option(out, verb->name, &verb->options[i]);
	for (size_t i = 0; i < common_option_count; i++)
		print_option(out, verb->name, &common_options[i]);
}

/* "verb,--option" for each option whose value is the next word. */
static void print_with_value(FILE *out, const char *verb, const struct option_spec *specs,
			     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!wants_value(&specs[i]))
			continue;
		fprintf(out, " %s,--%s", verb, specs[i].name);
		if (specs[i].letter)
			fprintf(out, " %s,-%c", verb, specs[i].letter);
	}
}

static void print_operands(FILE *out)
{
	fputs("function __mayfly_operands\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tset -l value 0\n"
	      "\tfor word in $words[3..-1]\n"
	      "\t\tif test $value = 1\n"
	      "\t\t\tset value 0\n"
	      "\t\telse if contains -- $words[2],$word",
	      out);
	for (size_t i = 0; verbs[i]; i++) {
		print_with_value(out, verbs[i]->name, verbs[i]->options, verbs[i]->option_count);
		print_with_value(out, verbs[i]->name, common_options, common_option_count);
	}
	fputs("\n"
	      "\t\t\tset value 1\n"
	      "\t\telse if not string match -q -- '-*' $word\n"
	      "\t\t\techo $word\n"
	      "\t\tend\n"
	      "\tend\n"
	      "end\n",
	      out);
}

void completion_print_fish(FILE *out)
{
	fputs("# Completion of mayfly(1) for fish; made by: mayfly completion fish\n", out);
	print_operands(out);
	fputs("function __mayfly_verb\n"
	      "\tset -l words (commandline -opc)\n"
	      "\ttest (count $words) -gt 1; and test $words[2] = $argv[1]\n"
	      "end\n"
	      "function __mayfly_first\n"
	      "\ttest (count (__mayfly_operands)) -eq 0\n"
	      "end\n"
	      "function __mayfly_word\n"
	      "\tset -l words (__mayfly_operands)\n"
	      "\ttest (count $words) -gt 0; and test $words[1] = $argv[1]\n"
	      "end\n"
	      "function __mayfly_words\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tset -l command (string replace -r '^~/' \"$HOME/\" -- $words[1])\n"
	      "\t$command completion words $argv 2>/dev/null\n"
	      "end\n"
	      "complete -c mayfly -f\n",
	      out);
	for (size_t i = 0; verbs[i]; i++)
		print_verb(out, verbs[i]);
}
