/* The help that --help and `mayfly help` print. */
#ifndef MAYFLY_CLI_HELP_H
#define MAYFLY_CLI_HELP_H

#include <stdio.h>

#include "cli/command/verb.h"
#include "options/option_help.h"

/* The verbs, each with its summary. */
void help_print_command(FILE *out);

/* One verb with its operands and options. */
void help_print_verb(FILE *out, const struct verb *verb);

#endif
