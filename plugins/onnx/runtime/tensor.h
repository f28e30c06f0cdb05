/* Tensors. */
#ifndef MAYFLY_ONNX_TENSOR_H
#define MAYFLY_ONNX_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#define TENSOR_RANK_MAX 16

/* A tensor; its memory belongs to somebody else. */
struct tensor {
	int element;
	size_t rank;
	int64_t shape[TENSOR_RANK_MAX];
	void *data;
	size_t size; /* bytes */
};

#endif
