/* Running a client's models; see model_run.h. */
#include "acceld/relay/rpc/model_run.h"

#include <stdlib.h>
#include <string.h>

#include "accel/models/kind.h"
#include "accel/ops/signature.h"
#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/session.h"
#include "mayfly/wire.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "vaccel/error.h"

/* Model and options come first. */
#define MODEL_ARGUMENTS 2

/* 0: the session does not have it. */
static struct vaccel_arg model_argument(const struct rpc_call *call, int64_t *id)
{
	*id = rpc_session_resource(call->session, call->resource);
	return (struct vaccel_arg){.buf = id, .size = sizeof(*id), .type = VACCEL_ARG_INT64};
}

int rpc_model_call(struct rpc_call *call, uint16_t op, struct vaccel_arg *results,
		   size_t result_count, const uint32_t *result_flags)
{
	int64_t id;
	struct vaccel_arg input = model_argument(call, &id);
	return id ? rpc_session_op(call, op, &input, 1, results, result_count, result_flags)
		  : VACCEL_EPERM;
}

/* The arguments of one run. */
struct run_arguments {
	struct vaccel_arg *in, *out;
	uint32_t *flags;
	int64_t (*shapes)[TENSOR_SHAPE_MAX];
	size_t in_count, out_count;
};

static void release_arguments(struct run_arguments *arguments)
{
	free(arguments->in);
	free(arguments->out);
	free(arguments->flags);
	free(arguments->shapes);
}

static int allocate_arguments(struct run_arguments *arguments, const struct rpc_model_run *run)
{
	arguments->in_count = MODEL_ARGUMENTS + run->more_count + 2 * run->input_count;
	arguments->out_count = run->result_count + 2 * run->output_count;
	arguments->in = calloc(arguments->in_count, sizeof(*arguments->in));
	arguments->out = calloc(arguments->out_count + 1, sizeof(*arguments->out));
	arguments->flags = calloc(arguments->out_count + 1, sizeof(*arguments->flags));
	arguments->shapes = calloc(run->input_count + 1, sizeof(*arguments->shapes));
	return arguments->in && arguments->out && arguments->flags && arguments->shapes
		   ? 0
		   : VACCEL_ENOMEM;
}

static int pack_tensor(const struct tensor_kind *kind, const Rpc__Tensor *tensor,
		       int64_t shape[TENSOR_SHAPE_MAX], struct vaccel_arg args[2])
{
	struct tensor_elements elements = kind->elements(tensor->type);
	if (tensor->n_dims > TENSOR_DIMENSIONS_MAX || elements.argument == VACCEL_ARG_MAX) {
		log_info("a tensor with %zu dimensions of data type %u is refused", tensor->n_dims,
			 tensor->type);
		return VACCEL_EINVAL;
	}
	shape[0] = tensor->type;
	if (tensor->n_dims)
		memcpy(shape + 1, tensor->dims, tensor->n_dims * sizeof(*shape));
	args[0] = (struct vaccel_arg){.buf = shape,
				      .size = (1 + tensor->n_dims) * sizeof(*shape),
				      .type = VACCEL_ARG_INT64_ARRAY};
	args[1] = (struct vaccel_arg){
	    .buf = tensor->data.data, .size = tensor->data.len, .type = elements.argument};
	return 0;
}

static int fill_inputs(struct run_arguments *arguments, const struct rpc_model_run *run)
{
	struct vaccel_arg *next = arguments->in + 1;
	*next++ = (struct vaccel_arg){
	    .buf = run->options.data, .size = run->options.len, .type = VACCEL_ARG_BUFFER};
	for (size_t i = 0; i < run->more_count; i++)
		*next++ = run->more[i];
	int result = 0;
	for (size_t i = 0; !result && i < run->input_count; i++, next += 2)
		result = pack_tensor(run->kind, run->inputs[i], arguments->shapes[i], next);
	return result;
}

static void fill_outputs(struct run_arguments *arguments, const struct rpc_model_run *run)
{
	for (size_t i = 0; i < run->result_count; i++) {
		arguments->out[i] = run->results[i];
		arguments->flags[i] = run->result_flags[i];
	}
	for (size_t i = run->result_count; i < arguments->out_count; i++) {
		bool is_shape = (i - run->result_count) % 2 == 0;
		arguments->out[i].type = is_shape ? VACCEL_ARG_INT64_ARRAY : VACCEL_ARG_UINT8_ARRAY;
		arguments->flags[i] = WIRE_ARGUMENT_GROWS;
	}
}

/* Takes what has come out of the op. */
static void take_answers(struct rpc_model_run *run, struct run_arguments *arguments)
{
	memcpy(run->results, arguments->out, run->result_count * sizeof(*run->results));
	run->grown = take_pointer(arguments->out);
	memmove(run->grown, run->grown + run->result_count,
		2 * run->output_count * sizeof(*run->grown));
}

int rpc_model_run(struct rpc_call *call, struct rpc_model_run *run)
{
	int64_t id;
	struct vaccel_arg model = model_argument(call, &id);
	if (!id)
		return VACCEL_EPERM;
	if (run->input_count > WIRE_TENSORS_MAX - RPC_RUN_RESULTS ||
	    run->output_count > WIRE_TENSORS_MAX - RPC_RUN_RESULTS - run->input_count)
		return VACCEL_ERANGE;
	cleanup(release_arguments) struct run_arguments arguments = {NULL};
	int result = allocate_arguments(&arguments, run);
	if (!result)
		result = fill_inputs(&arguments, run);
	if (result)
		return result;
	arguments.in[0] = model;
	fill_outputs(&arguments, run);
	result = op_check_arguments(run->op, arguments.in, arguments.in_count, arguments.out,
				    arguments.out_count, arguments.flags, true);
	if (!result)
		result = rpc_session_op(call, run->op, arguments.in, arguments.in_count,
					arguments.out, arguments.out_count, arguments.flags);
	if (!result)
		take_answers(run, &arguments);
	return result;
}

/* False for a shape that is none. */
static bool make_tensor(Rpc__Tensor *tensor, const struct vaccel_arg args[2])
{
	int64_t *shape = args[0].buf;
	size_t count = args[0].size / sizeof(*shape);
	rpc__tensor__init(tensor);
	if (!shape || count < 1 || count > TENSOR_SHAPE_MAX)
		return false;
	rpc_set_bytes(tensor, data, args[1].buf, args[1].size);
	rpc_set(tensor, type, (uint32_t)shape[0]);
	tensor->dims = shape + 1;
	tensor->n_dims = count - 1;
	return true;
}

int rpc_model_run_take_outputs(struct rpc_model_run *run)
{
	run->tensors = calloc(run->output_count + 1, sizeof(*run->tensors));
	run->outputs = calloc(run->output_count + 1, sizeof(void *));
	if (!run->tensors || !run->outputs)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < run->output_count; i++) {
		run->outputs[i] = &run->tensors[i];
		if (!make_tensor(&run->tensors[i], &run->grown[2 * i]))
			return VACCEL_EREMOTEIO;
	}
	return 0;
}

void rpc_model_run_release(struct rpc_model_run *run)
{
	for (size_t i = 0; run->grown && i < 2 * run->output_count; i++)
		free(run->grown[i].buf);
	free(run->grown);
	free(run->tensors);
	free(run->outputs);
	for (size_t i = 0; i < run->result_count; i++)
		if (run->result_flags[i] & WIRE_ARGUMENT_GROWS)
			free(run->results[i].buf);
}
