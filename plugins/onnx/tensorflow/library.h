/* TensorFlow's C interface, bound when it is first needed and without its headers. */
#ifndef MAYFLY_ONNX_TENSORFLOW_LIBRARY_H
#define MAYFLY_ONNX_TENSORFLOW_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

typedef struct tf_status tf_status;
typedef struct tf_graph tf_graph;
typedef struct tf_options tf_options;
typedef struct tf_session tf_session;
typedef struct tf_operation tf_operation;
typedef struct tf_tensor tf_tensor;

/* TF_Output: a result of an operation. */
struct tf_output {
	tf_operation *operation;
	int index;
};

/* TF_Buffer. */
struct tf_buffer {
	const void *data;
	size_t length;
	void (*release)(void *data, size_t length);
};

/* TF_TString, whose inside is the library's. */
struct tf_text {
	uint64_t words[3];
};

typedef void tf_release(void *data, size_t length, void *context);

/* X(symbol, member, result, parameters) */
#define TF_FUNCTIONS(X)                                                                            \
	X(Version, version, const char *, (void))                                                  \
	X(NewStatus, new_status, tf_status *, (void))                                              \
	X(DeleteStatus, delete_status, void, (tf_status *))                                        \
	X(GetCode, code, int, (const tf_status *))                                                 \
	X(Message, message, const char *, (const tf_status *))                                     \
	X(NewGraph, new_graph, tf_graph *, (void))                                                 \
	X(DeleteGraph, delete_graph, void, (tf_graph *))                                           \
	X(NewSessionOptions, new_options, tf_options *, (void))                                    \
	X(DeleteSessionOptions, delete_options, void, (tf_options *))                              \
	X(SetConfig, set_config, void, (tf_options *, const void *, size_t, tf_status *))          \
	X(NewBuffer, new_buffer, struct tf_buffer *, (void))                                       \
	X(DeleteBuffer, delete_buffer, void, (struct tf_buffer *))                                 \
	X(LoadSessionFromSavedModel, load, tf_session *,                                           \
	  (const tf_options *, const struct tf_buffer *, const char *, const char *const *, int,   \
	   tf_graph *, struct tf_buffer *, tf_status *))                                           \
	X(CloseSession, close_session, void, (tf_session *, tf_status *))                          \
	X(DeleteSession, delete_session, void, (tf_session *, tf_status *))                        \
	X(SessionRun, run, void,                                                                   \
	  (tf_session *, const struct tf_buffer *, const struct tf_output *, tf_tensor *const *,   \
	   int, const struct tf_output *, tf_tensor **, int, const tf_operation *const *, int,     \
	   struct tf_buffer *, tf_status *))                                                       \
	X(GraphOperationByName, operation, tf_operation *, (tf_graph *, const char *))             \
	X(OperationName, operation_name, const char *, (tf_operation *))                           \
	X(OperationNumOutputs, output_count, int, (tf_operation *))                                \
	X(OperationOutputType, output_type, int, (struct tf_output))                               \
	X(GraphGetTensorNumDims, rank, int, (tf_graph *, struct tf_output, tf_status *))           \
	X(GraphGetTensorShape, shape, void,                                                        \
	  (tf_graph *, struct tf_output, int64_t *, int, tf_status *))                             \
	X(NewTensor, new_tensor, tf_tensor *,                                                      \
	  (int, const int64_t *, int, void *, size_t, tf_release *, void *))                       \
	X(AllocateTensor, allocate_tensor, tf_tensor *, (int, const int64_t *, int, size_t))       \
	X(DeleteTensor, delete_tensor, void, (tf_tensor *))                                        \
	X(TensorType, tensor_type, int, (const tf_tensor *))                                       \
	X(NumDims, tensor_rank, int, (const tf_tensor *))                                          \
	X(Dim, tensor_dimension, int64_t, (const tf_tensor *, int))                                \
	X(TensorByteSize, tensor_bytes, size_t, (const tf_tensor *))                               \
	X(TensorData, tensor_data, void *, (const tf_tensor *))                                    \
	X(StringInit, text_init, void, (struct tf_text *))                                         \
	X(StringCopy, text_copy, void, (struct tf_text *, const char *, size_t))                   \
	X(StringDealloc, text_release, void, (struct tf_text *))                                   \
	X(StringGetDataPointer, text_data, const char *, (const struct tf_text *))                 \
	X(StringGetSize, text_size, size_t, (const struct tf_text *))

struct tensorflow {
	void *library;
#define TF_MEMBER(symbol, member, result, parameters) result(*member) parameters;
	TF_FUNCTIONS(TF_MEMBER)
#undef TF_MEMBER
};

/* Loads the library that MAYFLY_TENSORFLOW names, else the one that the dynamic linker finds.
 * -ENOENT where there is none: the message tells how to get it. */
int tensorflow_open(struct tensorflow *tensorflow, struct error *error);
void tensorflow_close(struct tensorflow *tensorflow);

/* 0 for a status that is good; else fills `error` with TensorFlow's message on one line and returns
 * a negative errno. The status stays the caller's. */
int tensorflow_check(const struct tensorflow *tensorflow, const tf_status *status,
		     struct error *error);

/* A TF_DataType as an enum element, and back; 0 for one that tensors given and taken cannot have. */
int tensorflow_element(int type);
int tensorflow_type(int element);

#endif
