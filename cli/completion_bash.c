/* The completion script for bash.
 *
 * bash hands "--name=value" over as three words, because = breaks words; the script puts them
 * together again. In the cases below "--name=" stands for a value behind =, "--name" for a value
 * that is the next word.
 */
#include "cli/completion.h"

#include "cli/verb.h"

static void print_value_case(FILE *out, const char *verb, const struct option_spec *spec)
{
	if (spec->kind == OPTION_FLAG)
		return;
	fprintf(out, "\t%s,--%s=", verb, spec->name);
	if (!spec->value_optional)
		fprintf(out, " | %s,--%s", verb, spec->name);
	if (spec->letter && !spec->value_optional)
		fprintf(out, " | %s,-%c", verb, spec->letter);
	fputs(")\n", out);
	if (spec->kind == OPTION_CHOICE) {
		fputs("\t\tCOMPREPLY=($(compgen -W '", out);
		for (size_t i = 0; spec->choices[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", spec->choices[i]);
		fputs("' -- \"$current\"))\n", out);
	} else if (spec->takes_file) {
		fputs("\t\tcompopt -o filenames\n"
		      "\t\tCOMPREPLY=($(compgen -f -- \"$current\"))\n",
		      out);
	}
	fputs("\t\treturn ;;\n", out);
}

static void print_option_names(FILE *out, const struct option_spec *specs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool wants_value = specs[i].kind != OPTION_FLAG && !specs[i].value_optional;
		fprintf(out, " --%s%s", specs[i].name, wants_value ? "=" : "");
	}
}

static void print_verb_case(FILE *out, const struct verb *verb)
{
	fprintf(out, "\t%s)\n\t\toptions='", verb->name);
	print_option_names(out, verb->options, verb->option_count);
	print_option_names(out, common_options, common_option_count);
	fputs("'\n", out);
	if (verb->word_count) {
		fputs("\t\twords='", out);
		for (size_t i = 0; i < verb->word_count; i++)
			fprintf(out, "%s%s", i ? " " : "", verb->words[i].name);
		fputs("'\n", out);
	}
	if (verb->takes_files)
		fputs("\t\tfiles=1\n", out);
	fputs("\t\t;;\n", out);
}

void completion_print_bash(FILE *out)
{
	fputs("# Completion of mayfly(1) for bash; made by: mayfly completion bash\n"
	      "_mayfly() {\n"
	      "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal option= options= words= files=\n"
	      "\tCOMPREPLY=()\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\tCOMPREPLY=($(compgen -W '--help --version",
	      out);
	for (size_t i = 0; verbs[i]; i++)
		fprintf(out, " %s", verbs[i]->name);
	fputs("' -- \"$current\"))\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tif [[ $current == = ]]; then\n"
	      "\t\toption=$previous= current=\n"
	      "\telif [[ $previous == = ]]; then\n"
	      "\t\toption=${COMP_WORDS[COMP_CWORD - 2]}=\n"
	      "\telif [[ $previous == -* ]]; then\n"
	      "\t\toption=$previous\n"
	      "\tfi\n"
	      "\tcase ${COMP_WORDS[1]},$option in\n",
	      out);
	for (size_t i = 0; verbs[i]; i++) {
		for (size_t j = 0; j < verbs[i]->option_count; j++)
			print_value_case(out, verbs[i]->name, &verbs[i]->options[j]);
		for (size_t j = 0; j < common_option_count; j++)
			print_value_case(out, verbs[i]->name, &common_options[j]);
	}
	fputs("\tesac\n"
	      "\tcase ${COMP_WORDS[1]} in\n",
	      out);
	for (size_t i = 0; verbs[i]; i++)
		print_verb_case(out, verbs[i]);
	fputs("\tesac\n"
	      "\tif [[ $current == -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
	      "\t\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
	      "\telif [[ $files ]]; then\n"
	      "\t\tcompopt -o filenames\n"
	      "\t\tCOMPREPLY=($(compgen -f -- \"$current\"))\n"
	      "\telif ((COMP_CWORD == 2)) || [[ $previous == -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	      "\tfi\n"
	      "\treturn 0\n"
	      "}\n"
	      "complete -F _mayfly mayfly\n",
	      out);
}
