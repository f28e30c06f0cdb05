/* Tensors and buffers of the API: three kinds, with the same functions and other types of numbers. */
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "vaccel/error.h"
#include "vaccel/log.h"
#include "vaccel/ops/tf.h"
#include "vaccel/ops/tflite.h"
#include "vaccel/ops/torch.h"

#define DEFINE_BUFFER(kind, data_type)                                                             \
	int vaccel_##kind##_buffer_init(struct vaccel_##kind##_buffer *buffer, data_type *data,    \
					size_t size)                                               \
	{                                                                                          \
		if (!buffer)                                                                       \
			return VACCEL_EINVAL;                                                      \
		*buffer = (struct vaccel_##kind##_buffer){.data = data, .size = size};             \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	int vaccel_##kind##_buffer_release(struct vaccel_##kind##_buffer *buffer)                  \
	{                                                                                          \
		if (!buffer)                                                                       \
			return VACCEL_EINVAL;                                                      \
		free(buffer->data);                                                                \
		*buffer = (struct vaccel_##kind##_buffer){0};                                      \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	int vaccel_##kind##_buffer_new(struct vaccel_##kind##_buffer **buffer, data_type *data,    \
				       size_t size)                                                \
	{                                                                                          \
		if (!buffer)                                                                       \
			return VACCEL_EINVAL;                                                      \
		struct vaccel_##kind##_buffer *fresh = malloc(sizeof(*fresh));                     \
		if (!fresh)                                                                        \
			return VACCEL_ENOMEM;                                                      \
		vaccel_##kind##_buffer_init(fresh, data, size);                                    \
		*buffer = fresh;                                                                   \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	int vaccel_##kind##_buffer_delete(struct vaccel_##kind##_buffer *buffer)                   \
	{                                                                                          \
		int result = vaccel_##kind##_buffer_release(buffer);                               \
		free(buffer);                                                                      \
		return result;                                                                     \
	}                                                                                          \
	int vaccel_##kind##_buffer_take_data(struct vaccel_##kind##_buffer *buffer, void **data,   \
					     size_t *size)                                         \
	{                                                                                          \
		if (!buffer || !data || !size)                                                     \
			return VACCEL_EINVAL;                                                      \
		*data = buffer->data;                                                              \
		*size = buffer->size;                                                              \
		*buffer = (struct vaccel_##kind##_buffer){0};                                      \
		return VACCEL_OK;                                                                  \
	}

DEFINE_BUFFER(tf, void)
DEFINE_BUFFER(torch, char)

/* A copy of `rank` numbers of `size` bytes, zeros where there are none; NULL without memory. */
static void *copy_dimensions(const void *dimensions, uint64_t rank, size_t size)
{
	size_t bytes;
	if (mul_overflows(rank, size, &bytes))
		return NULL;
	void *copy = calloc(1, bytes);
	if (copy && dimensions)
		memcpy(copy, dimensions, bytes);
	return copy;
}

#define DEFINE_TENSOR(kind, rank_type, dimension_type)                                             \
	int vaccel_##kind##_tensor_init(struct vaccel_##kind##_tensor *tensor, rank_type nr_dims,  \
					const dimension_type *dims,                                \
					enum vaccel_##kind##_data_type type)                       \
	{                                                                                          \
		if (!tensor || nr_dims < 1)                                                        \
			return VACCEL_EINVAL;                                                      \
		dimension_type *copy = copy_dimensions(dims, (uint64_t)nr_dims, sizeof(*dims));    \
		if (!copy)                                                                         \
			return VACCEL_ENOMEM;                                                      \
		*tensor = (struct vaccel_##kind##_tensor){                                         \
		    .nr_dims = nr_dims, .dims = copy, .data_type = type};                          \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	int vaccel_##kind##_tensor_release(struct vaccel_##kind##_tensor *tensor)                  \
	{                                                                                          \
		if (!tensor)                                                                       \
			return VACCEL_EINVAL;                                                      \
		if (tensor->owned)                                                                 \
			free(tensor->data);                                                        \
		free(tensor->dims);                                                                \
		memset(tensor, 0, sizeof(*tensor));                                                \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	int vaccel_##kind##_tensor_allocate(                                                       \
	    struct vaccel_##kind##_tensor **tensor, rank_type nr_dims, const dimension_type *dims, \
	    enum vaccel_##kind##_data_type type, size_t total_size)                                \
	{                                                                                          \
		if (!tensor)                                                                       \
			return VACCEL_EINVAL;                                                      \
		struct vaccel_##kind##_tensor *fresh = malloc(sizeof(*fresh));                     \
		if (!fresh)                                                                        \
			return VACCEL_ENOMEM;                                                      \
		int result = vaccel_##kind##_tensor_init(fresh, nr_dims, dims, type);              \
		if (!result && total_size) {                                                       \
			fresh->data = calloc(1, total_size);                                       \
			fresh->size = total_size;                                                  \
			fresh->owned = true;                                                       \
			if (!fresh->data) {                                                        \
				vaccel_##kind##_tensor_release(fresh);                             \
				result = VACCEL_ENOMEM;                                            \
			}                                                                          \
		}                                                                                  \
		if (result)                                                                        \
			free(fresh);                                                               \
		else                                                                               \
			*tensor = fresh;                                                           \
		return result;                                                                     \
	}                                                                                          \
	int vaccel_##kind##_tensor_new(struct vaccel_##kind##_tensor **tensor, rank_type nr_dims,  \
				       const dimension_type *dims,                                 \
				       enum vaccel_##kind##_data_type type)                        \
	{                                                                                          \
		return vaccel_##kind##_tensor_allocate(tensor, nr_dims, dims, type, 0);            \
	}                                                                                          \
	int vaccel_##kind##_tensor_delete(struct vaccel_##kind##_tensor *tensor)                   \
	{                                                                                          \
		int result = vaccel_##kind##_tensor_release(tensor);                               \
		free(tensor);                                                                      \
		return result;                                                                     \
	}                                                                                          \
	int vaccel_##kind##_tensor_set_data(struct vaccel_##kind##_tensor *tensor, void *data,     \
					    size_t size)                                           \
	{                                                                                          \
		if (!tensor)                                                                       \
			return VACCEL_EINVAL;                                                      \
		if (tensor->data && tensor->owned && tensor->data != data)                         \
			vaccel_warn(                                                               \
			    "a tensor gets other data: what it owned before is not freed");        \
		tensor->data = data;                                                               \
		tensor->size = size;                                                               \
		tensor->owned = false;                                                             \
		return VACCEL_OK;                                                                  \
	}                                                                                          \
	int vaccel_##kind##_tensor_take_data(struct vaccel_##kind##_tensor *tensor, void **data,   \
					     size_t *size)                                         \
	{                                                                                          \
		if (!tensor || !data || !size)                                                     \
			return VACCEL_EINVAL;                                                      \
		*data = tensor->data;                                                              \
		*size = tensor->size;                                                              \
		tensor->data = NULL;                                                               \
		tensor->size = 0;                                                                  \
		tensor->owned = false;                                                             \
		return VACCEL_OK;                                                                  \
	}

DEFINE_TENSOR(tf, int, int64_t)
DEFINE_TENSOR(tflite, int, int32_t)
DEFINE_TENSOR(torch, int64_t, int64_t)
