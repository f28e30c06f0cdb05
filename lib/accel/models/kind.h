/* The API's three kinds of tensors as one, and how they travel as arguments: a shape (INT64_ARRAY:
 * data type, dimensions) and data, an array of the numeric type with elements of the tensor's size, so
 * that data may be used in place.
 */
#ifndef MAYFLY_ACCEL_MODELS_KIND_H
#define MAYFLY_ACCEL_MODELS_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/arg.h"

#define TENSOR_DIMENSIONS_MAX 16
#define TENSOR_SHAPE_MAX      (1 + TENSOR_DIMENSIONS_MAX)

/* A tensor of any kind. */
struct tensor_value {
	void *data;
	size_t size;
	bool owned;
	size_t rank;
	int64_t shape[TENSOR_SHAPE_MAX]; /* data type, dimensions */
	int32_t narrow[TENSOR_DIMENSIONS_MAX];
};

/* How elements of a data type travel. */
struct tensor_elements {
	vaccel_arg_type_t argument; /* VACCEL_ARG_MAX: there is no such data type */
	uint8_t size;		    /* bytes; 0: the shape does not tell how many there are */
};

struct tensor_kind {
	size_t size; /* of the API's struct, to which the pointers below are */
	struct tensor_elements (*elements)(int64_t data_type);
	/* Looks at a tensor, which may be NULL or nonsense. False where it cannot be one. */
	bool (*read)(const void *tensor, struct tensor_value *value);
	/* Makes a tensor that refers to dimensions and data of the value. False where a dimension does
	 * not fit. */
	bool (*view)(void *tensor, struct tensor_value *value);
	/* Makes one on the heap, which takes the value's data. 0 or a VACCEL_E… code. */
	int (*make)(void **tensor, const struct tensor_value *value);
	void (*drop)(void *tensor);
	/* Gives a tensor the value's dimensions and size; its data stays. VACCEL_EINVAL where it is of
	 * another data type. */
	int (*reshape)(void *tensor, const struct tensor_value *value);
	/* Takes its data away. */
	void (*forget_data)(void *tensor);
};

extern const struct tensor_kind tensor_kind_tf, tensor_kind_tflite, tensor_kind_torch;

/* The bytes that a tensor of this shape takes; false for one that cannot be. *is_known is false for
 * data types whose shape does not tell. */
bool tensor_measure(const struct tensor_kind *kind, const struct tensor_value *value, size_t *bytes,
		    bool *is_known);

#endif
