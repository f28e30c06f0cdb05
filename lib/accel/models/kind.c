/* The three kinds of tensors; see kind.h. */
#include "accel/models/kind.h"

#include <stdlib.h>
#include <string.h>

#include "accel/models/rank.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"

static const struct tensor_elements no_elements = {.argument = VACCEL_ARG_MAX};

#define ELEMENTS(array, bytes)                                                                     \
	{                                                                                          \
		.argument = VACCEL_ARG_##array##_ARRAY, .size = (bytes)                            \
	}
/* Complex numbers are pairs. The engine alone knows how long texts and handles are. */
#define OPAQUE ELEMENTS(UINT8, 0)

static const struct tensor_elements tf_elements[] = {
    [VACCEL_TF_FLOAT] = ELEMENTS(FLOAT32, 4),
    [VACCEL_TF_DOUBLE] = ELEMENTS(FLOAT64, 8),
    [VACCEL_TF_INT32] = ELEMENTS(INT32, 4),
    [VACCEL_TF_UINT8] = ELEMENTS(UINT8, 1),
    [VACCEL_TF_INT16] = ELEMENTS(INT16, 2),
    [VACCEL_TF_INT8] = ELEMENTS(INT8, 1),
    [VACCEL_TF_STRING] = OPAQUE,
    [VACCEL_TF_COMPLEX64] = ELEMENTS(FLOAT32, 8),
    [VACCEL_TF_INT64] = ELEMENTS(INT64, 8),
    [VACCEL_TF_BOOL] = ELEMENTS(BOOL, 1),
    [VACCEL_TF_QINT8] = ELEMENTS(INT8, 1),
    [VACCEL_TF_QUINT8] = ELEMENTS(UINT8, 1),
    [VACCEL_TF_QINT32] = ELEMENTS(INT32, 4),
    [VACCEL_TF_BFLOAT16] = ELEMENTS(UINT16, 2),
    [VACCEL_TF_QINT16] = ELEMENTS(INT16, 2),
    [VACCEL_TF_QUINT16] = ELEMENTS(UINT16, 2),
    [VACCEL_TF_UINT16] = ELEMENTS(UINT16, 2),
    [VACCEL_TF_COMPLEX128] = ELEMENTS(FLOAT64, 16),
    [VACCEL_TF_HALF] = ELEMENTS(UINT16, 2),
    [VACCEL_TF_RESOURCE] = OPAQUE,
    [VACCEL_TF_VARIANT] = OPAQUE,
    [VACCEL_TF_UINT32] = ELEMENTS(UINT32, 4),
    [VACCEL_TF_UINT64] = ELEMENTS(UINT64, 8),
};

static const struct tensor_elements tflite_elements[] = {
    [VACCEL_TFLITE_NOTYPE] = OPAQUE,
    [VACCEL_TFLITE_FLOAT32] = ELEMENTS(FLOAT32, 4),
    [VACCEL_TFLITE_INT32] = ELEMENTS(INT32, 4),
    [VACCEL_TFLITE_UINT8] = ELEMENTS(UINT8, 1),
    [VACCEL_TFLITE_INT64] = ELEMENTS(INT64, 8),
    [VACCEL_TFLITE_STRING] = OPAQUE,
    [VACCEL_TFLITE_BOOL] = ELEMENTS(BOOL, 1),
    [VACCEL_TFLITE_INT16] = ELEMENTS(INT16, 2),
    [VACCEL_TFLITE_COMPLEX64] = ELEMENTS(FLOAT32, 8),
    [VACCEL_TFLITE_INT8] = ELEMENTS(INT8, 1),
    [VACCEL_TFLITE_FLOAT16] = ELEMENTS(UINT16, 2),
    [VACCEL_TFLITE_FLOAT64] = ELEMENTS(FLOAT64, 8),
    [VACCEL_TFLITE_COMPLEX128] = ELEMENTS(FLOAT64, 16),
    [VACCEL_TFLITE_UINT64] = ELEMENTS(UINT64, 8),
    [VACCEL_TFLITE_RESOURCE] = OPAQUE,
    [VACCEL_TFLITE_VARIANT] = OPAQUE,
    [VACCEL_TFLITE_UINT32] = ELEMENTS(UINT32, 4),
    [VACCEL_TFLITE_UINT16] = ELEMENTS(UINT16, 2),
    [VACCEL_TFLITE_INT4] = OPAQUE, /* two in a byte */
};

static const struct tensor_elements torch_elements[] = {
    [VACCEL_TORCH_BYTE] = ELEMENTS(UINT8, 1),	 [VACCEL_TORCH_CHAR] = ELEMENTS(INT8, 1),
    [VACCEL_TORCH_SHORT] = ELEMENTS(INT16, 2),	 [VACCEL_TORCH_INT] = ELEMENTS(INT32, 4),
    [VACCEL_TORCH_LONG] = ELEMENTS(INT64, 8),	 [VACCEL_TORCH_HALF] = ELEMENTS(UINT16, 2),
    [VACCEL_TORCH_FLOAT] = ELEMENTS(FLOAT32, 4),
};

/* A row that the table leaves out has the type RAW, as which nothing travels. */
static struct tensor_elements find_elements(const struct tensor_elements *table, size_t count,
					    int64_t type)
{
	if (type < 0 || (uint64_t)type >= count || table[type].argument == VACCEL_ARG_RAW)
		return no_elements;
	return table[type];
}

/* Copies `rank` dimensions from integers of one size to integers of another; false where one does not
 * fit. */
#define DEFINE_COPY(name, to_type, from_type)                                                      \
	static bool name(to_type *to, const from_type *from, size_t rank)                          \
	{                                                                                          \
		for (size_t i = 0; i < rank; i++) {                                                \
			to[i] = (to_type)from[i];                                                  \
			if (to[i] != from[i])                                                      \
				return false;                                                      \
		}                                                                                  \
		return true;                                                                       \
	}
DEFINE_COPY(widen, int64_t, int32_t)
DEFINE_COPY(narrow, int32_t, int64_t)
DEFINE_COPY(copy, int64_t, int64_t)

static int64_t *wide_dimensions(struct tensor_value *value)
{
	return value->shape + 1;
}

static int32_t *narrow_dimensions(struct tensor_value *value)
{
	return narrow(value->narrow, value->shape + 1, value->rank) ? value->narrow : NULL;
}

#define DEFINE_KIND(kind, dimension_type, read_dimensions, view_dimensions)                        \
	static struct tensor_elements kind##_find(int64_t type)                                    \
	{                                                                                          \
		return find_elements(kind##_elements, ARRAY_SIZE(kind##_elements), type);          \
	}                                                                                          \
	static bool kind##_read(const void *place, struct tensor_value *value)                     \
	{                                                                                          \
		const struct vaccel_##kind##_tensor *tensor = place;                               \
		if (!tensor || tensor->nr_dims < 0 || tensor->nr_dims > TENSOR_DIMENSIONS_MAX ||   \
		    (tensor->nr_dims && !tensor->dims) || (tensor->size && !tensor->data))         \
			return false;                                                              \
		value->data = tensor->data;                                                        \
		value->size = tensor->size;                                                        \
		value->owned = tensor->owned;                                                      \
		value->rank = (size_t)tensor->nr_dims;                                             \
		value->shape[0] = tensor->data_type;                                               \
		return read_dimensions(value->shape + 1, tensor->dims, value->rank);               \
	}                                                                                          \
	static bool kind##_view(void *place, struct tensor_value *value)                           \
	{                                                                                          \
		dimension_type *dimensions = view_dimensions(value);                               \
		*(struct vaccel_##kind##_tensor *)place = (struct vaccel_##kind##_tensor){         \
		    .data = value->data,                                                           \
		    .size = value->size,                                                           \
		    .nr_dims =                                                                     \
			(__typeof__(((struct vaccel_##kind##_tensor *)0)->nr_dims))value->rank,    \
		    .dims = dimensions,                                                            \
		    .data_type = (enum vaccel_##kind##_data_type)value->shape[0],                  \
		};                                                                                 \
		return dimensions;                                                                 \
	}                                                                                          \
	static int kind##_make(void **out, const struct tensor_value *value)                       \
	{                                                                                          \
		struct tensor_value numbers = *value;                                              \
		struct vaccel_##kind##_tensor *tensor;                                             \
		const dimension_type *dimensions = view_dimensions(&numbers);                      \
		int result = !dimensions                                                           \
				 ? VACCEL_EBACKEND                                                 \
				 : kind##_tensor_of_rank(                                          \
				       &tensor, value->rank, dimensions,                           \
				       (enum vaccel_##kind##_data_type)value->shape[0], 0);        \
		if (result)                                                                        \
			return result;                                                             \
		tensor->data = value->data;                                                        \
		tensor->size = value->size;                                                        \
		tensor->owned = true;                                                              \
		*out = tensor;                                                                     \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	static void kind##_drop(void *tensor)                                                      \
	{                                                                                          \
		vaccel_##kind##_tensor_delete(tensor);                                             \
	}                                                                                          \
	static int kind##_reshape(void *place, const struct tensor_value *value)                   \
	{                                                                                          \
		struct vaccel_##kind##_tensor *tensor = place;                                     \
		void *shaped;                                                                      \
		if (tensor->data_type != (enum vaccel_##kind##_data_type)value->shape[0])          \
			return VACCEL_EINVAL;                                                      \
		int result = kind##_make(&shaped, value);                                          \
		if (result)                                                                        \
			return result;                                                             \
		struct vaccel_##kind##_tensor *source = shaped;                                    \
		free(tensor->dims);                                                                \
		tensor->dims = source->dims;                                                       \
		tensor->nr_dims = source->nr_dims;                                                 \
		tensor->size = source->size;                                                       \
		free(source);                                                                      \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	static void kind##_forget_data(void *place)                                                \
	{                                                                                          \
		struct vaccel_##kind##_tensor *tensor = place;                                     \
		tensor->data = NULL;                                                               \
		tensor->size = 0;                                                                  \
		tensor->owned = false;                                                             \
	}                                                                                          \
	const struct tensor_kind tensor_kind_##kind = {                                            \
	    .size = sizeof(struct vaccel_##kind##_tensor),                                         \
	    .elements = kind##_find,                                                               \
	    .read = kind##_read,                                                                   \
	    .view = kind##_view,                                                                   \
	    .make = kind##_make,                                                                   \
	    .drop = kind##_drop,                                                                   \
	    .reshape = kind##_reshape,                                                             \
	    .forget_data = kind##_forget_data,                                                     \
	};

DEFINE_KIND(tf, int64_t, copy, wide_dimensions)
DEFINE_KIND(tflite, int32_t, widen, narrow_dimensions)
DEFINE_KIND(torch, int64_t, copy, wide_dimensions)

bool tensor_measure(const struct tensor_kind *kind, const struct tensor_value *value, size_t *bytes,
		    bool *is_known)
{
	struct tensor_elements elements = kind->elements(value->shape[0]);
	if (elements.argument == VACCEL_ARG_MAX)
		return false;
	*is_known = elements.size != 0;
	*bytes = *is_known ? elements.size : 1;
	for (size_t i = 1; i <= value->rank; i++)
		if (value->shape[i] < 0 || mul_overflows(*bytes, (size_t)value->shape[i], bytes))
			return false;
	return true;
}
