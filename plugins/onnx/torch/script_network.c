/* TorchScript models on libtorch; see script_network.h. */
#include "script_network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

/* Outputs of a model whose type does not tell how many it has: it gives a list. */
#define UNTOLD_OUTPUTS 64

struct script_network {
	struct network network;
	const struct torch_shim *shim;
	struct torch_shim_model *model;
	size_t least; /* inputs: further ones may be left out */
};

/* The outputs of one run: all up to the last one that is wanted. */
struct script_result {
	size_t count;
	struct torch_shim_tensor *tensors;
};

static const struct network_kind script_kind;

/* ---- loading ---- */

static int refuse(int result, char *text, struct error *error)
{
	text_make_line(text, strlen(text));
	return error_set(error, -result, "libtorch: %s", text);
}

static int name_ports(struct script_network *self, struct error *error)
{
	size_t inputs, outputs = self->shim->outputs(self->model);
	self->shim->inputs(self->model, &self->least, &inputs);
	struct network *network = &self->network;
	int result = network_make_ports(network, inputs, outputs ? outputs : UNTOLD_OUTPUTS, error);
	for (size_t i = 0; !result && i < inputs; i++) {
		network->inputs[i].any_rank = true;
		network->inputs[i].name = strdup(self->shim->input_name(self->model, i));
		if (!network->inputs[i].name)
			result = -ENOMEM;
	}
	for (size_t i = 0; !result && i < network->output_count; i++) {
		network->outputs[i].any_rank = true;
		if (asprintf(&network->outputs[i].name, "output%zu", i) < 0) {
			network->outputs[i].name = NULL;
			result = -ENOMEM;
		}
	}
	return result;
}

static int load(struct script_network *self, const struct network_source *source,
		struct error *error)
{
	cleanup_free uint8_t *content = NULL;
	const uint8_t *data;
	size_t size;
	char text[TORCH_SHIM_TEXT];
	int result = network_read_source(source, &content, &data, &size, error);
	if (result)
		return result;
	self->network.bytes = size;
	result = self->shim->load(data, size, &self->model, text);
	return result ? refuse(result, text, error) : name_ports(self, error);
}

int script_network_create(const struct torch *torch, const struct network_source *source,
			  struct network **network, struct error *error)
{
	struct script_network *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a model");
	self->network.kind = &script_kind;
	self->shim = torch->shim;
	int result = load(self, source, error);
	if (result) {
		network_destroy(&self->network);
		return result;
	}
	*network = &self->network;
	return 0;
}

static void script_destroy(struct network *network)
{
	struct script_network *self = (struct script_network *)network;
	if (self->model)
		self->shim->destroy(self->model);
	free(self);
}

/* ---- running ---- */

static void result_release(void *context)
{
	struct script_result *held = context;
	for (size_t i = 0; i < held->count; i++)
		free(held->tensors[i].data);
	free(held->tensors);
	free(held);
}

static struct script_result *make_result(const struct network_call *call)
{
	struct script_result *held = calloc(1, sizeof(*held));
	if (!held)
		return NULL;
	for (size_t i = 0; i < call->output_count; i++)
		if ((size_t)call->output_ports[i].index >= held->count)
			held->count = (size_t)call->output_ports[i].index + 1;
	held->tensors = calloc(held->count + 1, sizeof(*held->tensors));
	if (held->tensors)
		return held;
	free(held);
	return NULL;
}

/* In the order of the parameters. Those that are left out are the last ones. */
static int order_inputs(const struct script_network *self, const struct network_call *call,
			struct torch_shim_tensor *inputs, struct error *error)
{
	const struct network *network = &self->network;
	for (size_t i = 0; i < call->input_count; i++) {
		const struct tensor *tensor = &call->inputs[i];
		const size_t place = (size_t)call->input_ports[i].index;
		/* None is given twice: so if each is among the first ones, these are all there. */
		if (place >= call->input_count)
			return error_set(error, EINVAL, "an input before %s is missing",
					 network->inputs[place].name);
		inputs[place] = (struct torch_shim_tensor){.element = tensor->element,
							   .rank = tensor->rank,
							   .data = tensor->data,
							   .size = tensor->size};
		memcpy(inputs[place].shape, tensor->shape, sizeof(tensor->shape));
	}
	if (call->input_count < self->least)
		return error_set(error, EINVAL, "input %s is missing",
				 network->inputs[call->input_count].name);
	return 0;
}

_Static_assert(TORCH_SHIM_RANK_MAX == TENSOR_RANK_MAX, "shapes are copied");

static int check_deadline(const struct network_call *call, const char *when, struct error *error)
{
	if (call->deadline_ns && clock_now_ns() >= call->deadline_ns)
		return error_set(error, ETIMEDOUT, "the deadline passed %s", when);
	return 0;
}

static void give(const struct torch_shim_tensor *from, struct tensor *to)
{
	*to = (struct tensor){
	    .element = from->element, .rank = from->rank, .data = from->data, .size = from->size};
	memcpy(to->shape, from->shape, sizeof(to->shape));
}

static int script_run(struct network *network, const struct network_call *call,
		      struct network_result *run, struct error *error)
{
	const struct script_network *self = (struct script_network *)network;
	char text[TORCH_SHIM_TEXT];
	cleanup_free struct torch_shim_tensor *inputs =
	    calloc(call->input_count + 1, sizeof(*inputs));
	struct script_result *held = run->held = make_result(call);
	if (!inputs || !held)
		return error_set(error, ENOMEM, "no memory to run a model");
	int result = order_inputs(self, call, inputs, error);
	if (!result)
		result = check_deadline(call, "before the model ran", error);
	if (result)
		return result;
	result = self->shim->run(self->model, inputs, call->input_count, held->tensors, held->count,
				 text);
	if (result)
		return refuse(result, text, error);
	for (size_t i = 0; i < call->output_count; i++)
		give(&held->tensors[call->output_ports[i].index], &run->tensors[i]);
	return check_deadline(call, "while the model ran", error);
}

static const struct network_kind script_kind = {
    .run = script_run,
    .release = result_release,
    .destroy = script_destroy,
};
