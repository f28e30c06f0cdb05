/* Tensors in, tensors out; see model_run.h. */
#include "model_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "runtime/batch.h"
#include "state.h"
#include "util/cleanup.h"

static int load(struct vaccel_resource *resource, struct model_run *run, struct error *error)
{
	struct onnx_state *state = onnx_state();
	int result = onnx_state_open(state, error);
	if (!result)
		result = onnx_resource_model(state, resource, &run->model, error);
	if (!result)
		result = onnx_use_model(run->model, error);
	mayfly_plugin_enter_phase(MAYFLY_PHASE_QUEUE); /* until it is loaded */
	if (!result)
		result = network_cache_get(&state->networks, &run->model->source,
					   mayfly_plugin_deadline_ns(), &run->entry, error);
	mayfly_plugin_enter_phase(MAYFLY_PHASE_INPUT);
	return result && run->model ? error_wrap(error, "model %s", run->model->name) : result;
}

int model_load(struct vaccel_resource *resource, struct error *error)
{
	cleanup(model_run_release) struct model_run run = {0};
	return load(resource, &run, error);
}

int model_unload(struct vaccel_resource *resource, struct error *error)
{
	struct onnx_state *state = onnx_state();
	struct model *model;
	int result = onnx_resource_model(state, resource, &model, error);
	if (!result)
		model_drop(model);
	return result;
}

static void choose(struct network_port *chosen, size_t count, const struct network_port *ports,
		   size_t port_count)
{
	for (size_t i = 0; i < count && i < port_count; i++)
		chosen[i] = ports[i];
}

int model_run_open(struct model_run *run, struct vaccel_resource *resource, size_t input_count,
		   size_t output_count, struct error *error)
{
	memset(run, 0, sizeof(*run));
	int result = load(resource, run, error);
	if (result)
		return result;
	const struct network *network = run->entry->network;
	bool fits = input_count <= network->input_count && output_count <= network->output_count;
	if (network->kind->wants_all)
		fits &= input_count == network->input_count;
	/* Some can be asked for ports that they do not list. */
	if (!fits && !network->kind->find)
		return error_set(error, EINVAL,
				 "model %s has %zu inputs and %zu outputs, not %zu and %zu",
				 run->model->name, network->input_count, network->output_count,
				 input_count, output_count);
	run->inputs = calloc(input_count + 1, sizeof(*run->inputs));
	run->outputs = calloc(output_count + 1, sizeof(*run->outputs));
	run->tensors = calloc(input_count + 1, sizeof(*run->tensors));
	if (!run->inputs || !run->outputs || !run->tensors)
		return error_set(error, ENOMEM, "no memory for the tensors of a run");
	run->input_count = input_count;
	run->output_count = output_count;
	choose(run->inputs, input_count, network->inputs, network->input_count);
	choose(run->outputs, output_count, network->outputs, network->output_count);
	return 0;
}

static int name_port(struct model_run *run, bool input, size_t place, const char *name, int index,
		     struct error *error)
{
	struct network *network = run->entry->network;
	struct network_port *port = input ? &run->inputs[place] : &run->outputs[place];
	int result = 0;
	if (name && *name)
		result = (input ? network_find_input : network_find_output)(network, name, index,
									    port, error);
	else if (!port->name)
		result = error_set(error, EINVAL, "%s %zu has no name, and the model no more %ss",
				   input ? "input" : "output", place, input ? "input" : "output");
	return result ? error_wrap(error, "model %s", run->model->name) : 0;
}

int model_run_name_input(struct model_run *run, size_t place, const char *name, int index,
			 struct error *error)
{
	return name_port(run, true, place, name, index, error);
}

int model_run_name_output(struct model_run *run, size_t place, const char *name, int index,
			  struct error *error)
{
	return name_port(run, false, place, name, index, error);
}

static int check_outputs(const struct model_run *run, bool (*has_type)(int element),
			 struct error *error)
{
	for (size_t i = 0; i < run->output_count; i++) {
		const struct network_port *port = &run->outputs[i];
		if (port->kind == NETWORK_PORT_TENSOR && port->element && !has_type(port->element))
			return error_set(error, ENOTSUP,
					 "output %.256s is %s, which cannot be given: ask by name "
					 "for others, of %s",
					 port->name, element_name(port->element),
					 network_list_outputs(run->entry->network).text);
	}
	return 0;
}

int model_run_execute(struct model_run *run, bool (*has_type)(int element), struct error *error)
{
	const struct batch_limits batch = onnx_batch_limits(run->model);
	const struct network_call call = {.batch = &batch,
					  .input_ports = run->inputs,
					  .output_ports = run->outputs,
					  .inputs = run->tensors,
					  .input_count = run->input_count,
					  .output_count = run->output_count,
					  .deadline_ns = mayfly_plugin_deadline_ns(),
					  .options = run->options,
					  .options_size = run->options_size};
	int result = check_outputs(run, has_type, error);
	if (!result)
		result = batch_run(run->entry->network, &call, &run->result, error);
	return result ? error_wrap(error, "model %s", run->model->name) : 0;
}

void model_run_release(struct model_run *run)
{
	network_result_release(&run->result);
	free(run->inputs);
	free(run->outputs);
	free(run->tensors);
	if (run->entry)
		network_cache_put(&onnx_state()->networks, run->entry);
	if (run->model)
		model_drop(run->model);
}
