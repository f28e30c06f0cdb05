/* ONNX Runtime alone: a model and a picture that is already decoded and prepared for it.
 *
 * This is a shared library of its own, because it links the onnx plugin's parts, some of whose
 * names the monitor has, too. Used by one thread at a time.
 */
#ifndef MAYFLY_BENCH_RUNTIME_H
#define MAYFLY_BENCH_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define RUNTIME_API __attribute__((visibility("default")))

struct runtime;

/* Loads the installed model `name` through the plugin's binding, with the plugin's options, and
 * prepares the JPEG or PNG in `photo`, which is not needed afterwards. */
RUNTIME_API int runtime_open(struct runtime **runtime, const char *name, const uint8_t *photo,
			     size_t length, struct error *error);
RUNTIME_API void runtime_close(struct runtime *runtime);

/* Runs the model on the picture, for all its outputs. */
RUNTIME_API int runtime_run(struct runtime *runtime, struct error *error);

/* ONNX Runtime's version; valid until runtime_close(). */
RUNTIME_API const char *runtime_version(const struct runtime *runtime);

#endif
