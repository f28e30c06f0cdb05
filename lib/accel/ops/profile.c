/* How long ops take; see profile.h. */
#include "accel/ops/profile.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "accel/wire/ops.h"
#include "sizes/sizes.h"
#include "util/log.h"

/* The regions have the names that users of vAccel know; each is for one op or several. Ops without
 * one are structured results, for which there is the last. */
static const struct region_name {
	uint16_t first, last;
	const char *name;
} names[] = {
    {VACCEL_OP_NOOP, VACCEL_OP_NOOP, "vaccel_noop_op"},
    {VACCEL_OP_EXEC, VACCEL_OP_EXEC, "vaccel_exec_op"},
    {VACCEL_OP_EXEC_WITH_RESOURCE, VACCEL_OP_EXEC_WITH_RESOURCE, "vaccel_exec_with_resource_op"},
    {VACCEL_OP_IMAGE_CLASSIFY, VACCEL_OP_IMAGE_DEPTH, "vaccel_image_op"},
    {VACCEL_OP_TF_MODEL_LOAD, VACCEL_OP_TF_MODEL_LOAD, "vaccel_tf_model_load"},
    {VACCEL_OP_TF_MODEL_UNLOAD, VACCEL_OP_TF_MODEL_UNLOAD, "vaccel_tf_model_unload"},
    {VACCEL_OP_TF_MODEL_RUN, VACCEL_OP_TF_MODEL_RUN, "vaccel_tf_model_run"},
    {VACCEL_OP_TFLITE_MODEL_LOAD, VACCEL_OP_TFLITE_MODEL_LOAD, "vaccel_tflite_model_load"},
    {VACCEL_OP_TFLITE_MODEL_UNLOAD, VACCEL_OP_TFLITE_MODEL_UNLOAD, "vaccel_tflite_model_unload"},
    {VACCEL_OP_TFLITE_MODEL_RUN, VACCEL_OP_TFLITE_MODEL_RUN, "vaccel_tflite_model_run"},
    {VACCEL_OP_TORCH_MODEL_LOAD, VACCEL_OP_TORCH_MODEL_LOAD, "vaccel_torch_model_load_op"},
    {VACCEL_OP_TORCH_MODEL_RUN, VACCEL_OP_TORCH_MODEL_RUN, "vaccel_torch_model_run_op"},
    {VACCEL_OP_TORCH_SGEMM, VACCEL_OP_TORCH_SGEMM, "vaccel_sgemm_op"},
    {VACCEL_OP_BLAS_SGEMM, VACCEL_OP_BLAS_SGEMM, "vaccel_blas_op"},
    {VACCEL_OP_FPGA_ARRAYCOPY, VACCEL_OP_FPGA_ARRAYCOPY, "vaccel_fpga_arraycopy_op"},
    {VACCEL_OP_FPGA_MMULT, VACCEL_OP_FPGA_MMULT, "vaccel_fpga_mmult_op"},
    {VACCEL_OP_FPGA_PARALLEL, VACCEL_OP_FPGA_PARALLEL, "vaccel_fpga_parallel_op"},
    {VACCEL_OP_FPGA_VECTORADD, VACCEL_OP_FPGA_VECTORADD, "vaccel_fpga_vadd_op"},
    {VACCEL_OP_MINMAX, VACCEL_OP_MINMAX, "vaccel_minmax_op"},
    {VACCEL_OP_OPENCV, VACCEL_OP_OPENCV, "vaccel_opencv_op"},
    {VACCEL_OP_MAX, UINT16_MAX, "mayfly_result_op"},
};

/* Sums and not samples: they stay as small as they are, and threads do not get in each other's way.
 * In the order of `names`. */
static struct region {
	atomic_uint_least64_t count, nanoseconds;
} regions[ARRAY_SIZE(names)];

void op_profile_add(uint16_t op, uint64_t nanoseconds)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (op >= names[i].first && op <= names[i].last) {
			atomic_fetch_add(&regions[i].count, 1);
			atomic_fetch_add(&regions[i].nanoseconds, nanoseconds);
			return;
		}
}

void op_profile_print(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t count = atomic_exchange(&regions[i].count, 0);
		uint64_t nanoseconds = atomic_exchange(&regions[i].nanoseconds, 0);
		if (count)
			log_info("[prof] %s: total_time: %" PRIu64 " nsec nr_entries: %" PRIu64,
				 names[i].name, nanoseconds, count);
	}
}
