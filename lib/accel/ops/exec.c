/* Functions of shared objects, and those of OpenCV plugins: ops with any arguments. */
#include "vaccel/ops/exec.h"

#include <stdlib.h>
#include <string.h>

#include "accel/ops/dispatch.h"
#include "accel/ops/resources.h"
#include "accel/state/op_context.h"
#include "mayfly/wire.h"
#include "vaccel/error.h"
#include "vaccel/op.h"
#include "vaccel/ops/opencv.h"

/* Most calls have few arguments: their lists need no allocation. */
#define FEW_ARGUMENTS 16

/* `leading` arguments that say what is run, then the caller's. The caller's array of outputs goes to
 * the function as it is. */
static int dispatch(struct vaccel_session *session, vaccel_op_type_t op,
		    const struct vaccel_arg *leading, size_t leading_count, struct vaccel_arg *read,
		    size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	struct vaccel_arg few_inputs[FEW_ARGUMENTS], *inputs = few_inputs;
	uint32_t few_flags[FEW_ARGUMENTS], *flags = few_flags;
	if (!session)
		return VACCEL_EINVAL;
	if ((nr_read && !read) || (nr_write && !write))
		return op_refuse(VACCEL_EINVAL, "there are no arguments at the address given");
	if (nr_read > WIRE_ARGUMENTS_MAX || nr_write > WIRE_ARGUMENTS_MAX)
		return op_refuse(VACCEL_EINVAL, "an op may have %d arguments, not %zu and %zu",
				 WIRE_ARGUMENTS_MAX, nr_read, nr_write);
	size_t count = leading_count + nr_read;
	if (count > FEW_ARGUMENTS)
		inputs = malloc(count * sizeof(*inputs));
	if (nr_write > FEW_ARGUMENTS)
		flags = malloc(nr_write * sizeof(*flags));
	int result = VACCEL_ENOMEM;
	if (inputs && flags) {
		if (leading_count)
			memcpy(inputs, leading, leading_count * sizeof(*inputs));
		if (nr_read)
			memcpy(inputs + leading_count, read, nr_read * sizeof(*inputs));
		for (size_t i = 0; i < nr_write; i++)
			flags[i] = WIRE_ARGUMENT_CARRIES;
		result = mayfly_op_dispatch(session, (uint16_t)op, inputs, count, write, nr_write,
					    flags);
	}
	if (inputs != few_inputs)
		free(inputs);
	if (flags != few_flags)
		free(flags);
	return result;
}

static struct vaccel_arg string_argument(const char *text)
{
	return (struct vaccel_arg){
	    .buf = (void *)text, .size = strlen(text) + 1, .type = VACCEL_ARG_STRING};
}

int vaccel_exec(struct vaccel_session *sess, const char *library, const char *fn_symbol,
		struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	if (!sess)
		return VACCEL_EINVAL;
	if (!library || !fn_symbol)
		return op_refuse(VACCEL_EINVAL, "exec needs a library and the name of a function");
	const struct vaccel_arg leading[] = {string_argument(library), string_argument(fn_symbol)};
	return dispatch(sess, VACCEL_OP_EXEC, leading, 2, read, nr_read, write, nr_write);
}

int vaccel_exec_with_resource(struct vaccel_session *sess, struct vaccel_resource *resource,
			      const char *fn_symbol, struct vaccel_arg *read, size_t nr_read,
			      struct vaccel_arg *write, size_t nr_write)
{
	vaccel_id_t id;
	int result = op_resource_id(sess, resource, VACCEL_RESOURCE_LIB, &id);
	if (result)
		return result;
	if (!fn_symbol)
		return op_refuse(VACCEL_EINVAL, "exec needs the name of a function");
	const struct vaccel_arg leading[] = {
	    {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64},
	    string_argument(fn_symbol),
	};
	return dispatch(sess, VACCEL_OP_EXEC_WITH_RESOURCE, leading, 2, read, nr_read, write,
			nr_write);
}

int vaccel_opencv_unpack(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
			 struct vaccel_arg *write, int nr_write)
{
	if (nr_read < 0 || nr_write < 0)
		return VACCEL_EINVAL;
	return dispatch(sess, VACCEL_OP_OPENCV, NULL, 0, read, (size_t)nr_read, write,
			(size_t)nr_write);
}
