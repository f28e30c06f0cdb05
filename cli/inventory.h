/* The models in the cache, and whether they still are what was installed. */
#ifndef MAYFLY_CLI_INVENTORY_H
#define MAYFLY_CLI_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define INVENTORY_NAME_MAX 64

enum model_state {
	MODEL_GOOD,    /* every file has the hash that the manifest lists */
	MODEL_CHANGED, /* a file differs from the manifest, or is gone */
	MODEL_UNKNOWN, /* the manifest lists none of its files: put there by hand */
};

struct model_entry {
	char name[INVENTORY_NAME_MAX]; /* as in "model:NAME" */
	char task[INVENTORY_NAME_MAX]; /* from model.txt; "" where it has none */
	uint64_t bytes;		       /* of all its files */
	enum model_state state;
};

struct inventory {
	struct model_entry *models; /* sorted by name */
	size_t count;
};

/* An op can name such a model, as "model:NAME"; whatever else lies in the cache is no model. */
bool inventory_is_name(const char *name);

/* Reads what is installed below `cache` and hashes every file of it. A cache that is not there yet
 * is an empty inventory. Returns 0 or a negative errno; release the inventory in any case. */
int inventory_read(struct inventory *inventory, const char *cache, struct error *error);

void inventory_release(struct inventory *inventory);

/* "ok", "changed" or "not in the manifest". */
const char *inventory_state_name(enum model_state state);

/* Whether the files below `folder` ("onnxruntime", "models/ssd") of the cache are those of the
 * manifest: MODEL_UNKNOWN where it lists none. */
int inventory_check_folder(const char *cache, const char *folder, enum model_state *state,
			   struct error *error);

#endif
