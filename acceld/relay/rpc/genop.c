/* Ops by number, with arguments of the client's: they travel to the worker as they are. */
#include <stdlib.h>
#include <string.h>

#include "accel/ops/signature.h"
#include "accel/wire/ops.h"
#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/client.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/resource.h"
#include "acceld/relay/rpc/session.h"
#include "mayfly/wire.h"
#include "messages.pb-c.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

/* The arguments of one op. */
struct arguments {
	struct vaccel_arg *inputs, *outputs;
	size_t input_count, output_count;
	uint32_t *flags; /* of the outputs */
};

static void release_arguments(struct arguments *arguments)
{
	free(arguments->inputs);
	free(arguments->outputs);
	free(arguments->flags);
}

static const Rpc__Argument *find_unsound(Rpc__Argument *const *arguments, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (arguments[i]->size != arguments[i]->data.len)
			return arguments[i];
	return NULL;
}

/* False where it has been answered. */
static bool sizes_agree(const struct rpc_call *call, const Rpc__Genop *request)
{
	const Rpc__Argument *unsound = find_unsound(request->inputs, request->n_inputs);
	if (!unsound)
		unsound = find_unsound(request->outputs, request->n_outputs);
	if (unsound)
		rpc_fail_early(
		    &call->reply, RPC_ERROR_CONVERSION,
		    "Could not convert proto `Arg` to `Arg`: Incorrect size; expected %zu got %u",
		    unsound->data.len, unsound->size);
	return !unsound;
}

/* The data stays in the request, also that of outputs, which results are written over. */
static struct vaccel_arg *list_arguments(Rpc__Argument *const *arguments, size_t count)
{
	struct vaccel_arg *list = calloc(count + 1, sizeof(*list));
	for (size_t i = 0; list && i < count; i++)
		list[i] = (struct vaccel_arg){
		    .buf = arguments[i]->data.data,
		    .size = arguments[i]->data.len,
		    .type = (vaccel_arg_type_t)arguments[i]->type,
		    .custom_type_id = arguments[i]->custom_type,
		};
	return list;
}

static int make_arguments(struct arguments *arguments, const Rpc__Genop *request)
{
	if (request->n_inputs > WIRE_ARGUMENTS_MAX || request->n_outputs > WIRE_ARGUMENTS_MAX)
		return VACCEL_EINVAL;
	arguments->inputs = list_arguments(request->inputs, request->n_inputs);
	arguments->outputs = list_arguments(request->outputs, request->n_outputs);
	arguments->flags = calloc(request->n_outputs + 1, sizeof(*arguments->flags));
	if (!arguments->inputs || !arguments->outputs || !arguments->flags)
		return VACCEL_ENOMEM;
	arguments->input_count = request->n_inputs;
	arguments->output_count = request->n_outputs;
	return 0;
}

/* The first input is the op's number. Ops that have methods of their own have no such form. */
static int read_op(const struct arguments *arguments, uint16_t *op)
{
	const struct vaccel_arg *number = arguments->inputs;
	if (!arguments->input_count || number->type != VACCEL_ARG_UINT8 || number->size != 1)
		return VACCEL_EINVAL;
	*op = *(const uint8_t *)number->buf;
	if (*op == VACCEL_OP_NOOP || *op >= VACCEL_OP_MAX)
		return VACCEL_EINVAL;
	bool has_method = *op >= VACCEL_OP_TF_MODEL_LOAD && *op <= VACCEL_OP_TORCH_SGEMM;
	return has_method || wire_op_place(*op) == WIRE_OP_PLACES ? VACCEL_ENOTSUP : 0;
}

/* Puts the worker's id of a resource in the place of the client's. */
static int translate_resource(const struct rpc_call *call, struct vaccel_arg *argument)
{
	int64_t id;
	if (argument->type != VACCEL_ARG_INT64 || argument->size != sizeof(id))
		return VACCEL_EINVAL;
	memcpy(&id, argument->buf, sizeof(id));
	struct rpc_resource *resource = rpc_client_find_resource(call->client, id);
	if (!resource)
		return VACCEL_ENOENT;
	int64_t remote = rpc_session_resource(call->session, resource);
	lock_scoped(&call->client->lock);
	rpc_resource_drop(resource);
	if (!remote)
		return VACCEL_EPERM;
	memcpy(argument->buf, &remote, sizeof(remote));
	return 0;
}

static int run(struct rpc_call *call, struct arguments *arguments)
{
	uint16_t op;
	int result = read_op(arguments, &op);
	if (!result && wire_op_names_resource(op))
		result = arguments->input_count > 1
			     ? translate_resource(call, &arguments->inputs[1])
			     : VACCEL_EINVAL;
	if (result)
		return result;
	if (wire_op_carries(op))
		for (size_t i = 0; i < arguments->output_count; i++)
			arguments->flags[i] = WIRE_ARGUMENT_CARRIES;
	result =
	    op_check_arguments(op, arguments->inputs + 1, arguments->input_count - 1,
			       arguments->outputs, arguments->output_count, arguments->flags, true);
	return result
		   ? result
		   : rpc_session_op(call, op, arguments->inputs + 1, arguments->input_count - 1,
				    arguments->outputs, arguments->output_count, arguments->flags);
}

/* As many as came, of the same sizes: clients copy them over what they have without a look. */
static void answer(const struct rpc_call *call, const Rpc__Genop *request)
{
	Rpc__GenopDone done = RPC__GENOP_DONE__INIT;
	for (size_t i = 0; i < request->n_outputs; i++) {
		Rpc__Argument *output = request->outputs[i];
		rpc_set_bytes(output, data, output->data.data, output->data.len);
		rpc_set(output, size, output->size);
		rpc_set(output, type, output->type);
		rpc_set(output, custom_type, output->custom_type);
		output->has_part = output->has_parts = false;
	}
	done.outputs = request->outputs;
	done.n_outputs = request->n_outputs;
	rpc_answer(&call->reply, &done.base);
}

void rpc_serve_genop(struct rpc_call *call)
{
	const Rpc__Genop *request = (const Rpc__Genop *)call->request;
	if (!sizes_agree(call, request))
		return;
	cleanup(release_arguments) struct arguments arguments = {NULL};
	int result = make_arguments(&arguments, request);
	if (!result)
		result = run(call, &arguments);
	if (result)
		rpc_fail(&call->reply, result);
	else
		answer(call, request);
}
