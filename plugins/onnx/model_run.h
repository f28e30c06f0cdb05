/* Running a model with tensors, whatever op and engine it is: what the Torch, TensorFlow and
 * TensorFlow Lite ops have in common. */
#ifndef MAYFLY_ONNX_MODEL_RUN_H
#define MAYFLY_ONNX_MODEL_RUN_H

#include "models/model.h"
#include "runtime/network.h"
#include "runtime/network_cache.h"
#include "vaccel/resource.h"

/* Loads the model of a registered resource, so that the first run need not. */
int model_load(struct vaccel_resource *resource, struct error *error);

/* Takes back a load. Who else uses the model keeps it, and the budget of memory decides when it
 * goes. -EPERM where the resource is not registered. */
int model_unload(struct vaccel_resource *resource, struct error *error);

/* Whether these can be arguments of a run. */
static inline bool model_run_counts_fit(const void *inputs, int input_count, const void *outputs,
					int output_count)
{
	return input_count >= 0 && output_count > 0 && outputs && (!input_count || inputs);
}

struct model_run {
	struct model *model;
	struct network_entry *entry;
	size_t input_count, output_count;
	struct network_port *inputs, *outputs; /* which ones; the model's first, unless named */
	struct tensor *tensors;		       /* for the inputs: the caller fills them in */
	const void *options;		       /* for the engine */
	size_t options_size;
	struct network_result result; /* the outputs */
};

/* Begins a run with so many tensors, of a registered resource's model, which is loaded.
 * model_run_release() ends it, also after an error. -EINVAL where the model has fewer. */
int model_run_open(struct model_run *run, struct vaccel_resource *resource, size_t input_count,
		   size_t output_count, struct error *error);

/* Chooses an input or output by name. NULL or "" is the model's own at that place. `index` is as in
 * network_find_input(). */
int model_run_name_input(struct model_run *run, size_t place, const char *name, int index,
			 struct error *error);
int model_run_name_output(struct model_run *run, size_t place, const char *name, int index,
			  struct error *error);

/* Runs it, until the op's deadline. `has_type` tells which types of elements the caller's interface
 * has: nothing is computed for outputs that could not be given. */
int model_run_execute(struct model_run *run, bool (*has_type)(int element), struct error *error);

void model_run_release(struct model_run *run);

#endif
