/* Loaded ONNX models; see network.h. */
#include "network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "external_data.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

static int read_tensor_info(const struct ort *ort, const ort_tensor_info *info, int *element,
			    size_t *rank, int64_t shape[NETWORK_RANK_MAX], struct error *error)
{
	int result = ort_check(ort, ort->tensor_element_type(info, element), error);
	if (!result)
		result = ort_check(ort, ort->tensor_rank(info, rank), error);
	if (result)
		return result;
	if (*rank > NETWORK_RANK_MAX)
		return error_set(error, EINVAL, "a tensor has %zu dimensions, at most %d are taken",
				 *rank, NETWORK_RANK_MAX);
	return ort_check(ort, ort->tensor_shape(info, shape, *rank), error);
}

static int read_port_type(const struct ort *ort, ort_type_info *type, struct network_port *port,
			  struct error *error)
{
	int kind;
	const ort_tensor_info *info = NULL; /* belongs to `type` */
	int result = ort_check(ort, ort->type_kind(type, &kind), error);
	if (!result && kind != ORT_TYPE_TENSOR)
		result = error_set(error, EINVAL, "%s is no tensor", port->name);
	if (!result)
		result = ort_check(ort, ort->type_as_tensor_info(type, &info), error);
	if (!result)
		result =
		    read_tensor_info(ort, info, &port->element, &port->rank, port->shape, error);
	return result;
}

static int read_port(struct network *network, bool input, size_t place, ort_allocator *allocator,
		     struct error *error)
{
	const struct ort *ort = &network->engine->ort;
	struct network_port *port = input ? &network->inputs[place] : &network->outputs[place];
	char *name = NULL;
	int result = ort_check(ort,
			       (input ? ort->session_input_name : ort->session_output_name)(
				   network->session, place, allocator, &name),
			       error);
	if (result)
		return result;
	port->name = strdup(name);
	ort_check(ort, ort->allocator_free(allocator, name), NULL);
	if (!port->name)
		return error_set(error, ENOMEM, "no memory for a model's inputs");
	ort_type_info *type = NULL;
	result = ort_check(ort,
			   (input ? ort->session_input_type
				  : ort->session_output_type)(network->session, place, &type),
			   error);
	if (!result) {
		result = read_port_type(ort, type, port, error);
		ort->release_type_info(type);
	}
	return result;
}

static int read_ports(struct network *network, struct error *error)
{
	const struct ort *ort = &network->engine->ort;
	size_t inputs, outputs;
	ort_allocator *allocator = NULL; /* ONNX Runtime's own, not released */
	int result = ort_check(ort, ort->session_input_count(network->session, &inputs), error);
	if (!result)
		result =
		    ort_check(ort, ort->session_output_count(network->session, &outputs), error);
	if (!result)
		result = ort_check(ort, ort->default_allocator(&allocator), error);
	if (result)
		return result;
	if (inputs > NETWORK_PORTS_MAX || outputs > NETWORK_PORTS_MAX || !outputs)
		return error_set(error, EINVAL,
				 "the model has %zu inputs and %zu outputs, 1 to %d are taken",
				 inputs, outputs, NETWORK_PORTS_MAX);
	network->input_count = inputs;
	network->output_count = outputs;
	for (size_t i = 0; !result && i < inputs; i++)
		result = read_port(network, true, i, allocator, error);
	for (size_t i = 0; !result && i < outputs; i++)
		result = read_port(network, false, i, allocator, error);
	return result;
}

static int open_source(struct network *network, const struct network_source *source,
		       struct error *error)
{
	cleanup_free uint8_t *content = NULL;
	const uint8_t *data = source->data;
	char hash[HASH_HEX_SIZE];
	int result = 0;
	network->bytes = source->size;
	if (source->path) {
		result =
		    file_read(source->path, NETWORK_BYTES_MAX, &content, &network->bytes, error);
		data = content;
	}
	if (!result)
		result = hash_buffer(data, network->bytes, hash, error);
	if (!result && strcmp(hash, source->hash) != 0)
		result = error_set(error, EINVAL, "the model has changed since it was registered");
	if (!result)
		result = external_data_refuse(data, network->bytes, error);
	if (!result)
		result = engine_open_model(network->engine, data, network->bytes, hash,
					   source->path, &network->session, error);
	return result;
}

int network_create(struct engine *engine, const struct network_source *source, struct network **out,
		   struct error *error)
{
	struct network *network = calloc(1, sizeof(*network));
	if (!network)
		return error_set(error, ENOMEM, "no memory for a model");
	network->engine = engine;
	int result = source->path ? engine_open_optimized(engine, source->hash, &network->session,
							  &network->bytes)
				  : -ENOENT;
	if (result)
		result = open_source(network, source, error);
	if (!result)
		result = read_ports(network, error);
	if (result) {
		network_destroy(network);
		return result;
	}
	*out = network;
	return 0;
}

void network_destroy(struct network *network)
{
	if (network->session)
		network->engine->ort.release_session(network->session);
	for (size_t i = 0; i < NETWORK_PORTS_MAX; i++) {
		free(network->inputs[i].name);
		free(network->outputs[i].name);
	}
	free(network);
}

int network_find_output(const struct network *network, const char *name, struct error *error)
{
	char known[512] = "";
	for (size_t i = 0; i < network->output_count; i++) {
		if (!strcmp(network->outputs[i].name, name))
			return (int)i;
		size_t used = strlen(known);
		snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
			 network->outputs[i].name);
	}
	return error_set(error, EINVAL, "the model has no output \"%s\", it has %s", name, known);
}

/* ---- running ---- */

static int check_input(const struct network_port *port, const struct tensor *tensor,
		       struct error *error)
{
	if (tensor->element != port->element)
		return error_set(error, EINVAL, "input %s has elements of type %d, not %d",
				 port->name, port->element, tensor->element);
	if (tensor->rank != port->rank)
		return error_set(error, EINVAL, "input %s has %zu dimensions, not %zu", port->name,
				 port->rank, tensor->rank);
	uint64_t bytes = ort_element_size(tensor->element);
	for (size_t i = 0; i < tensor->rank; i++) {
		if (tensor->shape[i] < 0 ||
		    (port->shape[i] >= 0 && tensor->shape[i] != port->shape[i]))
			return error_set(error, EINVAL,
					 "input %s wants %jd in dimension %zu, not %jd", port->name,
					 (intmax_t)port->shape[i], i, (intmax_t)tensor->shape[i]);
		if (mul_overflows(bytes, (uint64_t)tensor->shape[i], &bytes))
			return error_set(error, EINVAL, "input %s is too large", port->name);
	}
	if (bytes != tensor->size)
		return error_set(error, EINVAL, "input %s of this shape has %ju bytes, not %zu",
				 port->name, (uintmax_t)bytes, tensor->size);
	return 0;
}

static int read_output(const struct ort *ort, const char *name, ort_value *value,
		       struct tensor *tensor, struct error *error)
{
	ort_tensor_info *info = NULL;
	int result = ort_check(ort, ort->value_tensor_info(value, &info), error);
	if (result)
		return result;
	result = read_tensor_info(ort, info, &tensor->element, &tensor->rank, tensor->shape, error);
	ort->release_tensor_info(info);
	if (result)
		return result;
	tensor->size = ort_element_size(tensor->element);
	if (!tensor->size)
		return error_set(error, EINVAL, "output %s has elements of type %d: not handled",
				 name, tensor->element);
	for (size_t i = 0; i < tensor->rank; i++)
		if (tensor->shape[i] < 0 ||
		    mul_overflows(tensor->size, (size_t)tensor->shape[i], &tensor->size))
			return error_set(error, EINVAL, "output %s is too large", name);
	return ort_check(ort, ort->tensor_data(value, &tensor->data), error);
}

struct cancellation {
	const struct ort *ort;
	ort_run_options *options;
};

static void cancel_run(void *context)
{
	const struct cancellation *cancellation = context;
	ort_check(cancellation->ort,
		  cancellation->ort->run_options_terminate(cancellation->options), NULL);
}

static int late(struct error *error)
{
	return error_set(error, ETIMEDOUT, "the deadline passed while the model ran");
}

static int run_with_deadline(struct network *network, const char *const *input_names,
			     const ort_value *const *inputs, size_t input_count,
			     const char *const *output_names, size_t output_count,
			     ort_value **outputs, uint64_t deadline_ns, struct error *error)
{
	struct engine *engine = network->engine;
	const struct ort *ort = &engine->ort;
	if (!deadline_ns)
		return ort_check(ort,
				 ort->run(network->session, NULL, input_names, inputs, input_count,
					  output_names, output_count, outputs),
				 error);
	if (clock_now_ns() >= deadline_ns)
		return late(error);
	struct cancellation cancellation = {.ort = ort};
	int result = ort_check(ort, ort->create_run_options(&cancellation.options), error);
	if (result)
		return result;
	struct watchdog_entry entry = {
	    .deadline_ns = deadline_ns, .expire = cancel_run, .context = &cancellation};
	result = watchdog_add(&engine->watchdog, &entry, error);
	if (!result) {
		result =
		    ort_check(ort,
			      ort->run(network->session, cancellation.options, input_names, inputs,
				       input_count, output_names, output_count, outputs),
			      error);
		if (watchdog_remove(&engine->watchdog, &entry) && result)
			result = late(error);
	}
	ort->release_run_options(cancellation.options);
	return result;
}

static int wrap_inputs(struct network *network, const struct tensor *inputs, size_t input_count,
		       ort_value **values, const char **names, struct error *error)
{
	const struct ort *ort = &network->engine->ort;
	if (input_count != network->input_count)
		return error_set(error, EINVAL, "the model has %zu inputs, not %zu",
				 network->input_count, input_count);
	for (size_t i = 0; i < input_count; i++) {
		int result = check_input(&network->inputs[i], &inputs[i], error);
		if (!result)
			result = ort_check(ort,
					   ort->create_tensor_with_data(
					       network->engine->memory, inputs[i].data,
					       inputs[i].size, inputs[i].shape, inputs[i].rank,
					       inputs[i].element, &values[i]),
					   error);
		if (result)
			return result;
		names[i] = network->inputs[i].name;
	}
	return 0;
}

int network_run(struct network *network, const struct tensor *inputs, size_t input_count,
		const size_t *outputs, size_t output_count, uint64_t deadline_ns,
		struct network_result *run, struct error *error)
{
	const struct ort *ort = &network->engine->ort;
	ort_value *values[NETWORK_PORTS_MAX] = {NULL};
	const char *input_names[NETWORK_PORTS_MAX], *output_names[NETWORK_PORTS_MAX];
	memset(run, 0, sizeof(*run));
	run->ort = ort;
	if (output_count > network->output_count)
		return error_set(error, EINVAL, "the model has %zu outputs, not %zu",
				 network->output_count, output_count);
	for (size_t i = 0; i < output_count; i++)
		output_names[i] = network->outputs[outputs[i]].name;
	int result = wrap_inputs(network, inputs, input_count, values, input_names, error);
	if (!result) {
		run->count = output_count;
		result = run_with_deadline(network, input_names, (const ort_value *const *)values,
					   input_count, output_names, output_count, run->values,
					   deadline_ns, error);
	}
	for (size_t i = 0; !result && i < output_count; i++)
		result = read_output(ort, output_names[i], run->values[i], &run->tensors[i], error);
	for (size_t i = 0; i < input_count && i < NETWORK_PORTS_MAX; i++)
		if (values[i])
			ort->release_value(values[i]);
	return result;
}

void network_result_release(struct network_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		if (result->values[i])
			result->ort->release_value(result->values[i]);
	result->count = 0;
}
