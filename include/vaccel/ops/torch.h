/* Ops on models with tensors, by the names of the Torch API. */
#ifndef VACCEL_OPS_TORCH_H
#define VACCEL_OPS_TORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../export.h"
#include "../resource.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

enum vaccel_torch_data_type {
	VACCEL_TORCH_BYTE = 1,	/* uint8 */
	VACCEL_TORCH_CHAR = 2,	/* int8 */
	VACCEL_TORCH_SHORT = 3, /* int16 */
	VACCEL_TORCH_INT = 4,	/* int32 */
	VACCEL_TORCH_LONG = 5,	/* int64 */
	VACCEL_TORCH_HALF = 6,	/* IEEE binary16 */
	VACCEL_TORCH_FLOAT = 7,
};

/* Bytes for a plugin, such as run options. The buffer owns its data (malloc). */
struct vaccel_torch_buffer {
	char *data;
	size_t size;
};

VACCEL_API int vaccel_torch_buffer_init(struct vaccel_torch_buffer *buffer, char *data,
					size_t size);
VACCEL_API int vaccel_torch_buffer_release(struct vaccel_torch_buffer *buffer);
VACCEL_API int vaccel_torch_buffer_new(struct vaccel_torch_buffer **buffer, char *data,
				       size_t size);
VACCEL_API int vaccel_torch_buffer_delete(struct vaccel_torch_buffer *buffer);
/* Hands the data to the caller and leaves the buffer empty. */
VACCEL_API int vaccel_torch_buffer_take_data(struct vaccel_torch_buffer *buffer, void **data,
					     size_t *size);

struct vaccel_torch_tensor {
	void *data;
	size_t size; /* bytes */
	bool owned;  /* data goes when the tensor goes */
	int64_t nr_dims;
	int64_t *dims; /* owned */
	enum vaccel_torch_data_type data_type;
};

/* A tensor without data; `dims` (at least one; NULL: zeros) is copied. */
VACCEL_API int vaccel_torch_tensor_init(struct vaccel_torch_tensor *tensor, int64_t nr_dims,
					const int64_t *dims, enum vaccel_torch_data_type type);
VACCEL_API int vaccel_torch_tensor_release(struct vaccel_torch_tensor *tensor);
VACCEL_API int vaccel_torch_tensor_new(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
				       const int64_t *dims, enum vaccel_torch_data_type type);
/* A tensor with `total_size` bytes of its own, zeroed; none where that is 0. */
VACCEL_API int vaccel_torch_tensor_allocate(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
					    const int64_t *dims, enum vaccel_torch_data_type type,
					    size_t total_size);
VACCEL_API int vaccel_torch_tensor_delete(struct vaccel_torch_tensor *tensor);
/* Points the tensor to the caller's memory. Data that it owned before is the caller's from then on. */
VACCEL_API int vaccel_torch_tensor_set_data(struct vaccel_torch_tensor *tensor, void *data,
					    size_t size);
/* Hands the data to the caller and leaves the tensor without. */
VACCEL_API int vaccel_torch_tensor_take_data(struct vaccel_torch_tensor *tensor, void **data,
					     size_t *size);

/* Loads a model: a MODEL resource (VACCEL_EINVAL) that is registered (VACCEL_EPERM). */
VACCEL_API int vaccel_torch_model_load(struct vaccel_session *sess, struct vaccel_resource *model);

/* Runs a model that was loaded. `run_options` may be NULL. Each outputs[i] is set to a fresh tensor
 * that the caller deletes; after an error all are NULL. */
VACCEL_API int vaccel_torch_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
				      const struct vaccel_torch_buffer *run_options,
				      struct vaccel_torch_tensor *const *inputs, int nr_inputs,
				      struct vaccel_torch_tensor **outputs, int nr_outputs);

/* A product of matrices, A: M×K, B: K×N, by a plugin for PyTorch. Each of the first three points to a
 * tensor, or is NULL. A tensor that the plugin makes is put at `out`, for the caller to delete. */
VACCEL_DEPRECATED("vAccel will drop it")
VACCEL_API int vaccel_torch_sgemm(struct vaccel_session *sess, struct vaccel_torch_tensor **in_A,
				  struct vaccel_torch_tensor **in_B,
				  struct vaccel_torch_tensor **in_C, int M, int N, int K,
				  struct vaccel_torch_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
