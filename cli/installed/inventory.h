/* The models in the cache, and whether they still are what was installed. */
#ifndef MAYFLY_CLI_INVENTORY_H
#define MAYFLY_CLI_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model_cache/name.h"
#include "util/error.h"

#define INVENTORY_TASK_SIZE 64

enum model_state {
	MODEL_GOOD,    /* every file has the hash that the manifest lists */
	MODEL_CHANGED, /* a file differs from the manifest, or is gone */
	MODEL_OWN,     /* the manifest lists none of its files: put there by hand, and sound */
	MODEL_BROKEN,  /* the same, and no op could use it */
};

struct model_entry {
	char name[MODEL_NAME_SIZE];	/* as in "model:NAME" */
	char task[INVENTORY_TASK_SIZE]; /* from model.txt; "" where it has none */
	uint64_t bytes;			/* of all its files */
	enum model_state state;
	struct error problem; /* of one that is broken: why */
};

struct inventory {
	struct model_entry *models; /* sorted by name */
	size_t count;
};

/* Reads what is installed below `cache` and hashes every file of it. Of models that were put there
 * by hand the description and the labels are read as the plugin reads them. A cache that is not
 * there yet is an empty inventory. Returns 0 or a negative errno; release the inventory in any
 * case. */
int inventory_read(struct inventory *inventory, const char *cache, struct error *error);

/* Names and tasks only, without looking at further files: for completion, which must be fast. */
int inventory_read_names(struct inventory *inventory, const char *cache, struct error *error);

void inventory_release(struct inventory *inventory);

/* "ok", "changed", "own" or "broken". */
const char *inventory_state_name(enum model_state state);

/* Whether the files below `folder` ("onnxruntime", "models/ssd") of the cache are those of the
 * manifest: MODEL_OWN where it lists none. */
int inventory_check_folder(const char *cache, const char *folder, enum model_state *state,
			   struct error *error);

#endif
