/* Ops on PyTorch models. */
#include <stdlib.h>

#include "accel/models/run.h"
#include "accel/ops/dispatch.h"
#include "accel/state/op_context.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "vaccel/error.h"
#include "vaccel/op.h"
#include "vaccel/ops/torch.h"

int vaccel_torch_model_load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	return model_call(VACCEL_OP_TORCH_MODEL_LOAD, sess, model, NULL, 0, NULL);
}

int torch_run(struct vaccel_session *session, struct vaccel_resource *model,
	      const struct vaccel_torch_buffer *options, struct vaccel_torch_tensor *const *inputs,
	      int input_count, struct vaccel_torch_tensor **outputs, int output_count,
	      bool has_rooms)
{
	if (input_count < 0 || output_count < 0)
		return VACCEL_EINVAL;
	struct model_run run = {
	    .op = VACCEL_OP_TORCH_MODEL_RUN,
	    .kind = &tensor_kind_torch,
	    .session = session,
	    .model = model,
	    .options = options ? options->data : NULL,
	    .options_size = options ? options->size : 0,
	    .inputs = inputs,
	    .input_count = (size_t)input_count,
	    .outputs = outputs,
	    .output_count = (size_t)output_count,
	    .has_rooms = has_rooms,
	};
	return model_run(&run);
}

int vaccel_torch_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
			   const struct vaccel_torch_buffer *run_options,
			   struct vaccel_torch_tensor *const *inputs, int nr_inputs,
			   struct vaccel_torch_tensor **outputs, int nr_outputs)
{
	return torch_run(sess, model, run_options, inputs, nr_inputs, outputs, nr_outputs, false);
}

/* A tensor that there may be, as two arguments, which are empty where there is none. */
static int pack_matrix(struct vaccel_torch_tensor *const *place, struct tensor_value *value,
		       struct vaccel_arg args[2])
{
	args[0] = (struct vaccel_arg){.type = VACCEL_ARG_INT64_ARRAY};
	args[1] = (struct vaccel_arg){.type = VACCEL_ARG_UINT8_ARRAY};
	if (!place || !*place)
		return VACCEL_OK;
	struct tensor_elements elements = tensor_kind_torch.elements((*place)->data_type);
	if (!tensor_kind_torch.read(*place, value) || elements.argument == VACCEL_ARG_MAX)
		return op_refuse(VACCEL_EINVAL, "a matrix is no tensor");
	args[0].buf = value->shape;
	args[0].size = (1 + value->rank) * sizeof(*value->shape);
	args[1].buf = value->data;
	args[1].size = value->size;
	args[1].type = elements.argument;
	return VACCEL_OK;
}

int vaccel_torch_sgemm(struct vaccel_session *sess, struct vaccel_torch_tensor **in_A,
		       struct vaccel_torch_tensor **in_B, struct vaccel_torch_tensor **in_C, int M,
		       int N, int K, struct vaccel_torch_tensor **out)
{
	enum { SIZES = 3, MATRICES = 3 };
	struct vaccel_torch_tensor *const *const matrices[MATRICES] = {in_A, in_B, in_C};
	static const uint32_t flags[2] = {WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS};
	int32_t sizes[SIZES] = {M, N, K};
	struct tensor_value values[MATRICES];
	struct vaccel_arg in[SIZES + 2 * MATRICES];
	struct vaccel_arg answer[2] = {{.type = VACCEL_ARG_INT64_ARRAY},
				       {.type = VACCEL_ARG_UINT8_ARRAY}};
	if (!sess)
		return VACCEL_EINVAL;
	int result = VACCEL_OK;
	for (size_t i = 0; i < SIZES; i++)
		in[i] = (struct vaccel_arg){
		    .buf = &sizes[i], .size = sizeof(sizes[i]), .type = VACCEL_ARG_INT32};
	for (size_t i = 0; !result && i < MATRICES; i++)
		result = pack_matrix(matrices[i], &values[i], &in[SIZES + 2 * i]);
	if (!result)
		result = mayfly_op_dispatch(sess, VACCEL_OP_TORCH_SGEMM, in, SIZES + 2 * MATRICES,
					    answer, 2, flags);
	if (result)
		return result;
	void *tensor = NULL;
	if (out && answer[0].buf)
		result = tensor_unpack(&tensor_kind_torch, &tensor, answer);
	if (tensor)
		*out = tensor;
	free(answer[0].buf);
	free(answer[1].buf);
	return result;
}
