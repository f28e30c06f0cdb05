/* The completion script for zsh, on top of its _arguments and _describe. */
#include "cli/completion/completion.h"

#include <string.h>

#include "cli/command/verb.h"

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
	const bool repeats = spec->kind == OPTION_LIST || spec->kind == OPTION_NAMED;
	fprintf(out, "\t\t\t'%s%s%s[", repeats ? "*" : "", form, joint);
	print_escaped(out, spec->help);
	fputc(']', out);
	if (spec->kind != OPTION_FLAG) {
		fprintf(out, "%s%s:", spec->value_optional ? "::" : ":", spec->argument);
		if (spec->kind == OPTION_CHOICE) {
			for (size_t i = 0; spec->choices[i]; i++)
				fprintf(out, "%s%s", i ? " " : "(", spec->choices[i]);
			fputc(')', out);
		} else if (spec->takes_file && spec->kind == OPTION_NAMED) {
			fputs("{compset -P \"*=\"; _files}", out);
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
	if (spec->kind == OPTION_NAMED) {
		print_form(out, spec, form, "\\:-");
		return;
	}
	/* With "=" the value may also be the next word, with "=-" it may not. */
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
		fprintf(out, "))' \\\n\t\t\t'*: : _mayfly_rest %s' ;;\n", verb->name);
	} else if (verb->completes == COMPLETE_PROGRAMS) {
		fputs("\t\t\t'1:program: _mayfly_programs' \\\n"
		      "\t\t\t'*::argument: _mayfly_arguments' ;;\n",
		      out);
	} else if (verb->completes == COMPLETE_IMAGES) {
		fputs("\t\t\t'*: : _mayfly_programs' ;;\n", out);
	} else if (completion_kind_name(verb->completes)) {
		fprintf(out, "\t\t\t'%s:name: _mayfly_words %s' ;;\n",
			verb->most == OPERANDS_ANY ? "*" : "1",
			completion_kind_name(verb->completes));
	} else {
		fputs("\t\t\t'*: :' ;;\n", out);
	}
}

/* What may follow the words of verbs. Actions that call such functions begin with a blank, or
 * _arguments would add words of its own in front of theirs. */
static void print_rest(FILE *out)
{
	fputs("_mayfly_rest() {\n", out);
	for (size_t i = 0; verbs[i]; i++)
		for (size_t j = 0; j < verbs[i]->word_count; j++) {
			const struct verb_word *word = &verbs[i]->words[j];
			if (word->completes == COMPLETE_NOTHING)
				continue;
			fprintf(out, "\t[[ $1 == %s ]] && (( $words[(I)%s] )) && ", verbs[i]->name,
				word->name);
			if (word->completes == COMPLETE_FILES)
				fputs("_files\n", out);
			else
				fprintf(out, "_mayfly_words %s\n",
					completion_kind_name(word->completes));
		}
	fputs("}\n", out);
}

void completion_print_zsh(FILE *out)
{
	fputs("#compdef mayfly\n"
	      "# Completion of mayfly(1) for zsh; made by: mayfly completion zsh\n"
	      "_mayfly_words() {\n"
	      "\tlocal -a found\n"
	      "\tfound=(${(f)\"$(${(Q)~mayfly_command} completion words \"$@\" 2>/dev/null)\"})\n"
	      "\tcompadd -a found\n"
	      "}\n"
	      "_mayfly_programs() { _mayfly_words functions; _files }\n"
	      "_mayfly_arguments() { _mayfly_words arguments \"$words[1]\"; _files }\n",
	      out);
	print_rest(out);
	fputs("_mayfly() {\n"
	      "\tlocal state line mayfly_command=$words[1]\n"
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
