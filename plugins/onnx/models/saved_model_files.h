/* The directory of a SavedModel. */
#ifndef MAYFLY_ONNX_SAVED_MODEL_FILES_H
#define MAYFLY_ONNX_SAVED_MODEL_FILES_H

#include <stddef.h>

#include "util/error.h"
#include "util/hash.h"

#define SAVED_MODEL_FILE "saved_model.pb"

/* Looks at all files that make up the model in the directory: that nobody else may write them
 * (util/trust.h), how large they are together, and the hash of their names and contents. */
int saved_model_files_read(const char *path, char hash[HASH_HEX_SIZE], size_t *bytes,
			   struct error *error);

#endif
