/* TensorFlow Lite's C interface, bound when it is first needed and without its headers.
 *
 * Functions that can fail return a status, 0 for success. After a status that is not 0 nothing else
 * may be done with an interpreter but to delete it: the library does not check that again. */
#ifndef MAYFLY_ONNX_TFLITE_LIBRARY_H
#define MAYFLY_ONNX_TFLITE_LIBRARY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

typedef struct tflite_model tflite_model;
typedef struct tflite_options tflite_options;
typedef struct tflite_interpreter tflite_interpreter;
typedef struct tflite_tensor tflite_tensor;
typedef void tflite_reporter(void *context, const char *format, va_list arguments);

/* X(symbol, member, result, parameters) */
#define TFLITE_FUNCTIONS(X)                                                                        \
	X(Version, version, const char *, (void))                                                  \
	X(ModelCreateWithErrorReporter, create_model, tflite_model *,                              \
	  (const void *, size_t, tflite_reporter *, void *))                                       \
	X(ModelDelete, delete_model, void, (tflite_model *))                                       \
	X(InterpreterOptionsCreate, create_options, tflite_options *, (void))                      \
	X(InterpreterOptionsDelete, delete_options, void, (tflite_options *))                      \
	X(InterpreterOptionsSetNumThreads, set_threads, void, (tflite_options *, int32_t))         \
	X(InterpreterOptionsSetErrorReporter, set_reporter, void,                                  \
	  (tflite_options *, tflite_reporter *, void *))                                           \
	X(InterpreterOptionsEnableCancellation, enable_cancellation, int,                          \
	  (tflite_options *, bool))                                                                \
	X(InterpreterCreate, create_interpreter, tflite_interpreter *,                             \
	  (const tflite_model *, const tflite_options *))                                          \
	X(InterpreterDelete, delete_interpreter, void, (tflite_interpreter *))                     \
	X(InterpreterGetInputTensorCount, input_count, int32_t, (const tflite_interpreter *))      \
	X(InterpreterGetInputTensor, input, tflite_tensor *,                                       \
	  (const tflite_interpreter *, int32_t))                                                   \
	X(InterpreterGetOutputTensorCount, output_count, int32_t, (const tflite_interpreter *))    \
	X(InterpreterGetOutputTensor, output, tflite_tensor *,                                     \
	  (const tflite_interpreter *, int32_t))                                                   \
	X(InterpreterGetTensor, any_tensor, tflite_tensor *, (const tflite_interpreter *, int))    \
	X(InterpreterGetVariableTensorCount, variable_count, int32_t,                              \
	  (const tflite_interpreter *))                                                            \
	X(InterpreterResizeInputTensor, resize_input, int,                                         \
	  (tflite_interpreter *, int32_t, const int *, int32_t))                                   \
	X(InterpreterAllocateTensors, allocate, int, (tflite_interpreter *))                       \
	X(InterpreterInvoke, invoke, int, (tflite_interpreter *))                                  \
	X(InterpreterCancel, cancel, int, (const tflite_interpreter *))                            \
	X(TensorType, tensor_type, int, (const tflite_tensor *))                                   \
	X(TensorNumDims, tensor_rank, int32_t, (const tflite_tensor *))                            \
	X(TensorDim, tensor_dimension, int32_t, (const tflite_tensor *, int32_t))                  \
	X(TensorByteSize, tensor_bytes, size_t, (const tflite_tensor *))                           \
	X(TensorData, tensor_data, void *, (const tflite_tensor *))                                \
	X(TensorName, tensor_name, const char *, (const tflite_tensor *))                          \
	X(TensorRealloc, tensor_resize, int, (size_t, tflite_tensor *))                            \
	X(OpaqueTensorGetNumDimsSignature, signature_rank, int,                                    \
	  (const tflite_tensor *, int32_t *))                                                      \
	X(OpaqueTensorGetDimSignature, signature_dimension, int,                                   \
	  (const tflite_tensor *, int32_t, int32_t *))

/* TfLiteType, as far as more is done with it than to translate it. */
enum { TFLITE_RESOURCE = 14 };

struct tflite {
	void *library;
#define TFLITE_MEMBER(symbol, member, result, parameters) result(*member) parameters;
	TFLITE_FUNCTIONS(TFLITE_MEMBER)
#undef TFLITE_MEMBER
};

/* Loads the library (MAYFLY_TFLITE, else the one in the cache, checked against the manifest).
 * -ENOENT where there is none: the message tells how to get it. */
int tflite_open(struct tflite *tflite, struct error *error);
void tflite_close(struct tflite *tflite);

/* A TfLiteType as an enum element; 0 for one that tensors given and taken cannot have. */
int tflite_element(int type);

#endif
