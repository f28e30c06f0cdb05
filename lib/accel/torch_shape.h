/* How tensors travel as arguments: a shape (INT64_ARRAY: data type, dimensions) and data, an array
 * of the numeric type with elements of the tensor's size, so that data may be used in place. */
#ifndef MAYFLY_ACCEL_TORCH_SHAPE_H
#define MAYFLY_ACCEL_TORCH_SHAPE_H

#include "vaccel/arg.h"
#include "vaccel/ops/torch.h"

#define TENSOR_DIMENSIONS_MAX 16
#define TENSOR_SHAPE_MAX      (1 + TENSOR_DIMENSIONS_MAX)

/* The type of argument for data of a tensor; VACCEL_ARG_MAX for a data type that is none. */
static inline vaccel_arg_type_t torch_argument_type(int64_t data_type)
{
	switch (data_type) {
	case VACCEL_TORCH_BYTE:
		return VACCEL_ARG_UINT8_ARRAY;
	case VACCEL_TORCH_CHAR:
		return VACCEL_ARG_INT8_ARRAY;
	case VACCEL_TORCH_SHORT:
		return VACCEL_ARG_INT16_ARRAY;
	case VACCEL_TORCH_INT:
		return VACCEL_ARG_INT32_ARRAY;
	case VACCEL_TORCH_LONG:
		return VACCEL_ARG_INT64_ARRAY;
	case VACCEL_TORCH_HALF:
		return VACCEL_ARG_UINT16_ARRAY;
	case VACCEL_TORCH_FLOAT:
		return VACCEL_ARG_FLOAT32_ARRAY;
	default:
		return VACCEL_ARG_MAX;
	}
}

#endif
