/* Torch ops on the plugin's side: argument lists into tensors, and its answers back. */
#include <stdlib.h>
#include <string.h>

#include "accel/arg_types.h"
#include "accel/op_table.h"
#include "accel/torch_shape.h"
#include "mayfly/wire.h"
#include "util/checked.h"

static int find_model(const struct op_call *call, struct vaccel_resource **model)
{
	int64_t id;
	memcpy(&id, call->inputs[0].buf, sizeof(id));
	int result = vaccel_session_resource_by_id(call->session, model, id);
	if (result)
		return result == VACCEL_ENOENT ? VACCEL_EPERM : result;
	return (*model)->type == VACCEL_RESOURCE_MODEL ? VACCEL_OK : VACCEL_EINVAL;
}

int op_shim_torch_load(const struct op_call *call, void *function)
{
	int (*load)(struct vaccel_session *, struct vaccel_resource *) = function;
	struct vaccel_resource *model;
	int result = find_model(call, &model);
	return result ? result : load(call->session, model);
}

/* The bytes that a tensor of this shape (data type, dimensions) takes; false for one that cannot
 * be. */
static bool measure_shape(const int64_t *shape, size_t count, size_t *bytes)
{
	vaccel_arg_type_t type = torch_argument_type(shape[0]);
	if (type == VACCEL_ARG_MAX)
		return false;
	*bytes = arg_type_facts(type).element;
	for (size_t i = 1; i < count; i++)
		if (shape[i] < 0 || mul_overflows(*bytes, (size_t)shape[i], bytes))
			return false;
	return true;
}

/* Makes a tensor of a shape and data that need not fit each other. The shape is copied to `shape`
 * before it is looked at, as the peer may still write to it; data is referred to. */
static int view_tensor(struct vaccel_torch_tensor *tensor, int64_t *shape,
		       const struct vaccel_arg args[2])
{
	size_t count = args[0].size / sizeof(*shape);
	if (count < 2 || count > TENSOR_SHAPE_MAX)
		return VACCEL_EINVAL;
	memcpy(shape, args[0].buf, count * sizeof(*shape));
	size_t bytes;
	if (args[1].type != torch_argument_type(shape[0]) || !measure_shape(shape, count, &bytes) ||
	    bytes > args[1].size)
		return VACCEL_EINVAL;
	*tensor = (struct vaccel_torch_tensor){
	    .data = args[1].buf,
	    .size = args[1].size,
	    .nr_dims = (int64_t)count - 1,
	    .dims = shape + 1,
	    .data_type = (enum vaccel_torch_data_type)shape[0],
	};
	return VACCEL_OK;
}

/* Turns a tensor that a plugin made into two answers. What it says of itself must agree: a size
 * beyond its shape would read what lies behind its data, for whoever asked. Data changes hands
 * without a copy, unless the plugin keeps it. The tensor is left to the caller. */
static int answer_tensor(struct vaccel_torch_tensor *tensor, struct vaccel_arg args[2])
{
	if (!tensor || !tensor->dims || tensor->nr_dims < 1 ||
	    tensor->nr_dims > TENSOR_DIMENSIONS_MAX || (tensor->size && !tensor->data))
		return VACCEL_EBACKEND;
	size_t count = 1 + (size_t)tensor->nr_dims;
	int64_t *shape = malloc(count * sizeof(*shape));
	if (!shape)
		return VACCEL_ENOMEM;
	shape[0] = tensor->data_type;
	memcpy(shape + 1, tensor->dims, (count - 1) * sizeof(*shape));
	args[0].buf = shape;
	args[0].size = count * sizeof(*shape);
	args[0].owned = true;
	size_t bytes;
	if (!measure_shape(shape, count, &bytes) || bytes != tensor->size)
		return VACCEL_EBACKEND;
	if (!tensor->size)
		return VACCEL_OK;

	size_t size = tensor->size;
	void *data = NULL;
	if (tensor->owned) {
		vaccel_torch_tensor_take_data(tensor, &data, &size);
	} else {
		data = malloc(size);
		if (!data)
			return VACCEL_ENOMEM;
		memcpy(data, tensor->data, size);
	}
	args[1].buf = data;
	args[1].size = size;
	args[1].owned = true;
	return VACCEL_OK;
}

int op_shim_torch_run(const struct op_call *call, void *function)
{
	int (*run)(struct vaccel_session *, struct vaccel_resource *,
		   const struct vaccel_torch_buffer *, struct vaccel_torch_tensor *const *, int,
		   struct vaccel_torch_tensor **, int) = function;
	enum { MODEL_ARGUMENTS = 2, TENSORS_MAX = WIRE_ARGUMENTS_MAX / 2 };
	struct vaccel_resource *model;
	int result = find_model(call, &model);
	if (result)
		return result;

	struct vaccel_torch_tensor views[TENSORS_MAX];
	struct vaccel_torch_tensor *inputs[TENSORS_MAX];
	int64_t shapes[TENSORS_MAX][TENSOR_SHAPE_MAX];
	size_t input_count = (call->input_count - MODEL_ARGUMENTS) / 2;
	for (size_t i = 0; i < input_count; i++) {
		result = view_tensor(&views[i], shapes[i], &call->inputs[MODEL_ARGUMENTS + 2 * i]);
		if (result)
			return result;
		inputs[i] = &views[i];
	}
	const struct vaccel_torch_buffer options = {.data = call->inputs[1].buf,
						    .size = call->inputs[1].size};
	struct vaccel_torch_tensor *outputs[TENSORS_MAX] = {0};
	size_t output_count = call->output_count / 2;
	for (size_t i = 0; i < call->output_count; i++)
		call->outputs[i].size = 0;
	result = run(call->session, model, options.size ? &options : NULL, inputs, (int)input_count,
		     outputs, (int)output_count);
	for (size_t i = 0; !result && i < output_count; i++)
		result = answer_tensor(outputs[i], &call->outputs[2 * i]);
	for (size_t i = 0; i < output_count; i++)
		if (outputs[i])
			vaccel_torch_tensor_delete(outputs[i]);
	for (size_t i = 0; result && i < call->output_count; i++) {
		free(call->outputs[i].buf);
		call->outputs[i].buf = NULL;
		call->outputs[i].size = 0;
		call->outputs[i].owned = false;
	}
	return result;
}
