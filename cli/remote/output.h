/* What verbs print of a gateway's answers: tables whose columns are as wide as they must be, and
 * JSON. Names come from others: nothing in them moves a terminal's cursor. */
#ifndef MAYFLY_CLI_REMOTE_OUTPUT_H
#define MAYFLY_CLI_REMOTE_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

struct output_column {
	const char *title;
	/* The member of an object that is shown; "a.b" is one of an object within, "a|b" is b where
	 * there is no a. One that is missing is "-", a missing number 0. */
	const char *member;
	bool number;
};

/* A line for each object of an array. */
void output_table(const json_t *array, const struct output_column *columns, size_t count);

/* "Name:  value" for each column of one object that has it. */
void output_fields(const json_t *object, const struct output_column *columns, size_t count);

/* Indented, and a newline. */
int output_json(const json_t *json, struct error *error);

/* The member, as in a column; NULL where it is missing. */
const json_t *output_member(const json_t *object, const char *member);

/* As text fit for one line; the caller frees it. NULL without memory. */
char *output_text(const json_t *value);

#endif
