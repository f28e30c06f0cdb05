/* One picture through one model; see vision.h. */
#include "vision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "runtime/batch.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/host_settings.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* The installed model that a task uses where the session names none. */
static const enum host_setting default_models[TASK_COUNT] = {
    [TASK_DETECT] = HOST_MODEL_DETECT, [TASK_CLASSIFY] = HOST_MODEL_CLASSIFY,
    [TASK_POSE] = HOST_MODEL_POSE,     [TASK_SEGMENT] = HOST_MODEL_SEGMENT,
    [TASK_DEPTH] = HOST_MODEL_DEPTH,
};

static int find_model(struct onnx_state *state, struct vaccel_session *session,
		      enum model_task task, struct model **model, struct error *error)
{
	struct vaccel_resource *resource;
	int found = vaccel_session_resource_by_type(session, &resource, VACCEL_RESOURCE_MODEL);
	if (found == VACCEL_OK)
		return onnx_resource_model(state, resource, model, error);
	if (found != VACCEL_ENOENT)
		return error_set_errno(error, found, "cannot look for the session's model");
	return installed_models_get(&state->installed, host_setting(default_models[task]), model,
				    error);
}

static int check_task(const struct model *model, enum model_task task, struct error *error)
{
	if (!model->described)
		return error_set(error, EINVAL,
				 "model %s has no " MODEL_DESCRIPTION_FILE
				 " that says how pictures go in and results come out",
				 model->name);
	if (model->description.task != task)
		return error_set(error, EINVAL, "model %s is for %s, not for %s", model->name,
				 description_task_name(model->description.task),
				 description_task_name(task));
	return 0;
}

static void describe_input(const struct model_description *description, void *data,
			   struct tensor *tensor)
{
	static const int elements[] = {[INPUT_FLOAT32] = ELEMENT_FLOAT32,
				       [INPUT_UINT8] = ELEMENT_UINT8,
				       [INPUT_INT32] = ELEMENT_INT32};
	bool planar = description->layout == LAYOUT_NCHW;
	*tensor = (struct tensor){.element = elements[description->type],
				  .rank = 4,
				  .shape = {1, planar ? 3 : description->height,
					    planar ? description->height : description->width,
					    planar ? description->width : 3},
				  .data = data,
				  .size = preprocess_tensor_size(description)};
}

/* Decodes and prepares; *tensor is the caller's to free. */
static int prepare(struct vision_run *run, const void *data, size_t length, uint64_t deadline_ns,
		   void **tensor, struct error *error)
{
	const struct model_description *description = &run->model->description;
	unsigned width, height;
	preprocess_wanted_size(description, &width, &height);
	cleanup(picture_release) struct picture image = {0};
	int result = image_decode(data, length, width, height, deadline_ns, &image, error);
	if (result)
		return result;
	preprocess_view_of(description, image.width, image.height, &run->view);
	*tensor = malloc(preprocess_tensor_size(description));
	if (!*tensor)
		return error_set(error, ENOMEM, "no memory for a model's input");
	return preprocess_fill(description, &image, &run->view, *tensor, error);
}

/* All outputs that the description names: boxes first. */
static int find_outputs(const struct vision_run *run,
			struct network_port ports[2 * DESCRIPTION_LEVELS_MAX], size_t *count,
			struct error *error)
{
	const struct model_description *description = &run->model->description;
	const struct output_names *groups[] = {&description->boxes, &description->scores};
	*count = 0;
	for (size_t group = 0; group < 2; group++) {
		for (size_t i = 0; i < groups[group]->count; i++) {
			int result =
			    network_find_output(run->network->network, groups[group]->names[i], 0,
						&ports[(*count)++], error);
			if (result)
				return result;
		}
	}
	return 0;
}

static int check_input_name(const struct vision_run *run, struct error *error)
{
	const struct network *network = run->network->network;
	const char *wanted = run->model->description.input;
	if (network->input_count != 1 || strcmp(network->inputs[0].name, wanted) != 0)
		return error_set(
		    error, EINVAL,
		    "the model's one input must be \"%s\", it has %zu, the first \"%s\"", wanted,
		    network->input_count, network->input_count ? network->inputs[0].name : "");
	return 0;
}

static int run_network(struct vision_run *run, void *data, uint64_t deadline_ns,
		       struct error *error)
{
	struct network_port outputs[2 * DESCRIPTION_LEVELS_MAX];
	struct network *network = run->network->network;
	struct tensor input;
	const struct batch_limits batch = onnx_batch_limits(run->model);
	struct network_call call = {.batch = &batch,
				    .input_ports = network->inputs,
				    .output_ports = outputs,
				    .inputs = &input,
				    .input_count = 1,
				    .deadline_ns = deadline_ns};
	int result = check_input_name(run, error);
	if (!result)
		result = find_outputs(run, outputs, &call.output_count, error);
	if (result)
		return result;
	describe_input(&run->model->description, data, &input);
	result = batch_run(network, &call, &run->result, error);
	run->boxes = run->result.tensors;
	run->scores = run->result.tensors + run->model->description.boxes.count;
	return result;
}

int vision_execute(struct vaccel_session *session, enum model_task task, const void *data,
		   size_t length, struct vision_run *run, struct error *error)
{
	struct onnx_state *state = onnx_state();
	uint64_t deadline_ns = mayfly_plugin_deadline_ns();
	uint64_t start = clock_now_ns();
	memset(run, 0, sizeof(*run));
	if (deadline_ns && start >= deadline_ns)
		return error_set(error, ETIMEDOUT, "the deadline passed before the op began");
	int result = onnx_state_open(state, error);
	if (!result)
		result = find_model(state, session, task, &run->model, error);
	if (!result)
		result = check_task(run->model, task, error);
	if (result)
		return result;
	result = onnx_use_model(run->model, error);
	if (result)
		return result;
	cleanup_free void *tensor = NULL;
	result = prepare(run, data, length, deadline_ns, &tensor, error);
	uint64_t prepared = clock_now_ns();
	mayfly_plugin_enter_phase(MAYFLY_PHASE_QUEUE); /* until it is loaded */
	if (!result)
		result = network_cache_get(&state->networks, &run->model->source, deadline_ns,
					   &run->network, error);
	if (result) {
		run->network = NULL;
		return result;
	}
	uint64_t loaded = clock_now_ns();
	mayfly_plugin_enter_phase(MAYFLY_PHASE_INPUT);
	result = run_network(run, tensor, deadline_ns, error);
	if (result)
		return error_wrap(error, "model %s", run->model->name);
	vaccel_debug("onnx: %s with %s: prepared in %ju us, loaded in %ju, ran %ju",
		     description_task_name(task), run->model->name,
		     (uintmax_t)(prepared - start) / 1000, (uintmax_t)(loaded - prepared) / 1000,
		     (uintmax_t)(clock_now_ns() - loaded) / 1000);
	return 0;
}

void vision_release(struct vision_run *run)
{
	network_result_release(&run->result);
	if (run->network)
		network_cache_put(&onnx_state()->networks, run->network);
	if (run->model)
		model_drop(run->model);
}
