/* The manual page mayfly(1); see manual.h. */
#include "cli/manual.h"

#include <string.h>

#include "cli/help.h"
#include "cli/verb.h"

/* Text between the commands of troff: no character of it may be taken for one. A newline starts
 * a new paragraph. */
static void print_text(FILE *out, const char *text)
{
	bool line_begins = true;
	for (; *text; text++) {
		if (line_begins && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		line_begins = *text == '\n';
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\n')
			fputs("\n.PP\n", out);
		else
			fputc(*text, out);
	}
	fputc('\n', out);
}

static void print_term(FILE *out, const char *term)
{
	fputs(".TP\n.B ", out);
	print_text(out, term);
}

static void print_options(FILE *out, const struct option_spec *specs, size_t count,
			  const void *defaults)
{
	for (size_t i = 0; i < count; i++) {
		char form[128], term[160], meaning[512];
		help_format_option(&specs[i], form, sizeof(form));
		if (specs[i].letter)
			snprintf(term, sizeof(term), "-%c, %s", specs[i].letter, form);
		else
			snprintf(term, sizeof(term), "%s", form);
		print_term(out, term);
		help_format_meaning(&specs[i], defaults, meaning, sizeof(meaning));
		print_text(out, meaning);
	}
}

static void print_verb(FILE *out, const struct verb *verb)
{
	fprintf(out, ".SS mayfly %s [OPTION...]%s%s\n", verb->name, *verb->usage ? " " : "",
		verb->usage);
	print_text(out, verb->description);
	for (size_t i = 0; i < verb->word_count; i++) {
		char term[160];
		snprintf(term, sizeof(term), "%s%s%s", verb->words[i].name,
			 *verb->words[i].operands ? " " : "", verb->words[i].operands);
		print_term(out, term);
		print_text(out, verb->words[i].help);
	}
	print_options(out, verb->options, verb->option_count, verb->defaults);
}

struct page_entry {
	const char *term, *text;
};

static const struct page_entry exit_statuses[] = {
    {"0", "The verb did its work. mayfly run has statuses of its own: the program's, and those "
	  "told above."},
    {"1", "It could not; one line on standard error says what happened, to what, and what to "
	  "do."},
    {"2", "The command line was wrong: an unknown verb, an unknown option or a bad value."},
};

static const struct page_entry examples[] = {
    {"mayfly run detect < photo.jpg", "The objects in a photograph, as JSON."},
    {"echo abc | mayfly run /bin/busybox sha256sum", "Any static Linux program."},
    {"mayfly run --repeat=1000 --stats hello < /dev/null", "What a request costs."},
    {"mayfly-cc -o count count.c && mayfly run ./count < photo.jpg", "A function of your own."},
};

static const struct page_entry variables[] = {
    {"MAYFLY_CACHE", "Directory of models and of what is derived from them, instead of "
		     "$XDG_CACHE_HOME/mayfly or ~/.cache/mayfly."},
    {"MAYFLY_LIBDIR", "Directory that is searched first for the parts of Mayfly: plugins, "
		      "mayfly-acceld, functions."},
    {"MAYFLY_LOG", "Level of the log: error, warn, info or debug."},
    {"MAYFLY_MODEL_CLASSIFY, MAYFLY_MODEL_DETECT, MAYFLY_MODEL_POSE, MAYFLY_MODEL_SEGMENT, "
     "MAYFLY_MODEL_DEPTH",
     "Name of the model that is used for a task where the function names none. Read by "
     "mayfly-acceld when it starts, as are the next ones."},
    {"MAYFLY_MODEL_MEMORY", "Memory that loaded models may take, 1G by default."},
    {"MAYFLY_ONNXRUNTIME", "The library of ONNX Runtime, instead of the one in the cache."},
    {"MAYFLY_ONNX_THREADS", "Threads for one run of a model, 1 by default."},
    {"VACCEL_PLUGINS", "The plugins that run ops, instead of onnx and noop."},
    {"XDG_RUNTIME_DIR", "Sockets and locks are kept in its folder mayfly."},
};

static void print_entries(FILE *out, const struct page_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		print_term(out, entries[i].term);
		print_text(out, entries[i].text);
	}
}

void manual_print(FILE *out)
{
	fputs(".TH MAYFLY 1 \"\" \"mayfly " MAYFLY_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\n"
	      "mayfly \\- run serverless functions in microVMs of their own\n"
	      ".SH SYNOPSIS\n"
	      ".B mayfly\n"
	      "VERB [OPTION...] [OPERAND...]\n"
	      ".SH DESCRIPTION\n",
	      out);
	print_text(out, "Mayfly serves each request of a function in a virtual machine of its own, "
			"cloned from a snapshot, and gives that machine accelerated machine "
			"learning by meaning: the function asks which objects are in a picture, "
			"and the host answers with the accelerator and the model that it has.");
	fputs(".SH VERBS\n", out);
	for (size_t i = 0; verbs[i]; i++)
		print_verb(out, verbs[i]);
	fputs(".SH OPTIONS OF ALL VERBS\n", out);
	print_options(out, common_options, common_option_count, NULL);
	fputs(".SH EXIT STATUS\n", out);
	print_entries(out, exit_statuses, sizeof(exit_statuses) / sizeof(exit_statuses[0]));
	fputs(".SH EXAMPLES\n", out);
	print_entries(out, examples, sizeof(examples) / sizeof(examples[0]));
	fputs(".SH ENVIRONMENT\n", out);
	print_entries(out, variables, sizeof(variables) / sizeof(variables[0]));
}
