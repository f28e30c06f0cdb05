/* What all networks have in common; see network.h. */
#include "network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ort.h"
#include "sizes/sizes.h"
#include "text_tensor.h"
#include "util/file.h"

const char *network_format_name(enum network_format format)
{
	static const char *const names[NETWORK_FORMAT_COUNT] = {
	    [NETWORK_ONNX] = "ONNX",
	    [NETWORK_TFLITE] = "TensorFlow Lite",
	    [NETWORK_SAVED_MODEL] = "SavedModel",
	    [NETWORK_TORCHSCRIPT] = "TorchScript",
	};
	return names[format];
}

int network_make_ports(struct network *network, size_t inputs, size_t outputs, struct error *error)
{
	if (!outputs || inputs > NETWORK_PORTS_MAX || outputs > NETWORK_PORTS_MAX)
		return error_set(error, EINVAL,
				 "the model has %zu inputs and %zu outputs, at most %d are taken",
				 inputs, outputs, NETWORK_PORTS_MAX);
	network->inputs = calloc(inputs + 1, sizeof(network->inputs[0]));
	network->outputs = calloc(outputs, sizeof(network->outputs[0]));
	if (!network->inputs || !network->outputs)
		return error_set(error, ENOMEM, "no memory for a model's inputs and outputs");
	network->input_count = inputs;
	network->output_count = outputs;
	for (size_t i = 0; i < inputs; i++)
		network->inputs[i] =
		    (struct network_port){.kind = NETWORK_PORT_TENSOR, .index = (int)i};
	for (size_t i = 0; i < outputs; i++)
		network->outputs[i] =
		    (struct network_port){.kind = NETWORK_PORT_TENSOR, .index = (int)i};
	return 0;
}

void network_destroy(struct network *network)
{
	for (size_t i = 0; i < network->input_count; i++)
		free(network->inputs[i].name);
	for (size_t i = 0; i < network->output_count; i++)
		free(network->outputs[i].name);
	free(network->inputs);
	free(network->outputs);
	network->kind->destroy(network);
}

int network_read_source(const struct network_source *source, uint8_t **content,
			const uint8_t **data, size_t *size, struct error *error)
{
	char hash[HASH_HEX_SIZE];
	int result = 0;
	*content = NULL;
	*data = source->data;
	*size = source->size;
	if (source->path) {
		result = file_read(source->path, NETWORK_BYTES_MAX, content, size, error);
		*data = *content;
	}
	if (!result)
		result = hash_buffer(*data, *size, hash, error);
	if (!result && strcmp(hash, source->hash) != 0)
		result = error_set(error, EINVAL, "the model has changed since it was registered");
	return result;
}

/* ---- ports ---- */

static struct network_port_list list_ports(const struct network_port *ports, size_t count)
{
	enum { MORE = 32 }; /* bytes for how many are left out */
	struct network_port_list list = {"none"};
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		const struct network_port *port = &ports[i];
		const char *kind = port->kind != NETWORK_PORT_TENSOR ? ort_type_name(port->kind)
				   : element_size(port->element)     ? NULL
								     : element_name(port->element);
		char item[320];
		snprintf(item, sizeof(item), "%s%.256s%s%s%s", i ? ", " : "", port->name,
			 kind ? " (" : "", kind ? kind : "", kind ? ")" : "");
		size_t length = strlen(item);
		if (used + length >= sizeof(list.text) - MORE) {
			snprintf(list.text + used, MORE, " and %zu more", count - i);
			break;
		}
		memcpy(list.text + used, item, length + 1);
		used += length;
	}
	return list;
}

struct network_port_list network_list_outputs(const struct network *network)
{
	return list_ports(network->outputs, network->output_count);
}

static int find_port(struct network *network, const char *name, int index, bool input,
		     struct network_port *port, struct error *error)
{
	const struct network_port *ports = input ? network->inputs : network->outputs;
	const size_t count = input ? network->input_count : network->output_count;
	if (network->kind->find && !network->kind->find(network, name, index, input, port, error))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(ports[i].name, name)) {
			*port = ports[i];
			return 0;
		}
	}
	return error_set(error, EINVAL, "the model has no %s \"%.128s\", it has %s",
			 input ? "input" : "output", name, list_ports(ports, count).text);
}

int network_find_input(struct network *network, const char *name, int index,
		       struct network_port *port, struct error *error)
{
	return find_port(network, name, index, true, port, error);
}

int network_find_output(struct network *network, const char *name, int index,
			struct network_port *port, struct error *error)
{
	return find_port(network, name, index, false, port, error);
}

/* ---- running ---- */

static int check_input(const struct network_port *port, const struct tensor *tensor,
		       struct error *error)
{
	if (port->element && tensor->element != port->element)
		return error_set(error, EINVAL, "input %s has elements of type %s, not %s",
				 port->name, element_name(port->element),
				 element_name(tensor->element));
	/* Some operators take it for granted that a tensor of any rank has an element. */
	if (port->any_rank && !tensor->size)
		return error_set(error, EINVAL, "input %s wants one element at least", port->name);
	const bool fixed = !port->any_rank && !port->adjustable;
	if (fixed && tensor->rank != port->rank)
		return error_set(error, EINVAL, "input %s has %zu dimensions, not %zu", port->name,
				 port->rank, tensor->rank);
	uint64_t count = 1, bytes;
	for (size_t i = 0; i < tensor->rank; i++) {
		const bool any = !fixed || port->shape[i] < 0;
		if (tensor->shape[i] < 0 || (!any && tensor->shape[i] != port->shape[i]))
			return error_set(error, EINVAL,
					 "input %s wants %jd in dimension %zu, not %jd", port->name,
					 any ? (intmax_t)0 : (intmax_t)port->shape[i], i,
					 (intmax_t)tensor->shape[i]);
		if (mul_overflows(count, (uint64_t)tensor->shape[i], &count))
			return error_set(error, EINVAL, "input %s is too large", port->name);
	}
	if (tensor->element == ELEMENT_TEXT)
		return text_tensor_check(tensor, count, port->name, error);
	if (mul_overflows(count, element_size(tensor->element), &bytes))
		return error_set(error, EINVAL, "input %s is too large", port->name);
	if (bytes != tensor->size)
		return error_set(error, EINVAL, "input %s of this shape has %ju bytes, not %zu",
				 port->name, (uintmax_t)bytes, tensor->size);
	return 0;
}

static bool is_given(const struct network_call *call, size_t count, const struct network_port *port)
{
	for (size_t i = 0; i < count; i++)
		if (network_same_port(&call->input_ports[i], port))
			return true;
	return false;
}

static int check_call(const struct network *network, const struct network_call *call,
		      struct error *error)
{
	for (size_t i = 0; i < call->input_count; i++) {
		const struct network_port *port = &call->input_ports[i];
		if (is_given(call, i, port))
			return error_set(error, EINVAL, "input %s is given twice", port->name);
		int result = check_input(port, &call->inputs[i], error);
		if (result)
			return result;
	}
	for (size_t i = 0; network->kind->wants_all && i < network->input_count; i++)
		if (!is_given(call, call->input_count, &network->inputs[i]))
			return error_set(error, EINVAL, "input %s is missing",
					 network->inputs[i].name);
	return 0;
}

int network_begin_run(struct network *network, const struct network_call *call,
		      struct network_result *run, struct error *error)
{
	*run = (struct network_result){.count = call->output_count, .kind = network->kind};
	run->tensors = calloc(call->output_count + 1, sizeof(run->tensors[0]));
	if (!run->tensors)
		return error_set(error, ENOMEM, "no memory to run a model");
	return check_call(network, call, error);
}

int network_run(struct network *network, const struct network_call *call,
		struct network_result *run, struct error *error)
{
	int result = network_begin_run(network, call, run, error);
	return result ? result : network->kind->run(network, call, run, error);
}

void network_result_release(struct network_result *result)
{
	if (result->held)
		result->kind->release(result->held);
	free(result->tensors);
	*result = (struct network_result){0};
}
