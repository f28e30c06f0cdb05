/* The engines that run models, each opened by the first model that needs it. */
#ifndef MAYFLY_ONNX_ENGINES_H
#define MAYFLY_ONNX_ENGINES_H

#include <pthread.h>
#include <stdbool.h>

#include "runtime/engine.h"
#include "runtime/network.h"
#include "tensorflow/library.h"
#include "tflite/library.h"
#include "torch/library.h"

struct engines {
	pthread_mutex_t lock; /* of what follows being opened */
	struct watchdog watchdog;
	bool has_onnx, has_tflite, has_tensorflow, has_torch;
	bool confined; /* to a process that can start no threads and read no files */
	struct engine onnx;
	struct tflite tflite;
	struct tensorflow tensorflow;
	struct torch torch;
};

int engines_init(struct engines *engines, struct error *error);
/* No network may be left. */
void engines_release(struct engines *engines);

/* Opens the engine for this format where that was not done yet. Each failed attempt may be repeated:
 * somebody may have installed it meanwhile. -ENOENT where it is not installed. Thread-safe. */
int engines_open(struct engines *engines, enum network_format format, struct error *error);

/* A network_create_function; `context` is the engines. */
int engines_create_network(void *context, const struct network_source *source,
			   struct network **network, struct error *error);

#endif
