/* Refuses ONNX models that keep weights in other files.
 *
 * Such a model names files of the machine that runs it. Models come from guests too, and what a
 * guest names must never be opened: the model would be a way to read the host's files as tensors.
 */
#ifndef MAYFLY_ONNX_EXTERNAL_DATA_H
#define MAYFLY_ONNX_EXTERNAL_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* 0 where no tensor of the model lies in another file; -EINVAL where one does, and where the bytes
 * are no ONNX model at all. */
int external_data_refuse(const uint8_t *model, size_t length, struct error *error);

#endif
