/* vaccel_genop(): an op by its number. Its arguments are those of the dispatch. */
#include "vaccel/ops/genop.h"

#include <stdlib.h>
#include <string.h>

#include "accel/ops/dispatch.h"
#include "accel/state/op_context.h"
#include "accel/wire/ops.h"
#include "mayfly/wire.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

/* Models with tensors have no such form in the API. */
static bool has_generic_form(uint8_t op)
{
	return op < VACCEL_OP_TF_MODEL_LOAD || op > VACCEL_OP_TORCH_SGEMM;
}

/* A copy of the outputs and their flags: `size` of an output becomes the result's length, and the
 * caller's says how much room there is. */
struct generic_outputs {
	struct vaccel_arg *args;
	uint32_t *flags;
};

static int copy_outputs(struct generic_outputs *outputs, const struct vaccel_arg *write,
			size_t count, uint8_t op)
{
	outputs->args = malloc((count + 1) * (sizeof(*outputs->args) + sizeof(*outputs->flags)));
	if (!outputs->args)
		return VACCEL_ENOMEM;
	outputs->flags = (uint32_t *)(outputs->args + count + 1);
	if (count)
		memcpy(outputs->args, write, count * sizeof(*write));
	uint32_t flags = wire_op_carries(op) ? WIRE_ARGUMENT_CARRIES : 0;
	for (size_t i = 0; i < count; i++)
		outputs->flags[i] = flags;
	return VACCEL_OK;
}

int vaccel_genop(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
		 struct vaccel_arg *write, int nr_write)
{
	if (!read || nr_read < 1 || nr_write < 0 || (nr_write && !write) ||
	    nr_read > WIRE_ARGUMENTS_MAX || nr_write > WIRE_ARGUMENTS_MAX)
		return VACCEL_EINVAL;
	if (read[0].type != VACCEL_ARG_UINT8 || read[0].size != sizeof(uint8_t) || !read[0].buf)
		return op_refuse(VACCEL_EINVAL, "a generic op begins with its number, a UINT8");
	uint8_t op = *(const uint8_t *)read[0].buf;
	if (op == VACCEL_OP_NOOP || op >= VACCEL_OP_MAX)
		return op_refuse(VACCEL_EINVAL, "there is no generic op %d", op);
	if (!has_generic_form(op))
		return op_refuse(VACCEL_ENOTSUP, "%s has no generic form", wire_op_name(op));
	if (!sess)
		return VACCEL_EINVAL;
	struct generic_outputs outputs;
	int result = copy_outputs(&outputs, write, (size_t)nr_write, op);
	if (result)
		return result;
	result = mayfly_op_dispatch(sess, op, read + 1, (size_t)nr_read - 1, outputs.args,
				    (size_t)nr_write, outputs.flags);
	free(outputs.args);
	return result;
}
