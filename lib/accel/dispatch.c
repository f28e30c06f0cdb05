/* The one way that leads to every op: to the other side of a transport, or to a plugin. */
#include "accel/dispatch.h"

#include "accel/op_table.h"
#include "accel/remote.h"
#include "accel/session.h"
#include "vaccel/error.h"

int mayfly_op_dispatch(struct vaccel_session *session, uint16_t op, struct vaccel_arg *inputs,
		       size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		       const uint32_t *out_flags)
{
	if (!session)
		return VACCEL_EINVAL;
	if (session_is_remote(session))
		return remote_call(session, op, inputs, input_count, outputs, output_count,
				   out_flags);
	return op_run_local(session, op, inputs, input_count, outputs, output_count, out_flags);
}
