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
#define VACCEL_OP_TYPE_ENUM_LIST(ITEM) \
	ITEM(NOOP, 0, VACCEL_OP) \
	ITEM(EXEC, 1, VACCEL_OP) \
	ITEM(EXEC_WITH_RESOURCE, 2, VACCEL_OP) \
	ITEM(IMAGE_CLASSIFY, 3, VACCEL_OP) \
	ITEM(IMAGE_DETECT, 4, VACCEL_OP) \
	ITEM(IMAGE_SEGMENT, 5, VACCEL_OP) \
	ITEM(IMAGE_POSE, 6, VACCEL_OP) \
	ITEM(IMAGE_DEPTH, 7, VACCEL_OP) \
	ITEM(TF_MODEL_LOAD, 8, VACCEL_OP) \
	ITEM(TF_MODEL_UNLOAD, 9, VACCEL_OP) \
	ITEM(TF_MODEL_RUN, 10, VACCEL_OP) \
	ITEM(TFLITE_MODEL_LOAD, 11, VACCEL_OP) \
	ITEM(TFLITE_MODEL_UNLOAD, 12, VACCEL_OP) \
	ITEM(TFLITE_MODEL_RUN, 13, VACCEL_OP) \
	ITEM(TORCH_MODEL_LOAD, 14, VACCEL_OP) \
	ITEM(TORCH_MODEL_RUN, 15, VACCEL_OP) \
	ITEM(TORCH_SGEMM, 16, VACCEL_OP) \
	ITEM(BLAS_SGEMM, 17, VACCEL_OP) \
	ITEM(FPGA_ARRAYCOPY, 18, VACCEL_OP) \
	ITEM(FPGA_MMULT, 19, VACCEL_OP) \
	ITEM(FPGA_PARALLEL, 20, VACCEL_OP) \
	ITEM(FPGA_VECTORADD, 21, VACCEL_OP) \
	ITEM(MINMAX, 22, VACCEL_OP) \
	ITEM(OPENCV, 23, VACCEL_OP)
/* clang-format on */
VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_op_type, VACCEL_OP, VACCEL_OP_TYPE_ENUM_LIST)

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
