/* Torch ops: tensors into argument lists, and answers back into tensors. */
#include <stdlib.h>
#include <string.h>

#include "accel/dispatch.h"
#include "accel/registration.h"
#include "accel/torch_shape.h"
#include "mayfly/wire.h"
#include "vaccel/error.h"
#include "vaccel/op.h"
#include "vaccel/ops/torch.h"

/* Tensors of a call, in and out together: each takes two arguments besides model and options. */
#define TENSORS_MAX ((WIRE_ARGUMENTS_MAX - 2) / 2)

/* By what id the op's side knows the model. 0 or a VACCEL_E… code. */
static int find_model(struct vaccel_session *session, struct vaccel_resource *model,
		      vaccel_id_t *id)
{
	if (!session || !model || model->type != VACCEL_RESOURCE_MODEL)
		return VACCEL_EINVAL;
	*id = registration_id(session, model);
	return *id ? VACCEL_OK : VACCEL_EPERM;
}

static struct vaccel_arg model_argument(vaccel_id_t *id)
{
	return (struct vaccel_arg){.buf = id, .size = sizeof(*id), .type = VACCEL_ARG_INT64};
}

int vaccel_torch_model_load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	vaccel_id_t id;
	int result = find_model(sess, model, &id);
	if (result)
		return result;
	struct vaccel_arg input = model_argument(&id);
	return mayfly_op_dispatch(sess, VACCEL_OP_TORCH_MODEL_LOAD, &input, 1, NULL, 0, NULL);
}

/* Describes a tensor by two arguments; `shape` has room for TENSOR_SHAPE_MAX numbers. */
static int pack_tensor(const struct vaccel_torch_tensor *tensor, int64_t *shape,
		       struct vaccel_arg args[2])
{
	if (!tensor || !tensor->dims || tensor->nr_dims < 1 ||
	    tensor->nr_dims > TENSOR_DIMENSIONS_MAX || (tensor->size && !tensor->data))
		return VACCEL_EINVAL;
	shape[0] = tensor->data_type;
	memcpy(shape + 1, tensor->dims, (size_t)tensor->nr_dims * sizeof(*shape));
	args[0] = (struct vaccel_arg){.buf = shape,
				      .size = (size_t)(1 + tensor->nr_dims) * sizeof(*shape),
				      .type = VACCEL_ARG_INT64_ARRAY};
	args[1] = (struct vaccel_arg){.buf = tensor->data,
				      .size = tensor->size,
				      .type = torch_argument_type(tensor->data_type)};
	return VACCEL_OK;
}

/* Makes a tensor from two answers and takes their memory. */
static int unpack_tensor(struct vaccel_torch_tensor **out, struct vaccel_arg args[2])
{
	const int64_t *shape = args[0].buf;
	size_t count = args[0].size / sizeof(*shape);
	if (!shape || count < 2 || count > TENSOR_SHAPE_MAX)
		return VACCEL_EREMOTEIO;
	int result = vaccel_torch_tensor_new(out, (int64_t)count - 1, shape + 1,
					     (enum vaccel_torch_data_type)shape[0]);
	if (result)
		return result;
	(*out)->data = args[1].buf;
	(*out)->size = args[1].size;
	(*out)->owned = true;
	args[1].buf = NULL;
	return VACCEL_OK;
}

/* Takes all answers apart; what is left of them is freed. */
static int unpack_tensors(struct vaccel_torch_tensor **tensors, size_t count,
			  struct vaccel_arg *args)
{
	int result = VACCEL_OK;
	for (size_t i = 0; !result && i < count; i++)
		result = unpack_tensor(&tensors[i], &args[2 * i]);
	for (size_t i = 0; result && i < count; i++) {
		if (tensors[i])
			vaccel_torch_tensor_delete(tensors[i]);
		tensors[i] = NULL;
	}
	for (size_t i = 0; i < 2 * count; i++)
		free(args[i].buf);
	return result;
}

int vaccel_torch_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
			   const struct vaccel_torch_buffer *run_options,
			   struct vaccel_torch_tensor *const *inputs, int nr_inputs,
			   struct vaccel_torch_tensor **outputs, int nr_outputs)
{
	vaccel_id_t id;
	int result = find_model(sess, model, &id);
	if (result)
		return result;
	if (nr_inputs < 1 || nr_outputs < 1 || !inputs || !outputs)
		return VACCEL_EINVAL;
	if (nr_inputs > TENSORS_MAX || nr_outputs > TENSORS_MAX - nr_inputs)
		return VACCEL_ERANGE;

	struct vaccel_arg in[WIRE_ARGUMENTS_MAX];
	int64_t shapes[TENSORS_MAX][TENSOR_SHAPE_MAX];
	size_t in_count = 0;
	in[in_count++] = model_argument(&id);
	in[in_count++] = (struct vaccel_arg){.type = VACCEL_ARG_BUFFER};
	if (run_options && run_options->data && run_options->size) {
		in[1].buf = run_options->data;
		in[1].size = run_options->size;
	}
	for (int i = 0; i < nr_inputs; i++, in_count += 2) {
		result = pack_tensor(inputs[i], shapes[i], &in[in_count]);
		if (result)
			return result;
	}

	struct vaccel_arg out[WIRE_ARGUMENTS_MAX];
	uint32_t flags[WIRE_ARGUMENTS_MAX];
	size_t out_count = 2 * (size_t)nr_outputs;
	for (size_t i = 0; i < out_count; i += 2) {
		out[i] = (struct vaccel_arg){.type = VACCEL_ARG_INT64_ARRAY};
		out[i + 1] = (struct vaccel_arg){.type = VACCEL_ARG_UINT8_ARRAY};
		flags[i] = flags[i + 1] = WIRE_ARGUMENT_GROWS;
		outputs[i / 2] = NULL;
	}
	result = mayfly_op_dispatch(sess, VACCEL_OP_TORCH_MODEL_RUN, in, in_count, out, out_count,
				    flags);
	return result ? result : unpack_tensors(outputs, (size_t)nr_outputs, out);
}
