/* Tensors in, tensors out; see ops_model.h. */
#include "ops_model.h"

#include <errno.h>
#include <string.h>

#include "mayfly/results.h"
#include "state.h"
#include "util/cleanup.h"
#include "vaccel/error.h"

static const struct {
	enum vaccel_torch_data_type torch;
	int element;
} types[] = {
    {VACCEL_TORCH_FLOAT, ORT_FLOAT32}, {VACCEL_TORCH_BYTE, ORT_UINT8},
    {VACCEL_TORCH_CHAR, ORT_INT8},     {VACCEL_TORCH_SHORT, ORT_INT16},
    {VACCEL_TORCH_INT, ORT_INT32},     {VACCEL_TORCH_LONG, ORT_INT64},
    {VACCEL_TORCH_HALF, ORT_FLOAT16},  {VACCEL_TORCH_BYTE, ORT_BOOL}, /* one byte, 0 or 1 */
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

struct loaded_model {
	struct model *model;
	struct network_entry *network;
};

static void loaded_model_release(struct loaded_model *loaded)
{
	if (loaded->network)
		network_cache_put(&onnx_state()->networks, loaded->network);
	if (loaded->model)
		model_drop(loaded->model);
}

static int load(struct vaccel_resource *resource, struct loaded_model *loaded, struct error *error)
{
	struct onnx_state *state = onnx_state();
	int result = onnx_state_open(state, error);
	if (!result)
		result = onnx_resource_model(state, resource, &loaded->model, error);
	if (result)
		return result;
	struct network_entry *network;
	result = network_cache_get(&state->networks, &loaded->model->source,
				   mayfly_op_deadline_ns(), &network, error);
	if (result)
		return error_wrap(error, "model %s", loaded->model->name);
	loaded->network = network;
	return 0;
}

int onnx_torch_model_load(struct vaccel_session *session, struct vaccel_resource *resource)
{
	struct error error = {0};
	cleanup(loaded_model_release) struct loaded_model loaded = {0};
	(void)session;
	return onnx_report("load", load(resource, &loaded, &error), &error);
}

/* A one-byte tensor goes to an input of uint8 or of bool, whichever the model has. */
static int element_of(enum vaccel_torch_data_type type, int wanted)
{
	int element = 0;
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (types[i].torch == type && (!element || types[i].element == wanted))
			element = types[i].element;
	return element;
}

static int wrap_inputs(const struct network *network, struct vaccel_torch_tensor **inputs,
		       size_t count, struct tensor *tensors, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct vaccel_torch_tensor *input = inputs[i];
		if (!input || input->nr_dims < 0 || input->nr_dims > NETWORK_RANK_MAX)
			return error_set(error, EINVAL, "input %zu has no shape that is taken", i);
		tensors[i] = (struct tensor){
		    .element = element_of(input->data_type, network->inputs[i].element),
		    .rank = (size_t)input->nr_dims,
		    .data = input->data,
		    .size = input->size};
		memcpy(tensors[i].shape, input->dims, tensors[i].rank * sizeof(int64_t));
		if (!tensors[i].element)
			return error_set(error, EINVAL, "input %zu has an unknown type %d", i,
					 (int)input->data_type);
	}
	return 0;
}

static int make_output(const struct tensor *tensor, size_t place, struct vaccel_torch_tensor **out,
		       struct error *error)
{
	size_t type = 0;
	while (type < TYPE_COUNT && types[type].element != tensor->element)
		type++;
	if (type == TYPE_COUNT)
		return error_set(error, ENOTSUP, "output %zu has elements of type %d", place,
				 tensor->element);
	/* A scalar has no dimensions in ONNX; a tensor here has at least one. */
	static const int64_t scalar[] = {1};
	int result = vaccel_torch_tensor_allocate(out, tensor->rank ? (int64_t)tensor->rank : 1,
						  tensor->rank ? tensor->shape : scalar,
						  types[type].torch, tensor->size);
	if (result)
		return error_set_errno(error, result, "cannot make output %zu", place);
	if (tensor->size)
		memcpy((*out)->data, tensor->data, tensor->size);
	return 0;
}

static int run(struct vaccel_resource *resource, struct vaccel_torch_tensor **inputs,
	       size_t input_count, struct vaccel_torch_tensor **outputs, size_t output_count,
	       struct error *error)
{
	cleanup(loaded_model_release) struct loaded_model loaded = {0};
	int result = load(resource, &loaded, error);
	if (result)
		return result;
	struct network *network = loaded.network->network;
	if (input_count != network->input_count || output_count > network->output_count)
		return error_set(error, EINVAL,
				 "model %s has %zu inputs and %zu outputs, not %zu and %zu",
				 loaded.model->name, network->input_count, network->output_count,
				 input_count, output_count);
	struct tensor tensors[NETWORK_PORTS_MAX];
	size_t places[NETWORK_PORTS_MAX];
	for (size_t i = 0; i < output_count; i++)
		places[i] = i;
	cleanup(network_result_release) struct network_result results = {0};
	result = wrap_inputs(network, inputs, input_count, tensors, error);
	if (!result)
		result = network_run(network, tensors, input_count, places, output_count,
				     mayfly_op_deadline_ns(), &results, error);
	for (size_t i = 0; !result && i < output_count; i++)
		result = make_output(&results.tensors[i], i, &outputs[i], error);
	return result ? error_wrap(error, "model %s", loaded.model->name) : 0;
}

int onnx_torch_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
			 const struct vaccel_torch_buffer *run_options,
			 struct vaccel_torch_tensor **inputs, int input_count,
			 struct vaccel_torch_tensor **outputs, int output_count)
{
	struct error error = {0};
	(void)session;
	(void)run_options;
	if (input_count < 0 || output_count < 1 || output_count > NETWORK_PORTS_MAX || !outputs ||
	    (input_count && !inputs))
		return VACCEL_EINVAL;
	for (int i = 0; i < output_count; i++)
		outputs[i] = NULL;
	int result =
	    run(resource, inputs, (size_t)input_count, outputs, (size_t)output_count, &error);
	for (int i = 0; result && i < output_count; i++) {
		if (outputs[i])
			vaccel_torch_tensor_delete(outputs[i]);
		outputs[i] = NULL;
	}
	return onnx_report("run", result, &error);
}
