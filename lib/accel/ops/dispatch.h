/* The one way that leads to every op.
 *
 * A public op checks its own pointers, describes its arguments and calls mayfly_op_dispatch(). A
 * table with one row for each op says which arguments it takes and holds the shim that calls a
 * plugin's function with the public prototype. The accelerator host calls the same function with
 * the argument lists that it received: nothing in them is trusted.
 */
#ifndef MAYFLY_ACCEL_OPS_DISPATCH_H
#define MAYFLY_ACCEL_OPS_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/state/state.h"
#include "vaccel/arg.h"
#include "vaccel/export.h"
#include "vaccel/op.h"
#include "vaccel/plugin.h"
#include "vaccel/session.h"

/* The function of the session's own plugin for `op`; NULL where something else is to be done, which
 * mayfly_op_dispatch() knows. For an op without arguments, as there is nothing to check. */
static inline void *op_own_function(const struct vaccel_session *session, vaccel_op_type_t op)
{
	if (!session || !session->plugin || accel_state.config.profiling_enabled)
		return NULL;
	const struct vaccel_op *own = session->plugin->ops[op];
	return own ? own->func : NULL;
}

/* Runs `op` (vaccel_op_type_t, or a structured result of enum wire_op) in `session`.
 *
 * The lists are compared with the op's signature first: count, types, whole elements; what does not
 * fit gives VACCEL_EINVAL. The memory that arguments point to must be readable (outputs: writable)
 * for `size` bytes; it may hold anything.
 *
 * `out_flags` holds WIRE_ARGUMENT_GROWS for each output that the callee allocates, NULL: none. The
 * op's signature says which outputs grow, and the two must agree. It holds WIRE_ARGUMENT_CARRIES for
 * each output whose content is to reach another side, too, which only ops with OP_CARRIES have; in this
 * process it always does. On return `size` of each output
 * is the length of its result; a growing one holds malloc'ed memory that the caller frees (NULL
 * where it is empty). After an error no output holds memory.
 *
 * An argument that names a resource holds its id in this process (struct vaccel_resource's id);
 * the resource must be registered with the session. mayfly/ops.def has the signatures.
 *
 * Returns 0 or a positive VACCEL_E… code: VACCEL_ENOTSUP where there is no such op or the
 * session's plugin lacks it. Safe from several threads, with the same session too. */
VACCEL_API int mayfly_op_dispatch(struct vaccel_session *session, uint16_t op,
				  struct vaccel_arg *inputs, size_t input_count,
				  struct vaccel_arg *outputs, size_t output_count,
				  const uint32_t *out_flags);

#endif
