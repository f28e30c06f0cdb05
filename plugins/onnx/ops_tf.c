/* The TensorFlow ops; see ops_tf.h. */
#include "ops_tf.h"

#include "model_run.h"
#include "state.h"
#include "tensor_form.h"
#include "util/cleanup.h"

static const struct form_type tf_types[] = {
    {VACCEL_TF_FLOAT, ELEMENT_FLOAT32},		{VACCEL_TF_DOUBLE, ELEMENT_FLOAT64},
    {VACCEL_TF_INT32, ELEMENT_INT32},		{VACCEL_TF_UINT8, ELEMENT_UINT8},
    {VACCEL_TF_INT16, ELEMENT_INT16},		{VACCEL_TF_INT8, ELEMENT_INT8},
    {VACCEL_TF_STRING, ELEMENT_TEXT},		{VACCEL_TF_COMPLEX64, ELEMENT_COMPLEX64},
    {VACCEL_TF_INT64, ELEMENT_INT64},		{VACCEL_TF_BOOL, ELEMENT_BOOL},
    {VACCEL_TF_BFLOAT16, ELEMENT_BFLOAT16},	{VACCEL_TF_UINT16, ELEMENT_UINT16},
    {VACCEL_TF_COMPLEX128, ELEMENT_COMPLEX128}, {VACCEL_TF_HALF, ELEMENT_FLOAT16},
    {VACCEL_TF_UINT32, ELEMENT_UINT32},		{VACCEL_TF_UINT64, ELEMENT_UINT64},
};
DEFINE_TENSOR_FORM(tf, int64_t)

int onnx_tf_model_load(struct vaccel_session *session, struct vaccel_resource *resource,
		       struct vaccel_tf_status *status)
{
	struct error error = {0};
	(void)session;
	(void)status; /* libvaccel makes it of the code and the reason */
	return onnx_report("load", model_load(resource, &error), &error);
}

int onnx_tf_model_unload(struct vaccel_session *session, struct vaccel_resource *resource,
			 struct vaccel_tf_status *status)
{
	struct error error = {0};
	(void)session;
	(void)status;
	return onnx_report("unload", model_unload(resource, &error), &error);
}

static int name_ports(struct model_run *run, const struct vaccel_tf_node *in_nodes,
		      const struct vaccel_tf_node *out_nodes, struct error *error)
{
	int result = 0;
	for (size_t i = 0; !result && i < run->input_count; i++)
		result = model_run_name_input(run, i, in_nodes ? in_nodes[i].name : NULL,
					      in_nodes ? in_nodes[i].id : 0, error);
	for (size_t i = 0; !result && i < run->output_count; i++)
		result = model_run_name_output(run, i, out_nodes ? out_nodes[i].name : NULL,
					       out_nodes ? out_nodes[i].id : 0, error);
	return result;
}

static int run_model(struct vaccel_resource *resource, const struct vaccel_tf_buffer *options,
		     const struct vaccel_tf_node *in_nodes, struct vaccel_tf_tensor *const *inputs,
		     size_t input_count, const struct vaccel_tf_node *out_nodes,
		     struct vaccel_tf_tensor **outputs, size_t output_count, struct error *error)
{
	cleanup(model_run_release) struct model_run run = {0};
	int result = model_run_open(&run, resource, input_count, output_count, error);
	if (!result)
		result = name_ports(&run, in_nodes, out_nodes, error);
	if (!result)
		result = tf_wrap_inputs(&run, inputs, error);
	if (!result && options) {
		run.options = options->data;
		run.options_size = options->size;
	}
	if (!result)
		result = model_run_execute(&run, tf_has_type, error);
	return result ? result : tf_make_outputs(&run, outputs, error);
}

int onnx_tf_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
		      const struct vaccel_tf_buffer *run_options,
		      const struct vaccel_tf_node *in_nodes, struct vaccel_tf_tensor *const *inputs,
		      int input_count, const struct vaccel_tf_node *out_nodes,
		      struct vaccel_tf_tensor **outputs, int output_count,
		      struct vaccel_tf_status *status)
{
	struct error error = {0};
	(void)session;
	(void)status;
	if (!model_run_counts_fit(inputs, input_count, outputs, output_count))
		return VACCEL_EINVAL;
	for (int i = 0; i < output_count; i++)
		outputs[i] = NULL;
	int result = run_model(resource, run_options, in_nodes, inputs, (size_t)input_count,
			       out_nodes, outputs, (size_t)output_count, &error);
	return onnx_report("run", result, &error);
}
