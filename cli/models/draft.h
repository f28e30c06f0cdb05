/* Drafting a model's description (model.txt): most of it the model itself tells, the rest has to be
 * said. */
#ifndef MAYFLY_CLI_MODELS_DRAFT_H
#define MAYFLY_CLI_MODELS_DRAFT_H

#include "models/description.h"
#include "options/options.h"
#include "runtime/network.h"

/* The words for what a model is for; the first is for tensors, without a description. */
extern const char *const draft_tasks[];

struct draft {
	const struct network *network;
	const char *task;
	const struct option_list *settings; /* of people: "key=value", before all else */
	size_t label_count;		    /* of the label file; 0: not known */
	bool may_ask;			    /* at a terminal */
};

/* Writes the description, which is parsed for its own check. *text is to be freed. -EINVAL with a
 * sentence that names what has to be said and is not, or what a model of that task cannot have. */
int draft_write(const struct draft *draft, char **text, struct error *error);

/* Asks on standard error for a line from standard input; "" is the fallback. -EINVAL at its end. */
int draft_ask(const char *question, const char *fallback, char *answer, size_t size,
	      struct error *error);

#endif
