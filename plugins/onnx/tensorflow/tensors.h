/* TensorFlow's tensors, from and to the plugin's. */
#ifndef MAYFLY_ONNX_TENSORFLOW_TENSORS_H
#define MAYFLY_ONNX_TENSORFLOW_TENSORS_H

#include "library.h"
#include "runtime/tensor.h"

/* The input's data is used where it is, unless it is text. */
int tensors_wrap(const struct tensorflow *tensorflow, const struct tensor *input,
		 tf_tensor **tensor, struct error *error);
/* Ends that, once nothing that was computed from it is in use. */
void tensors_unwrap(const struct tensorflow *tensorflow, tf_tensor *tensor);

/* Describes an output, whose data stays in `found`; that of texts is allocated, in *packed. */
int tensors_read(const struct tensorflow *tensorflow, const tf_tensor *found, const char *name,
		 struct tensor *tensor, void **packed, struct error *error);

#endif
