/* What arguments ops take. */
#ifndef MAYFLY_ACCEL_OPS_SIGNATURE_H
#define MAYFLY_ACCEL_OPS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/wire/ops.h"
#include "vaccel/arg.h"
#include "vaccel/session.h"

/* A call, whose lists fit the op's signature when a shim gets it. */
struct op_call {
	struct vaccel_session *session;
	const struct vaccel_arg *inputs;
	size_t input_count;
	struct vaccel_arg *outputs;
	size_t output_count;
};

/* VACCEL_OK where the lists fit what mayfly/ops.def says of the op: counts, types, sizes, whole
 * elements, memory that is aligned to them. `out_flags` (NULL: none) must ask for what the op has. What
 * goes to another side (`is_sent`) must have types that there are, also where the op takes any. Else
 * VACCEL_EINVAL, and the reason is said; VACCEL_ENOTSUP for what is no op. */
int op_check_call(enum wire_op_place place, const struct op_call *call, const uint32_t *out_flags,
		  bool is_sent);

/* The same for an op by its number. */
static inline int op_check_arguments(uint16_t op, const struct vaccel_arg *inputs,
				     size_t input_count, struct vaccel_arg *outputs,
				     size_t output_count, const uint32_t *out_flags, bool is_sent)
{
	const struct op_call call = {.inputs = inputs,
				     .input_count = input_count,
				     .outputs = outputs,
				     .output_count = output_count};
	return op_check_call(wire_op_place(op), &call, out_flags, is_sent);
}

#endif
