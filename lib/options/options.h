/* Options of a command: one table drives parsing, --help, the man page and shell completion.
 *
 * A verb keeps its values in a structure of its own and says in a constant table which option
 * goes to which member:
 *
 *     struct run_values { uint64_t memory; bool quiet; };
 *     static const struct option_spec run_options[] = {
 *             {"memory", 'm', OPTION_SIZE, offsetof(struct run_values, memory), "SIZE",
 *              "memory of the guest", .minimum = 1 << 20, .maximum = 1ULL << 40},
 *             {"quiet", 'q', OPTION_FLAG, offsetof(struct run_values, quiet), NULL, "say less"},
 *     };
 */
#ifndef MAYFLY_OPTIONS_OPTIONS_H
#define MAYFLY_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define OPTION_LIST_MAX 256 /* times that one OPTION_LIST may be given */

enum option_kind {		    /* the member that it sets: */
		   OPTION_FLAG,	    /* bool; takes no value */
		   OPTION_STRING,   /* const char *; NULL while not given */
		   OPTION_LIST,	    /* struct option_list; may be given again and again */
		   OPTION_NAMED,    /* the same for --option:NAME=VALUE: "NAME=VALUE" */
		   OPTION_COUNT,    /* uint64_t, within minimum and maximum */
		   OPTION_SIZE,	    /* uint64_t bytes, within minimum and maximum */
		   OPTION_DURATION, /* uint64_t nanoseconds, within minimum and maximum */
		   OPTION_DECIMAL,  /* uint64_t thousandths, within minimum and maximum */
		   OPTION_CHOICE,   /* int: the index of the word in `choices` */
};

struct option_list {
	const char *values[OPTION_LIST_MAX];
	size_t count;
};

struct option_spec {
	const char *name; /* without the dashes */
	char letter;	  /* of the short form -x; 0: none */
	enum option_kind kind;
	size_t offset;		    /* of the member in the structure of values */
	const char *argument;	    /* what the help calls the value; NULL for a flag */
	const char *help;	    /* what it does, in a few words, without a full stop */
	uint64_t minimum, maximum;  /* of numbers; a maximum of 0 means no limits at all */
	const char *const *choices; /* of OPTION_CHOICE; ends with NULL */
	bool value_optional;	    /* OPTION_STRING: "--stats" alone sets "" */
	bool takes_file;	    /* the shell completes file names */
};

/* A table and the structure that it fills, which holds the defaults before. */
struct option_set {
	const struct option_spec *specs;
	size_t count;
	void *values;
};

/* What is left of a command line: the words that are no options. */
struct operands {
	char **words; /* a part of argv */
	size_t count;
};

/* Parses argv[0 … argc), which must not have the program's name in front.
 *
 * Accepted are --name, --name=value, --name value, -x, -xvalue and -x value, and for what has a name
 * of its own --name:own=value; "--" ends the options. With `stop_at_operand` the first operand ends
 * them too, and what follows it belongs to somebody else, for example to the program to run. Operands
 * are gathered at the front of argv. Values point into argv, which must outlive them.
 *
 * Returns 0, or -EINVAL with a sentence that names the option, what is wrong and what is expected.
 */
int options_parse(const struct option_set *sets, size_t set_count, bool stop_at_operand, int argc,
		  char **argv, struct operands *operands, struct error *error);

/* The same for a program that takes no operands: -EINVAL for one. */
int options_parse_alone(const struct option_set *set, int argc, char **argv, struct error *error);

/* The value that an option has in `values` in the form in which it is given, for "default: …" in
 * the help; "" where there is nothing to say (flags, lists, strings that are not set). */
void options_format_value(const struct option_spec *spec, const void *values, char *out,
			  size_t size);

#endif
