/* The engines; see engines.h. */
#include "engines.h"

#include <errno.h>
#include <string.h>

#include "runtime/onnx_network.h"
#include "tensorflow/saved_model.h"
#include "tflite/tflite_network.h"
#include "torch/script_network.h"
#include "util/lock.h"

int engines_init(struct engines *engines, struct error *error)
{
	memset(engines, 0, sizeof(*engines));
	pthread_mutex_init(&engines->lock, NULL);
	return watchdog_init(&engines->watchdog, error);
}

void engines_release(struct engines *engines)
{
	watchdog_release(&engines->watchdog);
	if (engines->has_onnx)
		engine_close(&engines->onnx);
	if (engines->has_tflite)
		tflite_close(&engines->tflite);
	if (engines->has_tensorflow)
		tensorflow_close(&engines->tensorflow);
	if (engines->has_torch)
		torch_close(&engines->torch);
	pthread_mutex_destroy(&engines->lock);
}

int engines_open(struct engines *engines, enum network_format format, struct error *error)
{
	lock_scoped(&engines->lock);
	int result = 0;
	switch (format) {
	case NETWORK_ONNX:
		if (!engines->has_onnx)
			result = engine_open(&engines->onnx, &engines->watchdog, error);
		engines->has_onnx |= !result;
		return result;
	case NETWORK_TFLITE:
		if (!engines->has_tflite)
			result = tflite_open(&engines->tflite, error);
		engines->has_tflite |= !result;
		return result;
	case NETWORK_SAVED_MODEL:
		if (engines->confined)
			return error_set(
			    error, ENOTSUP,
			    "a SavedModel that a client sends is not run, since "
			    "TensorFlow needs files and threads: install it, and name it");
		if (!engines->has_tensorflow)
			result = tensorflow_open(&engines->tensorflow, error);
		engines->has_tensorflow |= !result;
		return result;
	case NETWORK_TORCHSCRIPT:
		if (engines->confined)
			return error_set(
			    error, ENOTSUP,
			    "a TorchScript model that a client sends is not run, since "
			    "libtorch needs files: install it, and name it");
		if (!engines->has_torch)
			result = torch_open(&engines->torch, error);
		engines->has_torch |= !result;
		return result;
	default:
		return error_set(error, ENOTSUP, "no engine for %s models",
				 network_format_name(format));
	}
}

int engines_create_network(void *context, const struct network_source *source,
			   struct network **network, struct error *error)
{
	struct engines *engines = context;
	int result = engines_open(engines, source->format, error);
	if (result)
		return result;
	switch (source->format) {
	case NETWORK_ONNX:
		return onnx_network_create(&engines->onnx, source, network, error);
	case NETWORK_TFLITE:
		return tflite_network_create(&engines->tflite, &engines->watchdog, source, network,
					     error);
	case NETWORK_SAVED_MODEL:
		return saved_model_create(&engines->tensorflow, source, network, error);
	case NETWORK_TORCHSCRIPT:
		return script_network_create(&engines->torch, source, network, error);
	default:
		return -ENOTSUP;
	}
}
