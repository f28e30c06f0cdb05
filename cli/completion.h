/* Completion scripts for shells, from the same descriptions as the help. */
#ifndef MAYFLY_CLI_COMPLETION_H
#define MAYFLY_CLI_COMPLETION_H

#include <stdio.h>

void completion_print_bash(FILE *out);
void completion_print_fish(FILE *out);
void completion_print_zsh(FILE *out);

#endif
