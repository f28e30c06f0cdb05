/* ONNX models on ONNX Runtime; see onnx_network.h. */
#include "onnx_network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "sequence.h"
#include "sizes/sizes.h"
#include "text_tensor.h"
#include "util/cleanup.h"
#include "util/clock.h"

struct onnx_network {
	struct network network;
	struct engine *engine;
	ort_session *session;
};

/* The memory of the outputs of one run. */
struct onnx_result {
	const struct ort *ort;
	size_t count;
	ort_value **values;
	void **converted; /* data of tensors that are not a value's own */
};

static const struct network_kind onnx_kind;

static struct onnx_network *onnx_network(struct network *network)
{
	return (struct onnx_network *)network;
}

static int read_tensor_info(const struct ort *ort, const ort_tensor_info *info, const char *name,
			    int *element, size_t *rank, int64_t shape[TENSOR_RANK_MAX],
			    struct error *error)
{
	int result = ort_check(ort, ort->tensor_element_type(info, element), error);
	if (!result)
		result = ort_check(ort, ort->tensor_rank(info, rank), error);
	if (result)
		return result;
	if (*rank > TENSOR_RANK_MAX)
		return error_set(error, EINVAL, "%s has %zu dimensions, at most %d are taken", name,
				 *rank, TENSOR_RANK_MAX);
	return ort_check(ort, ort->tensor_shape(info, shape, *rank), error);
}

/* Of an output only the type counts before it is there; the rest is for people. */
static int read_port_type(const struct ort *ort, ort_type_info *type, bool input,
			  struct network_port *port, struct error *error)
{
	const ort_tensor_info *info = NULL; /* belongs to `type` */
	int result = ort_check(ort, ort->type_kind(type, &port->kind), error);
	if (!result && input && port->kind != ORT_TYPE_TENSOR)
		result =
		    error_set(error, EINVAL, "input %s is %s, and only tensors can be given to it",
			      port->name, ort_type_name(port->kind));
	if (result || port->kind != ORT_TYPE_TENSOR)
		return result;
	result = ort_check(ort, ort->type_as_tensor_info(type, &info), error);
	if (!result && input)
		result = read_tensor_info(ort, info, port->name, &port->element, &port->rank,
					  port->shape, error);
	else if (!result)
		result = ort_check(ort, ort->tensor_element_type(info, &port->element), error);
	if (!result && !input &&
	    read_tensor_info(ort, info, port->name, &port->element, &port->rank, port->shape, NULL))
		port->rank = 0;
	/* ONNX Runtime says rank 0 also where a model does not say which rank it has. */
	port->any_rank = !port->rank;
	return result;
}

static int read_port(struct onnx_network *onnx, bool input, size_t place, ort_allocator *allocator,
		     struct error *error)
{
	const struct ort *ort = &onnx->engine->ort;
	struct network_port *port =
	    input ? &onnx->network.inputs[place] : &onnx->network.outputs[place];
	char *name = NULL;
	int result = ort_check(ort,
			       (input ? ort->session_input_name : ort->session_output_name)(
				   onnx->session, place, allocator, &name),
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
				  : ort->session_output_type)(onnx->session, place, &type),
			   error);
	if (!result) {
		result = read_port_type(ort, type, input, port, error);
		ort->release_type_info(type);
	}
	return result;
}

static int read_ports(struct onnx_network *onnx, struct error *error)
{
	const struct ort *ort = &onnx->engine->ort;
	size_t inputs = 0, outputs = 0;
	ort_allocator *allocator = NULL; /* ONNX Runtime's own, not released */
	int result = ort_check(ort, ort->session_input_count(onnx->session, &inputs), error);
	if (!result)
		result = ort_check(ort, ort->session_output_count(onnx->session, &outputs), error);
	if (!result)
		result = ort_check(ort, ort->default_allocator(&allocator), error);
	if (!result)
		result = network_make_ports(&onnx->network, inputs, outputs, error);
	for (size_t i = 0; !result && i < inputs; i++)
		result = read_port(onnx, true, i, allocator, error);
	for (size_t i = 0; !result && i < outputs; i++)
		result = read_port(onnx, false, i, allocator, error);
	return result;
}

static int open_source(struct onnx_network *onnx, const struct network_source *source,
		       struct error *error)
{
	cleanup_free uint8_t *content = NULL;
	const uint8_t *data;
	int result = network_read_source(source, &content, &data, &onnx->network.bytes, error);
	if (!result)
		result = engine_open_model(onnx->engine, data, onnx->network.bytes, source->hash,
					   source->path, &onnx->session, error);
	return result;
}

int onnx_network_create(struct engine *engine, const struct network_source *source,
			struct network **out, struct error *error)
{
	struct onnx_network *onnx = calloc(1, sizeof(*onnx));
	if (!onnx)
		return error_set(error, ENOMEM, "no memory for a model");
	onnx->network.kind = &onnx_kind;
	onnx->engine = engine;
	int result = source->path ? engine_open_optimized(engine, source->hash, &onnx->session,
							  &onnx->network.bytes)
				  : -ENOENT;
	if (result)
		result = open_source(onnx, source, error);
	if (!result)
		result = read_ports(onnx, error);
	if (result) {
		network_destroy(&onnx->network);
		return result;
	}
	*out = &onnx->network;
	return 0;
}

static void onnx_destroy(struct network *network)
{
	struct onnx_network *onnx = onnx_network(network);
	if (onnx->session)
		onnx->engine->ort.release_session(onnx->session);
	free(onnx);
}

/* ---- texts ---- */

static int wrap_texts(const struct ort *ort, const struct tensor *tensor, ort_value **value,
		      struct error *error)
{
	ort_allocator *allocator = NULL;
	uint64_t count = 1; /* checked */
	for (size_t i = 0; i < tensor->rank; i++)
		count *= (uint64_t)tensor->shape[i];
	/* ONNX Runtime wants NULs behind them. */
	cleanup_free char *copy = malloc(tensor->size + count);
	cleanup_free const char **texts = calloc(count + 1, sizeof(char *));
	if (!copy || !texts)
		return error_set(error, ENOMEM, "no memory for %zu bytes of text", tensor->size);
	char *next = copy;
	for (size_t i = 0; i < count; i++) {
		size_t length;
		const char *text = text_tensor_at(tensor->data, i, &length);
		if (memchr(text, 0, length))
			return error_set(error, EINVAL, "there is a NUL in a text for the model");
		memcpy(next, text, length);
		next[length] = 0;
		texts[i] = next;
		next += length + 1;
	}
	int result = ort_check(ort, ort->default_allocator(&allocator), error);
	if (!result)
		result = ort_check(
		    ort,
		    ort->create_tensor(allocator, tensor->shape, tensor->rank, ELEMENT_TEXT, value),
		    error);
	return result ? result : ort_check(ort, ort->fill_strings(*value, texts, count), error);
}

static int read_texts(const struct ort *ort, const char *name, const ort_value *value,
		      struct tensor *tensor, void **packed, struct error *error)
{
	size_t count = 1, bytes = 0;
	for (size_t i = 0; i < tensor->rank; i++)
		if (tensor->shape[i] < 0 || mul_overflows(count, (size_t)tensor->shape[i], &count))
			return error_set(error, EINVAL, "output %s is too large", name);
	int result = ort_check(ort, ort->strings_length(value, &bytes), error);
	if (result)
		return result;
	tensor->size = text_tensor_size(count, bytes);
	if (!tensor->size)
		return error_set(error, EINVAL, "output %s is too large", name);
	cleanup_free char *texts = malloc(bytes + 1);
	cleanup_free size_t *offsets = calloc(count + 1, sizeof(*offsets));
	*packed = malloc(tensor->size);
	if (!texts || !offsets || !*packed)
		return error_set(error, ENOMEM, "no memory for output %s", name);
	tensor->data = *packed;
	text_tensor_begin(tensor->data, count);
	if (count)
		result = ort_check(ort, ort->strings_content(value, texts, bytes, offsets, count),
				   error);
	offsets[count] = bytes;
	for (size_t i = 0; !result && i < count; i++)
		text_tensor_put(tensor->data, i, texts + offsets[i], offsets[i + 1] - offsets[i]);
	return result;
}

/* ---- running ---- */

static int read_tensor(const struct ort *ort, const char *name, ort_value *value,
		       struct tensor *tensor, void **converted, struct error *error)
{
	ort_tensor_info *info = NULL;
	int result = ort_check(ort, ort->value_tensor_info(value, &info), error);
	if (result)
		return result;
	result = read_tensor_info(ort, info, name, &tensor->element, &tensor->rank, tensor->shape,
				  error);
	ort->release_tensor_info(info);
	if (result)
		return result;
	if (tensor->element == ELEMENT_TEXT)
		return read_texts(ort, name, value, tensor, converted, error);
	tensor->size = element_size(tensor->element);
	if (!tensor->size)
		return error_set(error, ENOTSUP,
				 "output %s has elements of type %s, which cannot be "
				 "given",
				 name, element_name(tensor->element));
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

/* What the engine is given. */
struct engine_call {
	const char *const *input_names, *const *output_names;
	const ort_value *const *inputs;
	size_t input_count, output_count;
	ort_value **outputs;
};

static int call_engine(struct onnx_network *onnx, const struct engine_call *call,
		       const ort_run_options *options, struct error *error)
{
	const struct ort *ort = &onnx->engine->ort;
	mayfly_plugin_enter_phase(MAYFLY_PHASE_COMPUTE);
	int result = ort_check(ort,
			       ort->run(onnx->session, options, call->input_names, call->inputs,
					call->input_count, call->output_names, call->output_count,
					call->outputs),
			       error);
	mayfly_plugin_enter_phase(MAYFLY_PHASE_OUTPUT);
	return result;
}

/* Until the deadline, or until its caller gives it up: the engine looks at that between nodes. */
static int call_watched(struct onnx_network *onnx, const struct engine_call *call,
			struct cancellation *cancellation, uint64_t deadline_ns,
			struct error *error)
{
	struct watchdog *watchdog = onnx->engine->watchdog;
	struct watchdog_entry entry = {
	    .deadline_ns = deadline_ns, .expire = cancel_run, .context = cancellation};
	int result = deadline_ns ? watchdog_add(watchdog, &entry, error) : 0;
	if (result)
		return result;
	result = mayfly_plugin_on_stop(cancel_run, cancellation)
		     ? -ECANCELED
		     : call_engine(onnx, call, cancellation->options, error);
	mayfly_plugin_on_stop(NULL, NULL);
	if (deadline_ns && watchdog_remove(watchdog, &entry) && result)
		return late(error);
	if (result && mayfly_plugin_is_stopped())
		return error_set(error, ECANCELED, "the op was cancelled while the model ran");
	return result;
}

static int run_with_deadline(struct onnx_network *onnx, const struct engine_call *call,
			     uint64_t deadline_ns, struct error *error)
{
	const struct ort *ort = &onnx->engine->ort;
	struct cancellation cancellation = {.ort = ort};
	if (deadline_ns && clock_now_ns() >= deadline_ns)
		return late(error);
	int result = ort_check(ort, ort->create_run_options(&cancellation.options), error);
	if (result)
		return result;
	result = call_watched(onnx, call, &cancellation, deadline_ns, error);
	ort->release_run_options(cancellation.options);
	return result;
}

static int wrap_input(const struct onnx_network *onnx, const struct tensor *input,
		      ort_value **value, struct error *error)
{
	const struct ort *ort = &onnx->engine->ort;
	if (input->element == ELEMENT_TEXT)
		return wrap_texts(ort, input, value, error);
	return ort_check(ort,
			 ort->create_tensor_with_data(onnx->engine->memory, input->data,
						      input->size, input->shape, input->rank,
						      input->element, value),
			 error);
}

static int wrap_inputs(const struct onnx_network *onnx, const struct network_call *call,
		       ort_value **values, const char **names, struct error *error)
{
	int result = 0;
	for (size_t i = 0; !result && i < call->input_count; i++) {
		result = wrap_input(onnx, &call->inputs[i], &values[i], error);
		names[i] = call->input_ports[i].name;
	}
	return result;
}

/* Checks that these outputs can be returned, before anything is computed. */
static int check_outputs(const struct network *network, const struct network_call *call,
			 const char **names, struct error *error)
{
	for (size_t i = 0; i < call->output_count; i++) {
		const struct network_port *port = &call->output_ports[i];
		names[i] = port->name;
		bool is_tensor = port->kind == ORT_TYPE_TENSOR;
		if (port->kind == ORT_TYPE_SEQUENCE)
			continue; /* its elements say */
		if (is_tensor && (!port->element || element_is_known(port->element)))
			continue;
		return error_set(
		    error, ENOTSUP,
		    "output %.256s is %s, which cannot be given: ask by name for "
		    "others, of %s",
		    port->name, is_tensor ? element_name(port->element) : ort_type_name(port->kind),
		    network_list_outputs(network).text);
	}
	return 0;
}

static int read_output(const struct network_port *port, struct onnx_result *held, size_t place,
		       struct tensor *tensor, struct error *error)
{
	if (port->kind != ORT_TYPE_SEQUENCE)
		return read_tensor(held->ort, port->name, held->values[place], tensor,
				   &held->converted[place], error);
	int result = sequence_to_tensor(held->ort, held->values[place], port->name, tensor, error);
	held->converted[place] = tensor->data;
	return result;
}

static void onnx_result_release(void *context)
{
	struct onnx_result *held = context;
	for (size_t i = 0; held->values && i < held->count; i++)
		if (held->values[i])
			held->ort->release_value(held->values[i]);
	for (size_t i = 0; held->converted && i < held->count; i++)
		free(held->converted[i]);
	free(held->converted);
	free(held->values);
	free(held);
}

static struct onnx_result *make_result(const struct ort *ort, size_t count)
{
	struct onnx_result *held = calloc(1, sizeof(*held));
	if (!held)
		return NULL;
	*held = (struct onnx_result){.ort = ort, .count = count};
	held->values = calloc(count + 1, sizeof(ort_value *));
	held->converted = calloc(count + 1, sizeof(void *));
	if (held->values && held->converted)
		return held;
	onnx_result_release(held);
	return NULL;
}

static int onnx_run(struct network *network, const struct network_call *call,
		    struct network_result *run, struct error *error)
{
	struct onnx_network *onnx = onnx_network(network);
	const struct ort *ort = &onnx->engine->ort;
	cleanup_free const char **input_names = calloc(call->input_count + 1, sizeof(char *));
	cleanup_free const char **output_names = calloc(call->output_count + 1, sizeof(char *));
	cleanup_free ort_value **values = calloc(call->input_count + 1, sizeof(ort_value *));
	struct onnx_result *held = run->held = make_result(ort, call->output_count);
	if (!input_names || !output_names || !values || !held)
		return error_set(error, ENOMEM, "no memory to run a model");
	int result = check_outputs(network, call, output_names, error);
	if (!result)
		result = wrap_inputs(onnx, call, values, input_names, error);
	const struct engine_call given = {.input_names = input_names,
					  .output_names = output_names,
					  .inputs = (const ort_value *const *)values,
					  .input_count = call->input_count,
					  .output_count = call->output_count,
					  .outputs = held->values};
	if (!result)
		result = run_with_deadline(onnx, &given, call->deadline_ns, error);
	for (size_t i = 0; !result && i < call->output_count; i++)
		result = read_output(&call->output_ports[i], held, i, &run->tensors[i], error);
	for (size_t i = 0; i < call->input_count; i++)
		if (values[i])
			ort->release_value(values[i]);
	return result;
}

static const struct network_kind onnx_kind = {
    .wants_all = true,
    .run = onnx_run,
    .release = onnx_result_release,
    .destroy = onnx_destroy,
};
