/* Ops on this side: their signatures, and the shims that call plugins. */
#ifndef MAYFLY_ACCEL_OP_TABLE_H
#define MAYFLY_ACCEL_OP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/arg.h"
#include "vaccel/error.h"
#include "vaccel/session.h"

/* The arguments of a call whose lists fit the op's signature. */
struct op_call {
	struct vaccel_session *session;
	const struct vaccel_arg *inputs;
	size_t input_count;
	struct vaccel_arg *outputs;
	size_t output_count;
};

/* Calls the plugin's function for the op. */
typedef int op_shim(const struct op_call *call, void *function);

op_shim op_shim_noop, op_shim_image_classify, op_shim_image_text, op_shim_torch_load,
    op_shim_torch_run, op_shim_detect_objects, op_shim_classify_labels, op_shim_pose_keypoints,
    op_shim_segment_mask;

#ifdef VACCEL_GUEST
static inline int op_run_local(struct vaccel_session *session, uint16_t op,
			       const struct vaccel_arg *inputs, size_t input_count,
			       struct vaccel_arg *outputs, size_t output_count,
			       const uint32_t *out_flags)
{
	(void)session, (void)op, (void)inputs, (void)input_count, (void)outputs;
	(void)output_count, (void)out_flags;
	return VACCEL_ENOTSUP;
}
#else
/* mayfly_op_dispatch() for a session that a plugin serves. */
int op_run_local(struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		 size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		 const uint32_t *out_flags);
#endif

#endif
