/* Which format a model's file has. */
#ifndef MAYFLY_ONNX_FORMAT_H
#define MAYFLY_ONNX_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/network.h"

#define FORMAT_HEAD_SIZE 8 /* bytes of a file that tell */

/* By the name's end (.onnx, .tflite, .pt; saved_model.pb). False where it tells nothing. */
bool format_of_name(const char *name, enum network_format *format);

/* By how the file begins; ONNX files have no mark. */
enum network_format format_of_head(const void *head, size_t length);

/* The name of the network's file in the folder of an installed model. */
const char *format_installed_name(enum network_format format);

#endif
