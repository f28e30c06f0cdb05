/* A RunOptions message: what a caller asked for, and the deadline. */
#ifndef MAYFLY_ONNX_RUN_OPTIONS_H
#define MAYFLY_ONNX_RUN_OPTIONS_H

#include <stdint.h>

#include "runtime/network.h"

#define RUN_OPTIONS_MAX 256 /* bytes that a caller may give */

struct run_options {
	uint8_t bytes[RUN_OPTIONS_MAX + 16];
	size_t length;
};

/* -ETIMEDOUT where the deadline has passed; -EINVAL for options that are no message, or more than
 * how far to trace and how long to take: others make TensorFlow write files. */
int run_options_make(struct run_options *options, const struct network_call *call,
		     struct error *error);

#endif
