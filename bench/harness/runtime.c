/* ONNX Runtime alone; see runtime.h. */
#include "runtime.h"

#include <errno.h>
#include <stdlib.h>

#include "engines.h"
#include "models/model.h"
#include "preprocess.h"
#include "util/cleanup.h"

struct runtime {
	bool engines_open;
	struct engines engines;
	struct installed_models installed;
	struct model *model;
	struct network *network;
	void *pixels;
	struct tensor input;
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
	int result = engines_init(&runtime->engines, error);
	if (result)
		return result;
	runtime->engines_open = true;
	result = installed_models_get(&runtime->installed, name, &runtime->model, error);
	if (!result)
		result = engines_create_network(&runtime->engines, &runtime->model->source,
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
	if (runtime->engines_open)
		engines_release(&runtime->engines);
	free(runtime);
}

int runtime_run(struct runtime *runtime, struct error *error)
{
	struct network_result result;
	const struct network_call call = {.input_ports = runtime->network->inputs,
					  .output_ports = runtime->network->outputs,
					  .inputs = &runtime->input,
					  .input_count = 1,
					  .output_count = runtime->network->output_count};
	int code = network_run(runtime->network, &call, &result, error);
	network_result_release(&result);
	return code;
}

const char *runtime_version(const struct runtime *runtime)
{
	return runtime->engines.onnx.ort.version;
}
