/* Tensors and buffers of the Torch ops. */
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "vaccel/error.h"
#include "vaccel/ops/torch.h"

int vaccel_torch_buffer_init(struct vaccel_torch_buffer *buffer, char *data, size_t size)
{
	if (!buffer)
		return VACCEL_EINVAL;
	*buffer = (struct vaccel_torch_buffer){.data = data, .size = size};
	return VACCEL_OK;
}

int vaccel_torch_buffer_release(struct vaccel_torch_buffer *buffer)
{
	if (!buffer)
		return VACCEL_EINVAL;
	free(buffer->data);
	*buffer = (struct vaccel_torch_buffer){0};
	return VACCEL_OK;
}

int vaccel_torch_buffer_new(struct vaccel_torch_buffer **buffer, char *data, size_t size)
{
	if (!buffer)
		return VACCEL_EINVAL;
	struct vaccel_torch_buffer *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	vaccel_torch_buffer_init(fresh, data, size);
	*buffer = fresh;
	return VACCEL_OK;
}

int vaccel_torch_buffer_delete(struct vaccel_torch_buffer *buffer)
{
	int result = vaccel_torch_buffer_release(buffer);
	free(buffer);
	return result;
}

int vaccel_torch_buffer_take_data(struct vaccel_torch_buffer *buffer, void **data, size_t *size)
{
	if (!buffer || !data || !size)
		return VACCEL_EINVAL;
	*data = buffer->data;
	*size = buffer->size;
	*buffer = (struct vaccel_torch_buffer){0};
	return VACCEL_OK;
}

int vaccel_torch_tensor_init(struct vaccel_torch_tensor *tensor, int64_t nr_dims,
			     const int64_t *dims, enum vaccel_torch_data_type type)
{
	size_t bytes;
	if (!tensor || nr_dims < 1 || !dims || mul_overflows(nr_dims, sizeof(*dims), &bytes))
		return VACCEL_EINVAL;
	int64_t *copy = malloc(bytes);
	if (!copy)
		return VACCEL_ENOMEM;
	memcpy(copy, dims, bytes);
	*tensor = (struct vaccel_torch_tensor){.nr_dims = nr_dims, .dims = copy, .data_type = type};
	return VACCEL_OK;
}

int vaccel_torch_tensor_release(struct vaccel_torch_tensor *tensor)
{
	if (!tensor)
		return VACCEL_EINVAL;
	if (tensor->owned)
		free(tensor->data);
	free(tensor->dims);
	memset(tensor, 0, sizeof(*tensor));
	return VACCEL_OK;
}

int vaccel_torch_tensor_allocate(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
				 const int64_t *dims, enum vaccel_torch_data_type type,
				 size_t total_size)
{
	if (!tensor)
		return VACCEL_EINVAL;
	struct vaccel_torch_tensor *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	int result = vaccel_torch_tensor_init(fresh, nr_dims, dims, type);
	if (!result && total_size) {
		fresh->data = calloc(1, total_size);
		fresh->size = total_size;
		fresh->owned = true;
		if (!fresh->data) {
			vaccel_torch_tensor_release(fresh);
			result = VACCEL_ENOMEM;
		}
	}
	if (result)
		free(fresh);
	else
		*tensor = fresh;
	return result;
}

int vaccel_torch_tensor_new(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
			    const int64_t *dims, enum vaccel_torch_data_type type)
{
	return vaccel_torch_tensor_allocate(tensor, nr_dims, dims, type, 0);
}

int vaccel_torch_tensor_delete(struct vaccel_torch_tensor *tensor)
{
	int result = vaccel_torch_tensor_release(tensor);
	free(tensor);
	return result;
}

int vaccel_torch_tensor_set_data(struct vaccel_torch_tensor *tensor, void *data, size_t size)
{
	if (!tensor)
		return VACCEL_EINVAL;
	if (tensor->owned && tensor->data != data)
		free(tensor->data);
	tensor->data = data;
	tensor->size = size;
	tensor->owned = false;
	return VACCEL_OK;
}

int vaccel_torch_tensor_take_data(struct vaccel_torch_tensor *tensor, void **data, size_t *size)
{
	if (!tensor || !data || !size)
		return VACCEL_EINVAL;
	*data = tensor->data;
	*size = tensor->size;
	tensor->data = NULL;
	tensor->size = 0;
	tensor->owned = false;
	return VACCEL_OK;
}
