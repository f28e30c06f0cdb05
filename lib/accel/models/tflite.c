/* Ops on TensorFlow Lite models. */
#include "vaccel/ops/tflite.h"

#include "accel/models/run.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

int vaccel_tflite_model_load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	return model_call(VACCEL_OP_TFLITE_MODEL_LOAD, sess, model, NULL, 0, NULL);
}

int vaccel_tflite_model_unload(struct vaccel_session *sess, struct vaccel_resource *model)
{
	return model_call(VACCEL_OP_TFLITE_MODEL_UNLOAD, sess, model, NULL, 0, NULL);
}

int vaccel_tflite_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
			    struct vaccel_tflite_tensor *const *inputs, int nr_inputs,
			    struct vaccel_tflite_tensor **outputs, int nr_outputs, uint8_t *status)
{
	enum { TFLITE_ERROR = 1 };
	uint32_t answers[2] = {0}; /* the plugin's result, the engine's status */
	int result = VACCEL_EINVAL;
	if (nr_inputs >= 0 && nr_outputs >= 0) {
		struct model_run run = {
		    .op = VACCEL_OP_TFLITE_MODEL_RUN,
		    .kind = &tensor_kind_tflite,
		    .session = sess,
		    .model = model,
		    .result_count = 2,
		    .inputs = inputs,
		    .input_count = (size_t)nr_inputs,
		    .outputs = outputs,
		    .output_count = (size_t)nr_outputs,
		};
		for (size_t i = 0; i < 2; i++)
			run.results[i] = (struct vaccel_arg){.buf = &answers[i],
							     .size = sizeof(answers[i]),
							     .type = VACCEL_ARG_UINT32};
		result = model_run(&run);
	}
	if (status)
		*status = (uint8_t)(result && !answers[1] ? TFLITE_ERROR : answers[1]);
	return result;
}
