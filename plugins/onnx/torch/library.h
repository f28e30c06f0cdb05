/* libtorch by way of libmayfly-torch.so (shim.h), loaded when it is first needed. */
#ifndef MAYFLY_ONNX_TORCH_LIBRARY_H
#define MAYFLY_ONNX_TORCH_LIBRARY_H

#include "shim.h"
#include "util/error.h"

struct torch {
	void *library;
	const struct torch_shim *shim;
};

/* Loads the libmayfly-torch.so that MAYFLY_TORCH names, else the one beside the plugin. -ENOENT
 * where there is none, or no libtorch for it: the message tells how to get it. */
int torch_open(struct torch *torch, struct error *error);
void torch_close(struct torch *torch);

#endif
