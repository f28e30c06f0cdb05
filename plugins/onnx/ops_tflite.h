/* The TensorFlow Lite ops of vAccel, on models of all formats. */
#ifndef MAYFLY_ONNX_OPS_TFLITE_H
#define MAYFLY_ONNX_OPS_TFLITE_H

#include "vaccel/ops/tflite.h"

int onnx_tflite_model_load(struct vaccel_session *session, struct vaccel_resource *resource);
int onnx_tflite_model_unload(struct vaccel_session *session, struct vaccel_resource *resource);

/* Inputs are the model's, in order, and outputs its first ones. `status` may be NULL; it is a
 * TfLiteStatus. */
int onnx_tflite_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
			  struct vaccel_tflite_tensor *const *inputs, int input_count,
			  struct vaccel_tflite_tensor **outputs, int output_count, uint8_t *status);

#endif
