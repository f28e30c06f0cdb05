/* Running models with tensors, beyond vaccel/ops/torch.h: inputs and outputs by their names.
 *
 *     static const char *const wanted[] = {"probabilities"};
 *     mayfly_model_run(&session, &model, NULL, &input, 1, wanted, &output, 1);
 *
 * A scalar is a tensor of rank 0, here and in vaccel_torch_model_run(): as an input, set nr_dims of
 * a tensor of one element to 0 (vaccel_torch_tensor_init() wants one dimension at least); as an
 * output it has nr_dims 0, and in dims a single 1.
 */
#ifndef MAYFLY_TENSORS_H
#define MAYFLY_TENSORS_H

#include "vaccel/ops/torch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As vaccel_torch_model_run(), by name. `input_names` may be NULL: then the inputs are the model's,
 * in its order. `output_names` may be NULL: then the outputs are the model's first. An entry of
 * either that is NULL means the same for that place. nr_inputs may be 0, for a model that has none.
 *
 * VACCEL_EINVAL for names that the model does not have, among others; mayfly_op_reason() names
 * those that it has. The same may be said to vaccel_torch_model_run() by run options that are
 * "mayfly-names", a NUL, and for each input and then each output its name, or nothing, and a NUL.
 */
VACCEL_API int mayfly_model_run(struct vaccel_session *session, struct vaccel_resource *model,
				const char *const *input_names,
				struct vaccel_torch_tensor *const *inputs, int nr_inputs,
				const char *const *output_names,
				struct vaccel_torch_tensor **outputs, int nr_outputs);

/* The same, with the results in memory that the caller has: each outputs[i] is a tensor with a data type,
 * data, and its size; afterwards it has the size and the dimensions of the result. In buffers
 * (mayfly/buffers.h) nothing is copied on the way to an accelerator host and back. VACCEL_ENOSPC for
 * less room than the result takes, VACCEL_EINVAL for another data type. */
VACCEL_API int mayfly_model_run_into(struct vaccel_session *session, struct vaccel_resource *model,
				     const char *const *input_names,
				     struct vaccel_torch_tensor *const *inputs, int nr_inputs,
				     const char *const *output_names,
				     struct vaccel_torch_tensor *const *outputs, int nr_outputs);

/* What run options begin with that hold names; its NUL belongs to it. */
#define MAYFLY_RUN_OPTIONS_NAMES "mayfly-names"

#ifdef __cplusplus
}
#endif

#endif
