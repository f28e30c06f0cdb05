/* The Torch ops; see ops_torch.h. */
#include "ops_torch.h"

#include "mayfly/tensors.h"
#include "model_run.h"
#include "state.h"
#include "tensor_form.h"
#include "util/cleanup.h"

static const struct form_type torch_types[] = {
    {VACCEL_TORCH_FLOAT, ELEMENT_FLOAT32}, {VACCEL_TORCH_BYTE, ELEMENT_UINT8},
    {VACCEL_TORCH_CHAR, ELEMENT_INT8},	   {VACCEL_TORCH_SHORT, ELEMENT_INT16},
    {VACCEL_TORCH_INT, ELEMENT_INT32},	   {VACCEL_TORCH_LONG, ELEMENT_INT64},
    {VACCEL_TORCH_HALF, ELEMENT_FLOAT16},  {VACCEL_TORCH_BYTE, ELEMENT_BOOL}, /* 0 or 1 */
};
DEFINE_TENSOR_FORM(torch, int64_t)

int onnx_torch_model_load(struct vaccel_session *session, struct vaccel_resource *resource)
{
	struct error error = {0};
	(void)session;
	return onnx_report("load", model_load(resource, &error), &error);
}

/* Takes the next name off the run options; NULL where there is none. */
static const char *next_name(const char **options, size_t *left)
{
	const char *name = *options, *end = memchr(name, 0, *left);
	if (!end)
		return NULL;
	*left -= (size_t)(end + 1 - name);
	*options = end + 1;
	return name;
}

/* Options of other forms are ignored: they may be meant for other plugins. */
static int name_ports(struct model_run *run, const struct vaccel_torch_buffer *options,
		      struct error *error)
{
	enum { HEAD = sizeof(MAYFLY_RUN_OPTIONS_NAMES) };
	bool has_names = options && options->size >= HEAD &&
			 !memcmp(options->data, MAYFLY_RUN_OPTIONS_NAMES, HEAD);
	const char *names = has_names ? options->data + HEAD : NULL;
	size_t left = has_names ? options->size - HEAD : 0;
	int result = 0;
	for (size_t i = 0; !result && i < run->input_count + run->output_count; i++) {
		const char *name = names ? next_name(&names, &left) : "";
		if (!name)
			return error_set(error, EINVAL, "the run options have too few names");
		if (i < run->input_count)
			result = model_run_name_input(run, i, name, 0, error);
		else
			result = model_run_name_output(run, i - run->input_count, name, 0, error);
	}
	return result;
}

static int run_model(struct vaccel_resource *resource, const struct vaccel_torch_buffer *options,
		     struct vaccel_torch_tensor *const *inputs, size_t input_count,
		     struct vaccel_torch_tensor **outputs, size_t output_count, struct error *error)
{
	cleanup(model_run_release) struct model_run run = {0};
	int result = model_run_open(&run, resource, input_count, output_count, error);
	if (!result)
		result = name_ports(&run, options, error);
	if (!result)
		result = torch_wrap_inputs(&run, inputs, error);
	if (!result)
		result = model_run_execute(&run, torch_has_type, error);
	return result ? result : torch_make_outputs(&run, outputs, error);
}

int onnx_torch_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
			 const struct vaccel_torch_buffer *run_options,
			 struct vaccel_torch_tensor *const *inputs, int input_count,
			 struct vaccel_torch_tensor **outputs, int output_count)
{
	struct error error = {0};
	(void)session;
	if (!model_run_counts_fit(inputs, input_count, outputs, output_count))
		return VACCEL_EINVAL;
	for (int i = 0; i < output_count; i++)
		outputs[i] = NULL;
	int result = run_model(resource, run_options, inputs, (size_t)input_count, outputs,
			       (size_t)output_count, &error);
	return onnx_report("run", result, &error);
}
