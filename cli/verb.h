/* A verb of the mayfly command, as its own file describes it.
 *
 * To add one: write verb_NAME.c with a `const struct verb verb_NAME`, declare it here, and put a
 * line into the table of verbs.c. Parsing, --help, the manual page and the completion of three
 * shells follow from the description.
 */
#ifndef MAYFLY_CLI_VERB_H
#define MAYFLY_CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "options/options.h"
#include "util/error.h"

/* What the first operand may be, where a verb has verbs of its own ("models fetch"). */
struct verb_word {
	const char *name;
	const char *operands; /* what may follow, for example "[NAME]"; "" for nothing */
	const char *help;     /* in a few words, without a full stop */
};

struct verb {
	const char *name;
	const char *summary;	 /* one line without a full stop */
	const char *usage;	 /* what follows the options, for example "PROGRAM [ARG...]" */
	const char *description; /* whole sentences; a newline ends a paragraph */

	const struct option_spec *options;
	size_t option_count;
	const void *defaults; /* of the structure that the options fill */
	size_t values_size;   /* of that structure; 0 for a verb without options */

	const struct verb_word *words;
	size_t word_count;

	bool stop_at_operand; /* what follows the first operand belongs to another program */
	bool takes_files;     /* operands are files: the shell completes them */
	int failure_status;   /* exit status where the verb itself fails; 0 means 1 */

	/* Returns the exit status, 0 to 255, or a negative errno with a sentence in `error`.
	 * Prints its results on standard output; main() prints the error. */
	int (*run)(const void *values, const struct operands *operands, struct error *error);
};

/* All verbs in the order in which the help lists them; ends with NULL. */
extern const struct verb *const verbs[];

/* NULL where there is none of that name. */
const struct verb *verb_find(const char *name);

extern const struct verb verb_completion;
extern const struct verb verb_doctor;
extern const struct verb verb_help;
extern const struct verb verb_models;
extern const struct verb verb_root;
extern const struct verb verb_run;
extern const struct verb verb_snapshot;
extern const struct verb verb_version;

/* The options that every verb has. */
struct common_values {
	bool help;
	int log_level; /* enum log_level less one */
};

extern const struct option_spec common_options[];
extern const size_t common_option_count;

#endif
