/* Tensors of texts. Their data is packed, as in TensorFlow Lite: int32 count, count + 1 int32
 * offsets from the beginning of the data to where each text begins and the last one ends, then the
 * bytes of the texts, without NULs between them. */
#ifndef MAYFLY_ONNX_TEXT_TENSOR_H
#define MAYFLY_ONNX_TEXT_TENSOR_H

#include <stdint.h>

#include "tensor.h"
#include "util/error.h"

/* Whether the data is whole, and has `count` texts. -EINVAL. */
int text_tensor_check(const struct tensor *tensor, uint64_t count, const char *name,
		      struct error *error);

/* A text of data that is checked. */
const char *text_tensor_at(const void *data, size_t place, size_t *length);

/* Bytes of the data of `count` texts with `bytes` bytes in all; 0 where that is too much. */
size_t text_tensor_size(size_t count, size_t bytes);

/* Begins data of that size; text_tensor_put() then puts each text in turn. */
void text_tensor_begin(void *data, size_t count);
void text_tensor_put(void *data, size_t place, const void *text, size_t length);

#endif
