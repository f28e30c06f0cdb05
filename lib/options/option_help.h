/* Options as a person reads them: the text of --help. */
#ifndef MAYFLY_OPTIONS_OPTION_HELP_H
#define MAYFLY_OPTIONS_OPTION_HELP_H

#include <stdio.h>

#include "options/options.h"

/* Prints text broken at spaces; the cursor stands in `column`, further lines begin at `indent`. */
void help_print_wrapped(FILE *out, const char *text, size_t column, size_t indent);

/* Prints a term and, in the column of explanations, what it means. */
void help_print_entry(FILE *out, const char *term, const char *meaning);

/* All options of a table, with the defaults in `defaults` where it is not NULL. */
void help_print_options(FILE *out, const struct option_spec *specs, size_t count,
			const void *defaults);

/* "--memory=SIZE", "--stats[=FILE]", "--isolation=auto|kvm|process" or "--quiet". */
void help_format_option(const struct option_spec *spec, char *out, size_t size);

/* What an option does, with its default where it has one. `defaults` may be NULL. */
void help_format_meaning(const struct option_spec *spec, const void *defaults, char *out,
			 size_t size);

#endif
