/* The TensorFlow Lite ops; see ops_tflite.h. */
#include "ops_tflite.h"

#include "model_run.h"
#include "state.h"
#include "tensor_form.h"
#include "util/cleanup.h"

static const struct form_type tflite_types[] = {
    {VACCEL_TFLITE_FLOAT32, ELEMENT_FLOAT32}, {VACCEL_TFLITE_INT32, ELEMENT_INT32},
    {VACCEL_TFLITE_UINT8, ELEMENT_UINT8},     {VACCEL_TFLITE_INT64, ELEMENT_INT64},
    {VACCEL_TFLITE_STRING, ELEMENT_TEXT},     {VACCEL_TFLITE_BOOL, ELEMENT_BOOL},
    {VACCEL_TFLITE_INT16, ELEMENT_INT16},     {VACCEL_TFLITE_COMPLEX64, ELEMENT_COMPLEX64},
    {VACCEL_TFLITE_INT8, ELEMENT_INT8},	      {VACCEL_TFLITE_FLOAT16, ELEMENT_FLOAT16},
    {VACCEL_TFLITE_FLOAT64, ELEMENT_FLOAT64}, {VACCEL_TFLITE_COMPLEX128, ELEMENT_COMPLEX128},
    {VACCEL_TFLITE_UINT64, ELEMENT_UINT64},   {VACCEL_TFLITE_UINT32, ELEMENT_UINT32},
    {VACCEL_TFLITE_UINT16, ELEMENT_UINT16},
};
DEFINE_TENSOR_FORM(tflite, int32_t)

int onnx_tflite_model_load(struct vaccel_session *session, struct vaccel_resource *resource)
{
	struct error error = {0};
	(void)session;
	return onnx_report("load", model_load(resource, &error), &error);
}

int onnx_tflite_model_unload(struct vaccel_session *session, struct vaccel_resource *resource)
{
	struct error error = {0};
	(void)session;
	return onnx_report("unload", model_unload(resource, &error), &error);
}

static int run_model(struct vaccel_resource *resource, struct vaccel_tflite_tensor *const *inputs,
		     size_t input_count, struct vaccel_tflite_tensor **outputs, size_t output_count,
		     struct error *error)
{
	cleanup(model_run_release) struct model_run run = {0};
	int result = model_run_open(&run, resource, input_count, output_count, error);
	if (!result)
		result = tflite_wrap_inputs(&run, inputs, error);
	if (!result)
		result = model_run_execute(&run, tflite_has_type, error);
	return result ? result : tflite_make_outputs(&run, outputs, error);
}

int onnx_tflite_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
			  struct vaccel_tflite_tensor *const *inputs, int input_count,
			  struct vaccel_tflite_tensor **outputs, int output_count, uint8_t *status)
{
	enum { OK = 0, ERROR = 1 }; /* TfLiteStatus */
	struct error error = {0};
	(void)session;
	if (status)
		*status = OK;
	if (!model_run_counts_fit(inputs, input_count, outputs, output_count))
		return VACCEL_EINVAL;
	for (int i = 0; i < output_count; i++)
		outputs[i] = NULL;
	int result =
	    run_model(resource, inputs, (size_t)input_count, outputs, (size_t)output_count, &error);
	/* The engine's own failure; all else was found before. */
	if (status && result == -EIO)
		*status = ERROR;
	return onnx_report("run", result, &error);
}
