/* Ops on TensorFlow models: tensors, and nodes of the graph by name. */
#ifndef VACCEL_OPS_TF_H
#define VACCEL_OPS_TF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../export.h"
#include "../resource.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers of TF_DataType. */
enum vaccel_tf_data_type {
	VACCEL_TF_FLOAT = 1,
	VACCEL_TF_DOUBLE = 2,
	VACCEL_TF_INT32 = 3,
	VACCEL_TF_UINT8 = 4,
	VACCEL_TF_INT16 = 5,
	VACCEL_TF_INT8 = 6,
	VACCEL_TF_STRING = 7, /* bytes as the engine lays them out */
	VACCEL_TF_COMPLEX64 = 8,
	VACCEL_TF_COMPLEX = 8,
	VACCEL_TF_INT64 = 9,
	VACCEL_TF_BOOL = 10,
	VACCEL_TF_QINT8 = 11,
	VACCEL_TF_QUINT8 = 12,
	VACCEL_TF_QINT32 = 13,
	VACCEL_TF_BFLOAT16 = 14,
	VACCEL_TF_QINT16 = 15,
	VACCEL_TF_QUINT16 = 16,
	VACCEL_TF_UINT16 = 17,
	VACCEL_TF_COMPLEX128 = 18,
	VACCEL_TF_HALF = 19,
	VACCEL_TF_RESOURCE = 20,
	VACCEL_TF_VARIANT = 21,
	VACCEL_TF_UINT32 = 22,
	VACCEL_TF_UINT64 = 23,
};

/* Bytes for a plugin, such as run options. The buffer owns its data (malloc). */
struct vaccel_tf_buffer {
	void *data;
	size_t size;
};

VACCEL_API int vaccel_tf_buffer_init(struct vaccel_tf_buffer *buffer, void *data, size_t size);
VACCEL_API int vaccel_tf_buffer_release(struct vaccel_tf_buffer *buffer);
VACCEL_API int vaccel_tf_buffer_new(struct vaccel_tf_buffer **buffer, void *data, size_t size);
VACCEL_API int vaccel_tf_buffer_delete(struct vaccel_tf_buffer *buffer);
/* Hands the data to the caller and leaves the buffer empty. */
VACCEL_API int vaccel_tf_buffer_take_data(struct vaccel_tf_buffer *buffer, void **data,
					  size_t *size);

/* Output `id` of the graph's operation `name`. */
struct vaccel_tf_node {
	char *name; /* owned */
	int id;
};

VACCEL_API int vaccel_tf_node_init(struct vaccel_tf_node *node, const char *name, int id);
VACCEL_API int vaccel_tf_node_release(struct vaccel_tf_node *node);
VACCEL_API int vaccel_tf_node_new(struct vaccel_tf_node **node, const char *name, int id);
VACCEL_API int vaccel_tf_node_delete(struct vaccel_tf_node *node);

struct vaccel_tf_tensor {
	void *data;
	size_t size; /* bytes */
	bool owned;  /* data goes when the tensor goes */
	int nr_dims;
	int64_t *dims; /* owned */
	enum vaccel_tf_data_type data_type;
};

/* A tensor without data; `dims` (at least one; NULL: zeros) is copied. */
VACCEL_API int vaccel_tf_tensor_init(struct vaccel_tf_tensor *tensor, int nr_dims,
				     const int64_t *dims, enum vaccel_tf_data_type type);
VACCEL_API int vaccel_tf_tensor_release(struct vaccel_tf_tensor *tensor);
VACCEL_API int vaccel_tf_tensor_new(struct vaccel_tf_tensor **tensor, int nr_dims,
				    const int64_t *dims, enum vaccel_tf_data_type type);
/* A tensor with `total_size` bytes of its own, zeroed; none where that is 0. */
VACCEL_API int vaccel_tf_tensor_allocate(struct vaccel_tf_tensor **tensor, int nr_dims,
					 const int64_t *dims, enum vaccel_tf_data_type type,
					 size_t total_size);
VACCEL_API int vaccel_tf_tensor_delete(struct vaccel_tf_tensor *tensor);
/* Points the tensor to the caller's memory. Data that it owned before is the caller's from then on. */
VACCEL_API int vaccel_tf_tensor_set_data(struct vaccel_tf_tensor *tensor, void *data, size_t size);
/* Hands the data to the caller and leaves the tensor without. */
VACCEL_API int vaccel_tf_tensor_take_data(struct vaccel_tf_tensor *tensor, void **data,
					  size_t *size);

/* What the engine said: a TF_Code, and a text (malloc'ed, NULL for none). */
struct vaccel_tf_status {
	uint8_t code;
	char *message;
};

VACCEL_API int vaccel_tf_status_init(struct vaccel_tf_status *status, uint8_t code,
				     const char *message);
VACCEL_API int vaccel_tf_status_release(struct vaccel_tf_status *status);
VACCEL_API int vaccel_tf_status_new(struct vaccel_tf_status **status, uint8_t code,
				    const char *message);
VACCEL_API int vaccel_tf_status_delete(struct vaccel_tf_status *status);

/* Loads a model, and forgets it: a MODEL resource (VACCEL_EINVAL) that is registered (VACCEL_EPERM).
 * `status` may be NULL. Else it is written, whatever it held before, also where the call fails: then
 * with what the engine said, or, where it said nothing, the TF_Code closest to the error and the
 * reason. The caller releases it. */
VACCEL_API int vaccel_tf_model_load(struct vaccel_session *sess, struct vaccel_resource *model,
				    struct vaccel_tf_status *status);
VACCEL_API int vaccel_tf_model_unload(struct vaccel_session *sess, struct vaccel_resource *model,
				      struct vaccel_tf_status *status);

/* Runs a model that was loaded. There is a node for each tensor. `run_options` may be NULL. Each
 * out_tensors[i] is set to a fresh tensor that the caller deletes; after an error all are NULL. */
VACCEL_API int vaccel_tf_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
				   const struct vaccel_tf_buffer *run_options,
				   const struct vaccel_tf_node *in_nodes,
				   struct vaccel_tf_tensor *const *in_tensors, int nr_inputs,
				   const struct vaccel_tf_node *out_nodes,
				   struct vaccel_tf_tensor **out_tensors, int nr_outputs,
				   struct vaccel_tf_status *status);

#ifdef __cplusplus
}
#endif

#endif
