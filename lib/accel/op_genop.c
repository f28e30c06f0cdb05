/* vaccel_genop(): any op by its number. Its arguments are those of the dispatch. */
#include "vaccel/ops/genop.h"

#include <string.h>

#include "accel/dispatch.h"
#include "mayfly/wire.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

int vaccel_genop(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
		 struct vaccel_arg *write, int nr_write)
{
	if (!sess || !read || nr_read < 1 || nr_write < 0 || (nr_write && !write) ||
	    nr_read > WIRE_ARGUMENTS_MAX || nr_write > WIRE_ARGUMENTS_MAX)
		return VACCEL_EINVAL;
	if (read[0].type != VACCEL_ARG_UINT8 || read[0].size != sizeof(uint8_t) || !read[0].buf)
		return VACCEL_EINVAL;
	uint8_t op = *(const uint8_t *)read[0].buf;
	if (op == VACCEL_OP_NOOP)
		return VACCEL_EINVAL;
	/* A copy, as `size` of an output becomes the result's length, and the caller's says how
	 * much room there is. */
	struct vaccel_arg outputs[WIRE_ARGUMENTS_MAX];
	if (nr_write)
		memcpy(outputs, write, (size_t)nr_write * sizeof(*write));
	return mayfly_op_dispatch(sess, op, read + 1, (size_t)nr_read - 1, outputs,
				  (size_t)nr_write, NULL);
}
