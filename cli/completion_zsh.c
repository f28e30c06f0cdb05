/* The completion script for zsh, on top of its _arguments and _describe. */
#include "cli/completion.h"

#include <string.h>

#include "cli/verb.h"

/* Text within single quotes, and within a specification of _arguments, where brackets and colons
 * mean something. */
static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else if (strchr("[]:\\", *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void print_form(FILE *out, const struct option_spec *spec, const char *form,
		       const char *joint)
{
	fprintf(out, "\t\t\t'%s%s%s[", spec->kind == OPTION_LIST ? "*" : "", form, joint);
	print_escaped(out, spec->help);
	fputc(']', out);
	if (spec->kind != OPTION_FLAG) {
		fprintf(out, "%s%s:", spec->value_optional ? "::" : ":", spec->argument);
		if (spec->kind == OPTION_CHOICE) {
			for (size_t i = 0; spec->choices[i]; i++)
				fprintf(out, "%s%s", i ? " " : "(", spec->choices[i]);
			fputc(')', out);
		} else if (spec->takes_file) {
			fputs("_files", out);
		}
	}
	fputs("' \\\n", out);
}

static void print_option(FILE *out, const struct option_spec *spec)
{
	char form[64];
	bool has_value = spec->kind != OPTION_FLAG;
	snprintf(form, sizeof(form), "--%s", spec->name);
	/* "=" lets the value stand in the next word as well, "=-" does not. */
	print_form(out, spec, form, !has_value ? "" : spec->value_optional ? "=-" : "=");
	if (spec->letter) {
		snprintf(form, sizeof(form), "-%c", spec->letter);
		print_form(out, spec, form, has_value ? "+" : "");
	}
}

static void print_verb(FILE *out, const struct verb *verb)
{
	fprintf(out, "\t\t%s)\n\t\t\t_arguments -S \\\n", verb->name);
	for (size_t i = 0; i < verb->option_count; i++)
		print_option(out, &verb->options[i]);
	for (size_t i = 0; i < common_option_count; i++)
		print_option(out, &common_options[i]);
	if (verb->word_count) {
		fputs("\t\t\t'1:what to do:((", out);
		for (size_t i = 0; i < verb->word_count; i++) {
			fprintf(out, "%s%s\\:\"", i ? " " : "", verb->words[i].name);
			print_escaped(out, verb->words[i].help);
			fputc('"', out);
		}
		fputs("))' \\\n", out);
	}
	fputs(verb->takes_files ? "\t\t\t'*:file:_files' ;;\n" : "\t\t\t'*: :' ;;\n", out);
}

void completion_print_zsh(FILE *out)
{
	fputs("#compdef mayfly\n"
	      "# Completion of mayfly(1) for zsh; made by: mayfly completion zsh\n"
	      "_mayfly() {\n"
	      "\tlocal state line\n"
	      "\tlocal -a verbs=(\n",
	      out);
	for (size_t i = 0; verbs[i]; i++) {
		fprintf(out, "\t\t'%s:", verbs[i]->name);
		print_escaped(out, verbs[i]->summary);
		fputs("'\n", out);
	}
	fputs("\t)\n"
	      "\t_arguments -C '1: :->verb' '*:: :->rest'\n"
	      "\tcase $state in\n"
	      "\tverb)\n"
	      "\t\t_describe verb verbs ;;\n"
	      "\trest)\n"
	      "\t\tcase $words[1] in\n",
	      out);
	for (size_t i = 0; verbs[i]; i++)
		print_verb(out, verbs[i]);
	fputs(
	    "\t\tesac ;;\n"
	    "\tesac\n"
	    "}\n"
	    "if [[ $funcstack[1] == _mayfly ]]; then _mayfly \"$@\"; else compdef _mayfly mayfly; "
	    "fi\n",
	    out);
}
