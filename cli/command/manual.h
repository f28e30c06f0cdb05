/* The manual page mayfly(1), from the same descriptions as the help. */
#ifndef MAYFLY_CLI_MANUAL_H
#define MAYFLY_CLI_MANUAL_H

#include <stdio.h>

/* Writes the page with the macros of man(7). */
void manual_print(FILE *out);

#endif
