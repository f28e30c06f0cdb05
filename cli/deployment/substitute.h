/* Variables in the text of a stack file, before it is read as YAML: as faas-cli has it. */
#ifndef MAYFLY_CLI_SUBSTITUTE_H
#define MAYFLY_CLI_SUBSTITUTE_H

#include <stddef.h>

#include "util/error.h"

/* Puts the environment's variables in the place of ${NAME}; "" for one that is not set, and
 * `otherwise` where it is not set, or empty, in ${NAME:-otherwise}, ${NAME-otherwise},
 * ${NAME:=otherwise} and ${NAME=otherwise}. "$${" is "${". The caller frees *out. EINVAL, with the
 * line, for other forms. */
int substitute_variables(const char *text, char **out, size_t *length, struct error *error);

#endif
