/* The help that --help and `mayfly help` print. */
#ifndef MAYFLY_CLI_HELP_H
#define MAYFLY_CLI_HELP_H

#include <stdio.h>

#include "cli/verb.h"

/* The verbs, each with its summary. */
void help_print_command(FILE *out);

/* One verb with its operands and options. */
void help_print_verb(FILE *out, const struct verb *verb);

/* "--memory=SIZE", "--stats[=FILE]", "--isolation=auto|kvm|process" or "--quiet". */
void help_format_option(const struct option_spec *spec, char *out, size_t size);

/* What an option does, with its default where it has one. `defaults` may be NULL. */
void help_format_meaning(const struct option_spec *spec, const void *defaults, char *out,
			 size_t size);

#endif
