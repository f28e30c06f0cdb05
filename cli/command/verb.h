/* A verb of the mayfly command, as its own file describes it.
 *
 * To add one: write verbs/NAME.c with a `const struct verb verb_NAME`, declare it here, and put a
 * line into the table of verbs.c. Parsing, --help, the manual page and the completion of three
 * shells follow from the description.
 */
#ifndef MAYFLY_CLI_VERB_H
#define MAYFLY_CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options/options.h"
#include "util/error.h"

/* What a shell completes operands with. */
enum completion_kind {
	COMPLETE_NOTHING,
	COMPLETE_FILES,
	COMPLETE_PROGRAMS, /* a function or file, then what it takes */
	COMPLETE_MODELS,
	COMPLETE_FETCHED, /* what mayfly models fetch can fetch */
	COMPLETE_HOSTS,
	COMPLETE_VERBS,
	COMPLETE_IMAGES,   /* a function or file */
	COMPLETE_DEPLOYED, /* functions of the gateway */
	COMPLETE_SECRETS,  /* its secrets */
};

/* What the first operand may be, where a verb has verbs of its own ("models fetch"). */
struct verb_word {
	const char *name;
	const char *operands; /* what may follow, for example "[NAME]"; "" for nothing */
	const char *help;     /* in a few words, without a full stop */
	size_t least, most;   /* how many operands may follow */
	enum completion_kind completes;
};

#define OPERANDS_ANY SIZE_MAX

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
	bool word_optional; /* without one the first of them is meant */

	size_t least, most; /* operands of a verb without words */
	/* NULL: `least` holds whichever options are given. */
	size_t (*least_by_options)(const void *values);

	bool stop_at_operand; /* what follows the first operand belongs to another program */
	enum completion_kind completes; /* operands of a verb without words */
	int failure_status;		/* exit status where the verb itself fails; 0 means 1 */

	/* The operands are as many as the verb or its word takes, and the word is one of its own.
	 * Returns the exit status, 0 to 255, or a negative errno with a sentence in `error`.
	 * Prints its results on standard output; main() prints the error. */
	int (*run)(const void *values, const struct operands *operands, struct error *error);
};

/* All verbs in the order in which the help lists them; ends with NULL. */
extern const struct verb *const verbs[];

/* The verb of that name, or NULL. */
const struct verb *verb_find(const char *name);

/* Says that there is no verb of that name, and which one is near. Returns -EINVAL. */
int verb_unknown(const char *name, struct error *error);

extern const struct verb verb_accel;
extern const struct verb verb_acceld;
extern const struct verb verb_build;
extern const struct verb verb_calls;
extern const struct verb verb_completion;
extern const struct verb verb_deploy;
extern const struct verb verb_describe;
extern const struct verb verb_doctor;
extern const struct verb verb_down;
extern const struct verb verb_help;
extern const struct verb verb_invoke;
extern const struct verb verb_login;
extern const struct verb verb_logs;
extern const struct verb verb_ls;
extern const struct verb verb_models;
extern const struct verb verb_revisions;
extern const struct verb verb_rm;
extern const struct verb verb_rollback;
extern const struct verb verb_root;
extern const struct verb verb_run;
extern const struct verb verb_scale;
extern const struct verb verb_secret;
extern const struct verb verb_snapshot;
extern const struct verb verb_split;
extern const struct verb verb_up;
extern const struct verb verb_version;

/* The options that every verb has. */
struct common_values {
	bool help;
	int log_level; /* enum log_level less one */
};

extern const struct option_spec common_options[];
extern const size_t common_option_count;

/* The name that completion_print_words() knows it by; NULL for those that it does not know. */
const char *completion_kind_name(enum completion_kind kind);

#endif
