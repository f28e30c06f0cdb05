/* Options with names of their own, as one list of texts. */
#ifndef MAYFLY_OPTIONS_NAMED_H
#define MAYFLY_OPTIONS_NAMED_H

#include <stddef.h>

#include "options/options.h"
#include "util/error.h"

struct option_named {
	const char *option;
	const struct option_list *list; /* of an OPTION_NAMED: NAME=VALUE each */
};

/* OPTION:NAME=VALUE for each value of these options, in fresh memory, NULL-terminated, for
 * options_free_named(). ENOMEM. */
int options_join_named(const struct option_named *named, size_t count, const char ***texts,
		       struct error *error);

/* NULL does nothing. */
void options_free_named(const char **texts);

#endif
