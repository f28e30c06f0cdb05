/* The Torch ops of vAccel, on ONNX models: tensors in, tensors out. */
#ifndef MAYFLY_ONNX_OPS_MODEL_H
#define MAYFLY_ONNX_OPS_MODEL_H

#include "vaccel/ops/torch.h"

/* Loads the model of a registered MODEL resource, so that the first run need not. */
int onnx_torch_model_load(struct vaccel_session *session, struct vaccel_resource *resource);

/* Runs it. The inputs are those of the ONNX model, in order; they are computed on where they are.
 * The outputs are its first `output_count` ones, in fresh tensors. There are no run options. */
int onnx_torch_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
			 const struct vaccel_torch_buffer *run_options,
			 struct vaccel_torch_tensor **inputs, int input_count,
			 struct vaccel_torch_tensor **outputs, int output_count);

#endif
