/* SavedModels on TensorFlow. */
#ifndef MAYFLY_ONNX_SAVED_MODEL_H
#define MAYFLY_ONNX_SAVED_MODEL_H

#include "library.h"
#include "runtime/network.h"

/* Loads the model in the directory that is the source's path. Its ports are those of its signature;
 * network_find_input() and network_find_output() find all other operations of its graph as well.
 * -EINVAL where the model is at fault. */
int saved_model_create(const struct tensorflow *tensorflow, const struct network_source *source,
		       struct network **network, struct error *error);

#endif
