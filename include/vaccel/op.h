/* Ops: what a session can be asked to do, and the functions by which plugins do it. */
#ifndef VACCEL_OP_H
#define VACCEL_OP_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "list.h"
#include "utils/enum.h"
#include "utils/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define VACCEL_OP_TYPES(X, prefix) \
	X(prefix, NOOP, 0) \
	X(prefix, EXEC, 1) \
	X(prefix, EXEC_WITH_RESOURCE, 2) \
	X(prefix, IMAGE_CLASSIFY, 3) \
	X(prefix, IMAGE_DETECT, 4) \
	X(prefix, IMAGE_SEGMENT, 5) \
	X(prefix, IMAGE_POSE, 6) \
	X(prefix, IMAGE_DEPTH, 7) \
	X(prefix, TF_MODEL_LOAD, 8) \
	X(prefix, TF_MODEL_UNLOAD, 9) \
	X(prefix, TF_MODEL_RUN, 10) \
	X(prefix, TFLITE_MODEL_LOAD, 11) \
	X(prefix, TFLITE_MODEL_UNLOAD, 12) \
	X(prefix, TFLITE_MODEL_RUN, 13) \
	X(prefix, TORCH_MODEL_LOAD, 14) \
	X(prefix, TORCH_MODEL_RUN, 15) \
	X(prefix, TORCH_SGEMM, 16) \
	X(prefix, BLAS_SGEMM, 17) \
	X(prefix, FPGA_ARRAYCOPY, 18) \
	X(prefix, FPGA_MMULT, 19) \
	X(prefix, FPGA_PARALLEL, 20) \
	X(prefix, FPGA_VECTORADD, 21) \
	X(prefix, MINMAX, 22) \
	X(prefix, OPENCV, 23)
/* clang-format on */
VACCEL_ENUM_WITH_NAMES(vaccel_op_type, VACCEL_OP, VACCEL_OP_TYPES)

static inline char *vaccel_op_type_to_lower(vaccel_op_type_t op_type, char *lower, size_t size)
{
	return vaccel_op_type_name(op_type, lower, size);
}

struct vaccel_plugin;

/* A plugin's implementation of an op: `func` takes exactly the arguments of the public function. */
struct vaccel_op {
	vaccel_op_type_t type;
	void *func;
	struct vaccel_plugin *owner;
};

/* Defined by VACCEL_PLUGIN(); each plugin has its own. */
extern struct vaccel_plugin vaccel_this_plugin;

#define VACCEL_OP_INIT(name, type, func)                                                           \
	{                                                                                          \
		(type), (func), &vaccel_this_plugin                                                \
	}

#ifdef __cplusplus
}
#endif

#endif
