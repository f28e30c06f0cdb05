/* ONNX Runtime alone; see runtime.h. */
#include "runtime.h"

#include <errno.h>
#include <stdlib.h>

#include "model.h"
#include "preprocess.h"
#include "util/cleanup.h"

struct runtime {
	bool engine_open;
	struct engine engine;
	struct installed_models installed;
	struct model *model;
	struct network *network;
	void *pixels;
	struct tensor input;
	size_t outputs[NETWORK_PORTS_MAX];
};

static int prepare_input(struct runtime *runtime, const uint8_t *photo, size_t length,
			 struct error *error)
{
	const struct model_description *description = &runtime->model->description;
	const struct network_port *port = &runtime->network->inputs[0];
	struct preprocess_view view;
	unsigned width, height;
	cleanup(picture_release) struct picture image = {0};
	preprocess_wanted_size(description, &width, &height);
	int result = image_decode(photo, length, width, height, 0, &image, error);
	if (result)
		return result;
	preprocess_view_of(description, image.width, image.height, &view);
	runtime->pixels = malloc(preprocess_tensor_size(description));
	if (!runtime->pixels)
		return error_set(error, ENOMEM, "no memory for a model's input");
	bool planar = description->layout == LAYOUT_NCHW;
	runtime->input =
	    (struct tensor){.element = port->element,
			    .rank = 4,
			    .shape = {1, planar ? 3 : description->height,
				      planar ? description->height : description->width,
				      planar ? description->width : 3},
			    .data = runtime->pixels,
			    .size = preprocess_tensor_size(description)};
	return preprocess_fill(description, &image, &view, runtime->pixels, error);
}

static int load_model(struct runtime *runtime, const char *name, struct error *error)
{
	int result = engine_open(&runtime->engine, error);
	if (result)
		return result;
	runtime->engine_open = true;
	result = installed_models_get(&runtime->installed, name, &runtime->model, error);
	if (!result)
		result = network_create(&runtime->engine, &runtime->model->source,
					&runtime->network, error);
	if (!result && runtime->network->input_count != 1)
		result = error_set(error, EINVAL, "model %s has %zu inputs", name,
				   runtime->network->input_count);
	return result;
}

int runtime_open(struct runtime **runtime, const char *name, const uint8_t *photo, size_t length,
		 struct error *error)
{
	struct runtime *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for ONNX Runtime");
	installed_models_init(&self->installed);
	int result = load_model(self, name, error);
	if (!result)
		result = prepare_input(self, photo, length, error);
	if (result) {
		runtime_close(self);
		return result;
	}
	for (size_t i = 0; i < self->network->output_count; i++)
		self->outputs[i] = i;
	*runtime = self;
	return 0;
}

void runtime_close(struct runtime *runtime)
{
	if (!runtime)
		return;
	free(runtime->pixels);
	if (runtime->network)
		network_destroy(runtime->network);
	if (runtime->model)
		model_drop(runtime->model);
	installed_models_release(&runtime->installed);
	if (runtime->engine_open)
		engine_close(&runtime->engine);
	free(runtime);
}

int runtime_run(struct runtime *runtime, struct error *error)
{
	struct network_result result;
	int code = network_run(runtime->network, &runtime->input, 1, runtime->outputs,
			       runtime->network->output_count, 0, &result, error);
	network_result_release(&result);
	return code;
}

const char *runtime_version(const struct runtime *runtime)
{
	return runtime->engine.ort.version;
}
