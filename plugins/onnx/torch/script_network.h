/* TorchScript models on libtorch. */
#ifndef MAYFLY_ONNX_SCRIPT_NETWORK_H
#define MAYFLY_ONNX_SCRIPT_NETWORK_H

#include "library.h"
#include "runtime/network.h"

/* Loads the model. Its inputs are the parameters of forward(), its outputs output0, output1, … A run
 * is never cancelled: it ends late, with -ETIMEDOUT. -EINVAL where the model is at fault. */
int script_network_create(const struct torch *torch, const struct network_source *source,
			  struct network **network, struct error *error);

#endif
