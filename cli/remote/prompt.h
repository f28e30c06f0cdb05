/* What a person types, or a program pipes: passwords and values of secrets. */
#ifndef MAYFLY_CLI_REMOTE_PROMPT_H
#define MAYFLY_CLI_REMOTE_PROMPT_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define PROMPT_BYTES_MAX (1UL << 20)

/* Reads a line from the terminal of standard input, which does not show it, after asking for
 * `what`; or where that is no terminal, all of it. The caller wipes and frees *bytes, behind which
 * there is a NUL. */
int prompt_read_secret(const char *what, uint8_t **bytes, size_t *length, struct error *error);

/* Takes one end of line off the end of a text; what is no text stays as it is. */
void prompt_trim(const uint8_t *bytes, size_t *length);

#endif
