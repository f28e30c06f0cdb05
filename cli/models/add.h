/* mayfly models add: makes a usable entry of a model's file. */
#ifndef MAYFLY_CLI_MODELS_ADD_H
#define MAYFLY_CLI_MODELS_ADD_H

#include "options/options.h"

struct model_addition {
	const char *name, *version, *task, *labels; /* NULL: not said */
	struct option_list settings;		    /* "key=value" of the description */
};

/* Looks into the model in `file` (for a SavedModel, its directory), drafts what belongs to it, and
 * installs it. What cannot be known is asked for at a terminal, or else an error says what is
 * missing. */
int model_add(const char *file, const struct model_addition *addition, struct error *error);

#endif
