/* The Torch ops of vAccel, on models of all formats: tensors in, tensors out. */
#ifndef MAYFLY_ONNX_OPS_TORCH_H
#define MAYFLY_ONNX_OPS_TORCH_H

#include "vaccel/ops/torch.h"

/* Loads the model of a registered MODEL resource, so that the first run need not. */
int onnx_torch_model_load(struct vaccel_session *session, struct vaccel_resource *resource);

/* Runs it. The inputs are computed on where they are; the outputs are fresh tensors. The run
 * options may name both (mayfly/tensors.h); else the inputs are the model's, in order, and the
 * outputs its first `output_count` ones. */
int onnx_torch_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
			 const struct vaccel_torch_buffer *run_options,
			 struct vaccel_torch_tensor *const *inputs, int input_count,
			 struct vaccel_torch_tensor **outputs, int output_count);

#endif
