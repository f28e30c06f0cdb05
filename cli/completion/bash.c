/* The completion script for bash.
 *
 * bash hands "--name=value" over as three words, because = breaks words; the script puts them
 * together again. In the cases below "--name=" stands for a value behind =, "--name" for a value
 * that is the next word, and "--name:" for one behind a name of its own: "--name:own=value" comes as
 * five words.
 */
#include "cli/completion/completion.h"

#include "cli/command/verb.h"

static bool wants_next_word(const struct option_spec *spec)
{
	return spec->kind != OPTION_FLAG && spec->kind != OPTION_NAMED && !spec->value_optional;
}

static void print_value_case(FILE *out, const char *verb, const struct option_spec *spec)
{
	if (spec->kind == OPTION_FLAG)
		return;
	fprintf(out, "\t%s,--%s%s", verb, spec->name, spec->kind == OPTION_NAMED ? ":" : "=");
	if (wants_next_word(spec))
		fprintf(out, " | %s,--%s", verb, spec->name);
	if (spec->letter && wants_next_word(spec))
		fprintf(out, " | %s,-%c", verb, spec->letter);
	fputs(")\n", out);
	if (spec->kind == OPTION_CHOICE) {
		fputs("\t\tCOMPREPLY=($(compgen -W '", out);
		for (size_t i = 0; spec->choices[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", spec->choices[i]);
		fputs("' -- \"$current\"))\n", out);
	} else if (spec->takes_file) {
		fputs("\t\t_mayfly_files\n", out);
	}
	fputs("\t\treturn ;;\n", out);
}

static void print_option_names(FILE *out, const struct option_spec *specs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, " --%s%s", specs[i].name,
			specs[i].kind == OPTION_NAMED ? ":"
			: wants_next_word(&specs[i])  ? "="
						      : "");
}

/* "	run,-m | run,--memory) ((i++)) ;;" */
static void print_skip_case(FILE *out, const char *verb, const struct option_spec *specs,
			    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!wants_next_word(&specs[i]))
			continue;
		fprintf(out, "\t\t%s,--%s", verb, specs[i].name);
		if (specs[i].letter)
			fprintf(out, " | %s,-%c", verb, specs[i].letter);
		fputs(") ((i++)) ;;\n", out);
	}
}

static void print_kind(FILE *out, enum completion_kind kind)
{
	if (kind == COMPLETE_FILES)
		fputs("\t\tfiles=1\n", out);
	else if (kind == COMPLETE_PROGRAMS)
		fputs("\t\tfiles=1\n"
		      "\t\tif [[ ${operands-} ]]; then\n"
		      "\t\t\toptions= words=$(_mayfly_words arguments \"${operands[0]}\")\n"
		      "\t\telse\n"
		      "\t\t\twords=$(_mayfly_words functions)\n"
		      "\t\tfi\n",
		      out);
	else if (kind == COMPLETE_IMAGES)
		fputs("\t\tfiles=1 words=$(_mayfly_words functions)\n", out);
	else if (completion_kind_name(kind))
		fprintf(out, "\t\twords=$(_mayfly_words %s)\n", completion_kind_name(kind));
}

static void print_verb_case(FILE *out, const struct verb *verb)
{
	fprintf(out, "\t%s,*)\n\t\toptions='", verb->name);
	print_option_names(out, verb->options, verb->option_count);
	print_option_names(out, common_options, common_option_count);
	fputs("'\n", out);
	print_kind(out, verb->completes);
	fputs("\t\t;;&\n", out);
	if (!verb->word_count)
		return;
	fprintf(out, "\t%s,)\n\t\twords='", verb->name);
	for (size_t i = 0; i < verb->word_count; i++)
		fprintf(out, "%s%s", i ? " " : "", verb->words[i].name);
	fputs("' ;;\n", out);
	for (size_t i = 0; i < verb->word_count; i++) {
		if (verb->words[i].completes == COMPLETE_NOTHING)
			continue;
		fprintf(out, "\t%s,%s)\n", verb->name, verb->words[i].name);
		print_kind(out, verb->words[i].completes);
		fputs("\t\t;;\n", out);
	}
}

static void print_start(FILE *out)
{
	fputs("# Completion of mayfly(1) for bash; made by: mayfly completion bash\n"
	      "_mayfly_words() {\n"
	      "\t\"${COMP_WORDS[0]/#\\~/$HOME}\" completion words \"$@\" 2>/dev/null || :\n"
	      "}\n"
	      "_mayfly_files() {\n"
	      "\tlocal found\n"
	      "\tcompopt -o filenames 2>/dev/null\n"
	      "\tmapfile -t found < <(compgen -f -- \"$current\")\n"
	      "\tCOMPREPLY+=(\"${found[@]}\")\n"
	      "}\n"
	      "_mayfly() {\n"
	      "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal verb=${COMP_WORDS[1]} option= options= words= files= i\n"
	      "\tlocal -a operands=()\n"
	      "\tCOMPREPLY=()\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\tCOMPREPLY=($(compgen -W '--help --version",
	      out);
	for (size_t i = 0; verbs[i]; i++)
		fprintf(out, " %s", verbs[i]->name);
	fputs("' -- \"$current\"))\n"
	      "\t\treturn\n"
	      "\tfi\n",
	      out);
}

/* Tells which words before this one are operands. After the program, no word is an option of
 * ours. */
static void print_operands(FILE *out)
{
	fputs("\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	      "\t\tif [[ ${COMP_WORDS[i]} != -* ]]; then\n"
	      "\t\t\toperands+=(\"${COMP_WORDS[i]}\")\n"
	      "\t\t\tcontinue\n"
	      "\t\telif [[ ${COMP_WORDS[i + 1]} == : ]]; then\n"
	      "\t\t\t((i += 4))\n"
	      "\t\t\tcontinue\n"
	      "\t\telif [[ ${COMP_WORDS[i + 1]} == = ]]; then\n"
	      "\t\t\t((i += 2))\n"
	      "\t\t\tcontinue\n"
	      "\t\tfi\n"
	      "\t\tcase $verb,${COMP_WORDS[i]} in\n",
	      out);
	for (size_t i = 0; verbs[i]; i++) {
		print_skip_case(out, verbs[i]->name, verbs[i]->options, verbs[i]->option_count);
		print_skip_case(out, verbs[i]->name, common_options, common_option_count);
	}
	fputs("\t\tesac\n"
	      "\tdone\n",
	      out);
}

/* The value of an option, unless that is the program's own. */
static void print_values(FILE *out)
{
	fputs("\tif [[ $current == = ]]; then\n"
	      "\t\toption=$previous= current=\n"
	      "\t\t[[ ${COMP_WORDS[COMP_CWORD - 2]} != : ]] ||"
	      " option=${COMP_WORDS[COMP_CWORD - 3]}:\n"
	      "\telif [[ $previous == = ]]; then\n"
	      "\t\toption=${COMP_WORDS[COMP_CWORD - 2]}=\n"
	      "\t\t[[ ${COMP_WORDS[COMP_CWORD - 3]} != : ]] ||"
	      " option=${COMP_WORDS[COMP_CWORD - 4]}:\n"
	      "\telif [[ $previous == -* ]]; then\n"
	      "\t\toption=$previous\n"
	      "\tfi\n"
	      "\tcase $verb,$option in\n",
	      out);
	for (size_t i = 0; verbs[i]; i++) {
		for (size_t j = 0; j < verbs[i]->option_count; j++)
			print_value_case(out, verbs[i]->name, &verbs[i]->options[j]);
		for (size_t j = 0; j < common_option_count; j++)
			print_value_case(out, verbs[i]->name, &common_options[j]);
	}
	fputs("\tesac\n", out);
}

void completion_print_bash(FILE *out)
{
	print_start(out);
	print_operands(out);
	print_values(out);
	fputs("\tcase $verb,${operands[0]-} in\n", out);
	for (size_t i = 0; verbs[i]; i++)
		print_verb_case(out, verbs[i]);
	fputs("\tesac\n"
	      "\tif [[ $current == -* && $options ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
	      "\t\t[[ ${COMPREPLY[0]-} == *[=:] ]] && compopt -o nospace\n"
	      "\telse\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
	      "\t\tif [[ $files ]]; then _mayfly_files; fi\n"
	      "\tfi\n"
	      "\treturn 0\n"
	      "}\n"
	      "complete -F _mayfly mayfly\n",
	      out);
}
