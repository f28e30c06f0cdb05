/* Runs of models, for the functions of the API. */
#ifndef MAYFLY_ACCEL_MODELS_RUN_H
#define MAYFLY_ACCEL_MODELS_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "accel/models/kind.h"
#include "vaccel/arg.h"
#include "vaccel/ops/torch.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

/* Arguments of a run beside model, options and tensors. */
#define MODEL_RUN_MORE	  2
#define MODEL_RUN_RESULTS 3

struct model_run {
	uint16_t op;
	const struct tensor_kind *kind;
	struct vaccel_session *session;
	struct vaccel_resource *model;
	const void *options;
	size_t options_size;
	/* Inputs between the options and the tensors. */
	struct vaccel_arg more[MODEL_RUN_MORE];
	size_t more_count;
	/* Outputs before the tensors, with their flags. The first one is a UINT32, the plugin's result:
	 * what the others say comes also where that is an error. */
	struct vaccel_arg results[MODEL_RUN_RESULTS];
	uint32_t result_flags[MODEL_RUN_RESULTS];
	size_t result_count;
	/* Arrays of pointers to the API's structs. */
	const void *inputs;
	size_t input_count;
	void *outputs;
	size_t output_count;
	bool has_rooms; /* outputs are the caller's tensors, whose data is room for the results */
};

/* Runs the model. Each output is set to a fresh tensor, and after an error all are NULL; or, where it is
 * the caller's, it becomes the result, and keeps its data's place. The memory of grown
 * results is the caller's, also after an error. 0 or a VACCEL_E… code. */
int model_run(struct model_run *run);

/* An op that takes a model alone; `results` as above. */
int model_call(uint16_t op, struct vaccel_session *session, struct vaccel_resource *model,
	       struct vaccel_arg *results, size_t result_count, const uint32_t *result_flags);

/* Makes a tensor of the two arguments by which a host has answered (kind.h), and takes the data's
 * memory. 0 or a VACCEL_E… code. */
int tensor_unpack(const struct tensor_kind *kind, void **out, struct vaccel_arg args[2]);

/* As vaccel_torch_model_run(), or with rooms (see above). */
int torch_run(struct vaccel_session *session, struct vaccel_resource *model,
	      const struct vaccel_torch_buffer *options, struct vaccel_torch_tensor *const *inputs,
	      int input_count, struct vaccel_torch_tensor **outputs, int output_count,
	      bool has_rooms);

#endif
