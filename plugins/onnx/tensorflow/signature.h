/* What a SavedModel says of its inputs and outputs: its signature. */
#ifndef MAYFLY_ONNX_SIGNATURE_H
#define MAYFLY_ONNX_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* Names point into the message, and have no NUL behind them. */
struct signature_text {
	const char *bytes;
	size_t length;
};

struct signature_port {
	struct signature_text name;   /* as people know it: "input_1" */
	struct signature_text tensor; /* in the graph: "serving_default_input_1:0" */
};

struct signature {
	struct signature_port *inputs, *outputs; /* in the order of names */
	size_t input_count, output_count;
};

/* Reads the signature "serving_default", else the first one, out of a MetaGraphDef message. It is
 * empty where there is none. -EINVAL for what is no such message. signature_release() frees it. */
int signature_read(const void *message, size_t length, struct signature *signature,
		   struct error *error);
void signature_release(struct signature *signature);

#endif
