/* `.tflite` models on TensorFlow Lite. */
#ifndef MAYFLY_ONNX_TFLITE_NETWORK_H
#define MAYFLY_ONNX_TFLITE_NETWORK_H

#include "library.h"
#include "runtime/network.h"
#include "runtime/watchdog.h"

/* Loads a model. -EINVAL where the model is at fault. An interpreter runs one call at a time, so
 * each of several at once has one of its own, with one thread; they share the model. */
int tflite_network_create(const struct tflite *tflite, struct watchdog *watchdog,
			  const struct network_source *source, struct network **network,
			  struct error *error);

#endif
