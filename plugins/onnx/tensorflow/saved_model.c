/* SavedModels on TensorFlow; see saved_model.h. */
#include "saved_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_options.h"
#include "signature.h"
#include "sizes/sizes.h"
#include "tensors.h"
#include "util/cleanup.h"

struct saved_model {
	struct network network;
	const struct tensorflow *tensorflow;
	tf_graph *graph;
	tf_session *session;
};

/* The memory of the tensors of one run. */
struct saved_model_result {
	const struct tensorflow *tensorflow;
	size_t input_count, output_count;
	tf_tensor **inputs, **outputs;
	void **packed; /* of outputs of text */
};

static const struct network_kind saved_model_kind;

/* ---- loading ---- */

/* A ConfigProto: one thread for the work of an operation, one for operations side by side. */
static const uint8_t config[] = {0x10, 1, 0x28, 1};

static int describe_port(const struct saved_model *self, struct network_port *port)
{
	const struct tensorflow *tf = self->tensorflow;
	const struct tf_output output = {port->node, port->index};
	tf_status *status = tf->new_status();
	if (!status)
		return -ENOMEM;
	int rank = tf->rank(self->graph, output, status);
	port->kind = NETWORK_PORT_TENSOR;
	port->element = tensorflow_element(tf->output_type(output));
	port->any_rank = tf->code(status) || rank < 0 || rank > TENSOR_RANK_MAX;
	port->rank = port->any_rank ? 0 : (size_t)rank;
	if (port->rank)
		tf->shape(self->graph, output, port->shape, rank, status);
	port->any_rank |= tf->code(status) != 0;
	tf->delete_status(status);
	return 0;
}

/* "name:index", where the index may be missing. */
static int find_tensor(const struct saved_model *self, const char *name, size_t length, int index,
		       struct network_port *port)
{
	cleanup_free char *operation = strndup(name, length);
	if (!operation)
		return -ENOMEM;
	char *colon = strrchr(operation, ':'), *end;
	if (colon && colon[1] >= '0' && colon[1] <= '9') {
		unsigned long number = strtoul(colon + 1, &end, 10);
		if (*end || number > INT32_MAX)
			return -EINVAL;
		index = (int)number;
		*colon = 0;
	}
	const struct tensorflow *tf = self->tensorflow;
	tf_operation *found = tf->operation(self->graph, operation);
	if (!found || index < 0 || index >= tf->output_count(found))
		return -EINVAL;
	port->node = found;
	port->index = index;
	return describe_port(self, port);
}

/* Operations have the precedence, for programs that know the graph. */
static int find_operation(struct network *network, const char *name, int index, bool input,
			  struct network_port *port, struct error *error)
{
	const struct saved_model *self = (struct saved_model *)network;
	(void)input;
	(void)error;
	*port = (struct network_port){0};
	int result = find_tensor(self, name, strlen(name), index, port);
	if (!result)
		/* The graph's memory, which nobody changes. */
		port->name = (char *)self->tensorflow->operation_name(port->node);
	return result;
}

static int read_port(const struct saved_model *self, const struct signature_port *described,
		     struct network_port *port, struct error *error)
{
	const struct signature_text tensor = described->tensor;
	port->name = strndup(described->name.bytes, described->name.length);
	if (!port->name)
		return error_set(error, ENOMEM, "no memory for a model's inputs and outputs");
	int result = find_tensor(self, tensor.bytes, tensor.length, 0, port);
	return result ? error_set(error, -result, "%s of the model's signature is not in its graph",
				  port->name)
		      : 0;
}

static int read_ports(struct saved_model *self, const struct tf_buffer *meta, struct error *error)
{
	cleanup(signature_release) struct signature signature = {0};
	int result = signature_read(meta->data, meta->length, &signature, error);
	if (!result && !signature.output_count)
		result = error_set(error, EINVAL, "the model has no signature");
	if (!result)
		result = network_make_ports(&self->network, signature.input_count,
					    signature.output_count, error);
	for (size_t i = 0; !result && i < signature.input_count; i++)
		result = read_port(self, &signature.inputs[i], &self->network.inputs[i], error);
	for (size_t i = 0; !result && i < signature.output_count; i++)
		result = read_port(self, &signature.outputs[i], &self->network.outputs[i], error);
	return result;
}

static int load(struct saved_model *self, const char *path, struct error *error)
{
	static const char *const tags[] = {"serve"};
	const struct tensorflow *tf = self->tensorflow;
	tf_status *status = tf->new_status();
	tf_options *options = tf->new_options();
	struct tf_buffer *meta = tf->new_buffer();
	self->graph = tf->new_graph();
	int result = -ENOMEM;
	if (status && options && meta && self->graph) {
		tf->set_config(options, config, sizeof(config), status);
		result = tensorflow_check(tf, status, error);
	}
	if (!result) {
		self->session = tf->load(options, NULL, path, tags, ARRAY_SIZE(tags), self->graph,
					 meta, status);
		result = tensorflow_check(tf, status, error);
	}
	if (!result)
		result = read_ports(self, meta, error);
	if (meta)
		tf->delete_buffer(meta);
	if (options)
		tf->delete_options(options);
	if (status)
		tf->delete_status(status);
	return result;
}

int saved_model_create(const struct tensorflow *tensorflow, const struct network_source *source,
		       struct network **network, struct error *error)
{
	if (!source->path)
		return error_set(error, ENOTSUP,
				 "a SavedModel must be a directory: TensorFlow does not read one "
				 "from memory");
	struct saved_model *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a model");
	self->network.kind = &saved_model_kind;
	self->network.bytes = source->size;
	self->tensorflow = tensorflow;
	int result = load(self, source->path, error);
	if (result) {
		network_destroy(&self->network);
		return result;
	}
	*network = &self->network;
	return 0;
}

static void saved_model_destroy(struct network *network)
{
	struct saved_model *self = (struct saved_model *)network;
	const struct tensorflow *tf = self->tensorflow;
	tf_status *status = tf->new_status();
	if (self->session && status) {
		tf->close_session(self->session, status);
		tf->delete_session(self->session, status);
	}
	if (self->graph)
		tf->delete_graph(self->graph);
	if (status)
		tf->delete_status(status);
	free(self);
}

/* ---- running ---- */

static void result_release(void *context)
{
	struct saved_model_result *held = context;
	const struct tensorflow *tf = held->tensorflow;
	/* First the outputs, some of which may lie in inputs. */
	for (size_t i = 0; held->outputs && i < held->output_count; i++)
		if (held->outputs[i])
			tf->delete_tensor(held->outputs[i]);
	for (size_t i = 0; held->inputs && i < held->input_count; i++)
		if (held->inputs[i])
			tensors_unwrap(tf, held->inputs[i]);
	for (size_t i = 0; held->packed && i < held->output_count; i++)
		free(held->packed[i]);
	free(held->inputs);
	free(held->outputs);
	free(held->packed);
	free(held);
}

static struct saved_model_result *make_result(const struct tensorflow *tf,
					      const struct network_call *call)
{
	struct saved_model_result *held = calloc(1, sizeof(*held));
	if (!held)
		return NULL;
	*held = (struct saved_model_result){
	    .tensorflow = tf, .input_count = call->input_count, .output_count = call->output_count};
	held->inputs = calloc(call->input_count + 1, sizeof(tf_tensor *));
	held->outputs = calloc(call->output_count + 1, sizeof(tf_tensor *));
	held->packed = calloc(call->output_count + 1, sizeof(void *));
	if (held->inputs && held->outputs && held->packed)
		return held;
	result_release(held);
	return NULL;
}

static void list_ports(const struct network_port *ports, size_t count, struct tf_output *list)
{
	for (size_t i = 0; i < count; i++)
		list[i] = (struct tf_output){ports[i].node, ports[i].index};
}

static int run_session(struct saved_model *self, const struct network_call *call,
		       const struct tf_buffer *options, struct saved_model_result *held,
		       struct error *error)
{
	const struct tensorflow *tf = self->tensorflow;
	cleanup_free struct tf_output *inputs = calloc(call->input_count + 1, sizeof(*inputs));
	cleanup_free struct tf_output *outputs = calloc(call->output_count + 1, sizeof(*outputs));
	tf_status *status = tf->new_status();
	int result = -ENOMEM;
	if (inputs && outputs && status) {
		list_ports(call->input_ports, call->input_count, inputs);
		list_ports(call->output_ports, call->output_count, outputs);
		tf->run(self->session, options, inputs, held->inputs, (int)call->input_count,
			outputs, held->outputs, (int)call->output_count, NULL, 0, NULL, status);
		result = tensorflow_check(tf, status, error);
	}
	if (status)
		tf->delete_status(status);
	return result;
}

static int saved_model_run(struct network *network, const struct network_call *call,
			   struct network_result *run, struct error *error)
{
	struct saved_model *self = (struct saved_model *)network;
	const struct tensorflow *tf = self->tensorflow;
	struct run_options options;
	struct saved_model_result *held = run->held = make_result(tf, call);
	if (!held)
		return error_set(error, ENOMEM, "no memory to run a model");
	int result = run_options_make(&options, call, error);
	if (result)
		return result;
	const struct tf_buffer buffer = {.data = options.bytes, .length = options.length};
	for (size_t i = 0; !result && i < call->input_count; i++)
		result = tensors_wrap(tf, &call->inputs[i], &held->inputs[i], error);
	if (!result)
		result = run_session(self, call, &buffer, held, error);
	for (size_t i = 0; !result && i < call->output_count; i++)
		result = tensors_read(tf, held->outputs[i], call->output_ports[i].name,
				      &run->tensors[i], &held->packed[i], error);
	return result;
}

static const struct network_kind saved_model_kind = {
    .run = saved_model_run,
    .release = result_release,
    .destroy = saved_model_destroy,
    .find = find_operation,
};
