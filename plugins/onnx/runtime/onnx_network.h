/* ONNX models on ONNX Runtime. */
#ifndef MAYFLY_ONNX_ONNX_NETWORK_H
#define MAYFLY_ONNX_ONNX_NETWORK_H

#include "engine.h"
#include "network.h"

/* Loads a model. Where the source is a file whose optimised form is in the cache, it is not even
 * read: the hash says that it is the same. Models in memory leave nothing in the cache: whoever
 * sent them could fill the disk. -EINVAL where the model is at fault. */
int onnx_network_create(struct engine *engine, const struct network_source *source,
			struct network **network, struct error *error);

#endif
