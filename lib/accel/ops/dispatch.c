/* The one way that leads to every op: to the other side of a transport, or to a plugin. */
#include "accel/ops/dispatch.h"

#include "accel/ops/profile.h"
#include "accel/ops/signature.h"
#include "accel/sessions/session.h"
#include "accel/state/build.h"
#include "accel/state/state.h"
#include "accel/transports/remote.h"
#include "util/clock.h"
#include "vaccel/error.h"

/* Apart, so that ops in the process are not held up by what it needs. */
static __attribute__((noinline)) int send_op(struct vaccel_session *session, uint16_t op,
					     const struct vaccel_arg *inputs, size_t input_count,
					     struct vaccel_arg *outputs, size_t output_count,
					     const uint32_t *out_flags)
{
	int result =
	    op_check_arguments(op, inputs, input_count, outputs, output_count, out_flags, true);
	return result ? result
		      : remote_call(session, op, inputs, input_count, outputs, output_count,
				    out_flags);
}

static inline int dispatch(struct vaccel_session *session, uint16_t op, struct vaccel_arg *inputs,
			   size_t input_count, struct vaccel_arg *outputs, size_t output_count,
			   const uint32_t *out_flags)
{
	if (!session)
		return VACCEL_EINVAL;
	if (session_is_remote(session))
		return send_op(session, op, inputs, input_count, outputs, output_count, out_flags);
	if (!accel_build.in_process)
		return VACCEL_ENOTSUP;
	return accel_build.in_process->call(session, op, inputs, input_count, outputs, output_count,
					    out_flags);
}

static __attribute__((noinline)) int
dispatch_profiled(struct vaccel_session *session, uint16_t op, struct vaccel_arg *inputs,
		  size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		  const uint32_t *out_flags)
{
	uint64_t begin_ns = clock_now_ns();
	int result = dispatch(session, op, inputs, input_count, outputs, output_count, out_flags);
	op_profile_add(op, clock_now_ns() - begin_ns);
	return result;
}

int mayfly_op_dispatch(struct vaccel_session *session, uint16_t op, struct vaccel_arg *inputs,
		       size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		       const uint32_t *out_flags)
{
	if (__builtin_expect(accel_state.config.profiling_enabled, 0))
		return dispatch_profiled(session, op, inputs, input_count, outputs, output_count,
					 out_flags);
	return dispatch(session, op, inputs, input_count, outputs, output_count, out_flags);
}
