/* The types of elements that tensors have, whatever engine computes on them. */
#ifndef MAYFLY_ONNX_ELEMENT_H
#define MAYFLY_ONNX_ELEMENT_H

#include <stddef.h>

/* Numbered as in ONNX (ONNXTensorElementDataType). */
enum element {
	ELEMENT_FLOAT32 = 1,
	ELEMENT_UINT8 = 2,
	ELEMENT_INT8 = 3,
	ELEMENT_UINT16 = 4,
	ELEMENT_INT16 = 5,
	ELEMENT_INT32 = 6,
	ELEMENT_INT64 = 7,
	ELEMENT_TEXT = 8, /* packed: see text_tensor.h */
	ELEMENT_BOOL = 9,
	ELEMENT_FLOAT16 = 10,
	ELEMENT_FLOAT64 = 11,
	ELEMENT_UINT32 = 12,
	ELEMENT_UINT64 = 13,
	ELEMENT_COMPLEX64 = 14,
	ELEMENT_COMPLEX128 = 15,
	ELEMENT_BFLOAT16 = 16,
};

/* In words: "double"; "an unknown type" for a number that is none. */
const char *element_name(int element);

/* Bytes of one element; 0 for text, whose elements differ, and for what is no type. */
size_t element_size(int element);

/* Whether tensors of this type can be given to models and come from them. */
static inline int element_is_known(int element)
{
	return element == ELEMENT_TEXT || element_size(element);
}

#endif
