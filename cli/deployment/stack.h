/* OpenFaaS' stack files: functions to deploy, in YAML. */
#ifndef MAYFLY_CLI_STACK_H
#define MAYFLY_CLI_STACK_H

#include <jansson.h>

#include "util/error.h"

/* Release it in any case. */
struct stack {
	char *gateway;	   /* provider.gateway; NULL: not said */
	json_t *functions; /* an array of deployments, as the gateway's API has them */
};

struct stack_choice {
	const char *filter; /* names as in a shell: "fn-*"; NULL: all */
	const char *regex;  /* names by an extended regular expression; NULL: all */
};

/* Reads a stack file, "-" for standard input. Paths in it are relative to its folder. EINVAL: what
 * is wrong, with the name of the field (functions.NAME.limits) or the line. What it has and this
 * does not know is warned of. */
int stack_read(const char *path, const struct stack_choice *choice, struct stack *stack,
	       struct error *error);

/* The same from memory; `folder` is for paths in it. */
int stack_parse(const char *text, const char *folder, const struct stack_choice *choice,
		struct stack *stack, struct error *error);
void stack_release(struct stack *stack);

#endif
