/* Completion scripts for shells, from the same descriptions as the help; and the words that they
 * ask the command for while somebody types. */
#ifndef MAYFLY_CLI_COMPLETION_H
#define MAYFLY_CLI_COMPLETION_H

#include <stdio.h>

#include "util/error.h"

void completion_print_bash(FILE *out);
void completion_print_zsh(FILE *out);
void completion_print_fish(FILE *out);

/* Prints the words of a kind, a line for each: functions, models, fetched (what can be fetched),
 * hosts, verbs; of a gateway that answers quickly deployed (its functions) and secrets; or
 * arguments: those that the function `of` may be given. `of` may be NULL. What cannot be found out
 * is left out, so that nobody sees an error while typing. EINVAL for an unknown kind. */
int completion_print_words(FILE *out, const char *kind, const char *of, struct error *error);

#endif
