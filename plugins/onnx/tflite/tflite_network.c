/* Models on TensorFlow Lite; see tflite_network.h. */
#include "tflite_network.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "interpreter.h"
#include "mayfly/plugin.h"
#include "util/clock.h"
#include "util/lock.h"

struct tflite_network {
	struct network network;
	const struct tflite *tflite;
	struct watchdog *watchdog;
	uint8_t *content; /* of the file: the model refers to it */
	struct tflite_words words;
	tflite_model *model;
	bool has_state;
	pthread_mutex_t lock;
	struct interpreter *idle;
};

/* The interpreter that the outputs of a run lie in. */
struct tflite_result {
	struct tflite_network *owner;
	struct interpreter *interpreter;
};

static const struct network_kind tflite_kind;

/* ---- loading ---- */

static int read_port(const struct tflite *tflite, const tflite_tensor *tensor,
		     struct network_port *port, struct error *error)
{
	const char *name = tensor ? tflite->tensor_name(tensor) : NULL;
	port->name = strdup(name ? name : "");
	if (!port->name)
		return error_set(error, ENOMEM, "no memory for a model's inputs and outputs");
	int32_t rank = tensor ? tflite->tensor_rank(tensor) : -1, signature = -1;
	if (rank < 0 || rank > TENSOR_RANK_MAX)
		return error_set(error, EINVAL, "%s has %d dimensions, at most %d are taken",
				 port->name, (int)rank, TENSOR_RANK_MAX);
	port->element = tflite_element(tflite->tensor_type(tensor));
	port->rank = (size_t)rank;
	if (tflite->signature_rank(tensor, &signature) || signature != rank)
		signature = -1;
	port->adjustable = signature < 0;
	for (int32_t i = 0; i < rank; i++) {
		int32_t size = tflite->tensor_dimension(tensor, i);
		if (signature > 0 && tflite->signature_dimension(tensor, i, &size))
			return error_set(error, EINVAL, "%s has no shape", port->name);
		port->shape[i] = size;
	}
	return 0;
}

static int read_ports(struct tflite_network *self, const struct interpreter *interpreter,
		      struct error *error)
{
	const struct tflite *tflite = self->tflite;
	const tflite_interpreter *handle = interpreter->handle;
	int32_t inputs = tflite->input_count(handle), outputs = tflite->output_count(handle);
	if (inputs < 0 || outputs < 0)
		return error_set(error, EINVAL, "the model has no inputs or outputs");
	int result = network_make_ports(&self->network, (size_t)inputs, (size_t)outputs, error);
	for (int32_t i = 0; !result && i < inputs; i++)
		result =
		    read_port(tflite, tflite->input(handle, i), &self->network.inputs[i], error);
	for (int32_t i = 0; !result && i < outputs; i++)
		result =
		    read_port(tflite, tflite->output(handle, i), &self->network.outputs[i], error);
	return result;
}

static int load(struct tflite_network *self, const struct network_source *source,
		struct error *error)
{
	const uint8_t *data;
	struct interpreter *interpreter;
	int result =
	    network_read_source(source, &self->content, &data, &self->network.bytes, error);
	if (result)
		return result;
	if (!self->content) {
		/* The resource may go before the model. */
		self->content = malloc(self->network.bytes + 1);
		if (!self->content)
			return error_set(error, ENOMEM, "no memory for a model");
		memcpy(self->content, data, self->network.bytes);
	}
	self->model = self->tflite->create_model(self->content, self->network.bytes,
						 tflite_words_add, &self->words);
	if (!self->model)
		return error_set(error, EINVAL, "TensorFlow Lite cannot read the model%s%s",
				 *self->words.text ? ": " : "", self->words.text);
	result = interpreter_create(self->tflite, self->model, &interpreter, error);
	if (result)
		return result;
	self->has_state = interpreter_has_state(interpreter);
	self->idle = interpreter;
	return read_ports(self, interpreter, error);
}

int tflite_network_create(const struct tflite *tflite, struct watchdog *watchdog,
			  const struct network_source *source, struct network **network,
			  struct error *error)
{
	struct tflite_network *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a model");
	self->network.kind = &tflite_kind;
	self->tflite = tflite;
	self->watchdog = watchdog;
	pthread_mutex_init(&self->lock, NULL);
	int result = load(self, source, error);
	if (result) {
		network_destroy(&self->network);
		return result;
	}
	*network = &self->network;
	return 0;
}

static void tflite_destroy(struct network *network)
{
	struct tflite_network *self = (struct tflite_network *)network;
	while (self->idle) {
		struct interpreter *interpreter = self->idle;
		self->idle = interpreter->next;
		interpreter_destroy(interpreter);
	}
	if (self->model)
		self->tflite->delete_model(self->model);
	pthread_mutex_destroy(&self->lock);
	free(self->content);
	free(self);
}

/* ---- running ---- */

static int take_interpreter(struct tflite_network *self, struct interpreter **interpreter,
			    struct error *error)
{
	{
		lock_scoped(&self->lock);
		*interpreter = self->idle;
		if (*interpreter) {
			self->idle = (*interpreter)->next;
			return 0;
		}
	}
	return interpreter_create(self->tflite, self->model, interpreter, error);
}

/* What a model remembers belongs to one run: the next one may be somebody else's. */
static void give_back(struct tflite_network *self, struct interpreter *interpreter)
{
	if (self->has_state) {
		interpreter_destroy(interpreter);
		return;
	}
	lock_scoped(&self->lock);
	interpreter->next = self->idle;
	self->idle = interpreter;
}

static void tflite_release(void *context)
{
	struct tflite_result *held = context;
	give_back(held->owner, held->interpreter);
	free(held);
}

static void cancel(void *context)
{
	const struct interpreter *interpreter = context;
	interpreter->tflite->cancel(interpreter->handle);
}

static int late(struct error *error)
{
	return error_set(error, ETIMEDOUT, "the deadline passed while the model ran");
}

/* Until the deadline, or until its caller gives it up. */
static int invoke(struct tflite_network *self, struct interpreter *interpreter,
		  uint64_t deadline_ns, struct error *error)
{
	struct watchdog_entry entry = {
	    .deadline_ns = deadline_ns, .expire = cancel, .context = interpreter};
	if (deadline_ns && clock_now_ns() >= deadline_ns)
		return late(error);
	int result = deadline_ns ? watchdog_add(self->watchdog, &entry, error) : 0;
	if (result)
		return result;
	mayfly_plugin_enter_phase(MAYFLY_PHASE_COMPUTE);
	result = mayfly_plugin_on_stop(cancel, interpreter)
		     ? -ECANCELED
		     : interpreter_invoke(interpreter, error);
	mayfly_plugin_on_stop(NULL, NULL);
	mayfly_plugin_enter_phase(MAYFLY_PHASE_OUTPUT);
	if (deadline_ns && watchdog_remove(self->watchdog, &entry) && result)
		return late(error);
	if (result && mayfly_plugin_is_stopped())
		return error_set(error, ECANCELED, "the op was cancelled while the model ran");
	return result;
}

static int tflite_run(struct network *network, const struct network_call *call,
		      struct network_result *run, struct error *error)
{
	struct tflite_network *self = (struct tflite_network *)network;
	struct interpreter *interpreter;
	struct tflite_result *held = calloc(1, sizeof(*held));
	if (!held)
		return error_set(error, ENOMEM, "no memory to run a model");
	int result = take_interpreter(self, &interpreter, error);
	if (!result) {
		result = interpreter_fill(interpreter, call, error);
		if (!result)
			result = invoke(self, interpreter, call->deadline_ns, error);
		if (result)
			interpreter_destroy(interpreter);
	}
	if (result) {
		free(held);
		return result;
	}
	*held = (struct tflite_result){self, interpreter};
	run->held = held;
	for (size_t i = 0; !result && i < call->output_count; i++)
		result =
		    interpreter_read(interpreter, &call->output_ports[i], &run->tensors[i], error);
	return result;
}

static const struct network_kind tflite_kind = {
    .wants_all = true,
    .run = tflite_run,
    .release = tflite_release,
    .destroy = tflite_destroy,
};
