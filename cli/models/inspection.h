/* Looking into a model: which inputs and outputs it has, as its engine says. */
#ifndef MAYFLY_CLI_MODELS_INSPECTION_H
#define MAYFLY_CLI_MODELS_INSPECTION_H

#include <jansson.h>

#include "engines.h"
#include "models/model.h"

struct inspection {
	struct engines engines;
	bool has_engines;
	struct model *model; /* where it is, and what is known of it */
	struct network *network;
};

/* Loads the model in a file, or the SavedModel in a directory. inspection_close() ends it, also after
 * an error; *inspection is zero before. -EINVAL where the engine does not take it. */
int inspection_open_path(struct inspection *inspection, const char *path, struct error *error);

/* The same for the installed model `name`. */
int inspection_open_installed(struct inspection *inspection, const char *name, struct error *error);
void inspection_close(struct inspection *inspection);

/* What there is to say, for people and as a JSON object; NULL without memory. */
void inspection_print(const struct inspection *inspection);
json_t *inspection_to_json(const struct inspection *inspection);

/* "float [1, 3, any, 32]". */
#define PORT_TEXT_SIZE 512
void inspection_describe_port(const struct network_port *port, char text[PORT_TEXT_SIZE]);

#endif
