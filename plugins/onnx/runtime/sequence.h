/* Makes tensors of outputs that are none. */
#ifndef MAYFLY_ONNX_SEQUENCE_H
#define MAYFLY_ONNX_SEQUENCE_H

#include "ort.h"
#include "tensor.h"

/* Turns a sequence of maps from classes to numbers, the probabilities of what scikit-learn exports
 * by default, into a tensor: a row for each map, a column for each class, in the order of the
 * classes. All maps must have as many classes, and all numbers be of one type. The tensor's data is
 * malloc'ed: the caller frees it. -ENOTSUP for a sequence of anything else. */
int sequence_to_tensor(const struct ort *ort, const ort_value *sequence, const char *name,
		       struct tensor *tensor, struct error *error);

#endif
