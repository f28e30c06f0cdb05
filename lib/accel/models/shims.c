/* Ops on models on the plugin's side: argument lists into tensors, and its answers back. */
#include <stdlib.h>
#include <string.h>

#include "accel/models/kind.h"
#include "accel/ops/table.h"
#include "accel/state/op_context.h"
#include "util/cleanup.h"
#include "vaccel/ops/tf.h"
#include "vaccel/ops/tflite.h"
#include "vaccel/ops/torch.h"

static int find_model(const struct op_call *call, struct vaccel_resource **model)
{
	return op_call_resource(call, VACCEL_RESOURCE_MODEL, model);
}

int op_shim_model(const struct op_call *call, void *function)
{
	int (*run)(struct vaccel_session *, struct vaccel_resource *) = function;
	struct vaccel_resource *model;
	int result = find_model(call, &model);
	return result ? result : run(call->session, model);
}

/* ── tensors ─────────────────────────────────────────────────────────────────────────────────── */

/* Makes a tensor of a shape and data that need not fit each other. The shape is copied to `value`
 * before it is looked at, as the peer may still write to it; data is referred to. */
static int view_tensor(const struct tensor_kind *kind, void *tensor, struct tensor_value *value,
		       const struct vaccel_arg args[2])
{
	size_t count = args[0].size / sizeof(*value->shape);
	if (count < 1 || count > TENSOR_SHAPE_MAX)
		return op_refuse(VACCEL_EINVAL, "a tensor has at most %d dimensions",
				 TENSOR_DIMENSIONS_MAX);
	memcpy(value->shape, args[0].buf, count * sizeof(*value->shape));
	value->rank = count - 1;
	value->data = args[1].buf;
	value->size = args[1].size;
	size_t bytes;
	bool is_known;
	if (!tensor_measure(kind, value, &bytes, &is_known))
		return op_refuse(VACCEL_EINVAL, "a tensor has a data type that there is not, or a "
						"dimension that cannot be");
	if (args[1].type != kind->elements(value->shape[0]).argument)
		return op_refuse(VACCEL_EINVAL, "the data of a tensor is not of its data type");
	if (is_known && bytes != args[1].size)
		return op_refuse(VACCEL_EINVAL, "a tensor of that shape has %zu bytes, not %zu",
				 bytes, args[1].size);
	return kind->view(tensor, value)
		   ? VACCEL_OK
		   : op_refuse(VACCEL_EINVAL, "a dimension of a tensor is too large");
}

/* Turns a tensor that a plugin made into two answers. What it says of itself must agree: a size
 * beyond its shape would read what lies behind its data, for whoever asked. Data changes hands
 * without a copy, unless the plugin keeps it. The tensor is left to the caller. */
static int answer_tensor(const struct tensor_kind *kind, void *tensor, struct vaccel_arg args[2])
{
	struct tensor_value value;
	size_t bytes;
	bool is_known;
	if (!kind->read(tensor, &value) || !tensor_measure(kind, &value, &bytes, &is_known) ||
	    (is_known && bytes != value.size))
		return VACCEL_EBACKEND;
	/* Where there is a place for the data, it is of the type of that place. */
	bool has_room = args[1].buf;
	if (has_room && args[1].type != kind->elements(value.shape[0]).argument)
		return op_refuse(VACCEL_EINVAL,
				 "an output is of data type %lld, and not of the one that there is "
				 "room for",
				 (long long)value.shape[0]);
	if (has_room && value.size > args[1].size)
		return op_refuse(VACCEL_ENOSPC,
				 "an output has %zu bytes, and there is room for %zu", value.size,
				 args[1].size);
	args[0].size = (1 + value.rank) * sizeof(*value.shape);
	args[0].buf = malloc(args[0].size);
	args[0].owned = true;
	if (!args[0].buf)
		return VACCEL_ENOMEM;
	memcpy(args[0].buf, value.shape, args[0].size);
	if (has_room) {
		if (value.size && value.data != args[1].buf)
			memmove(args[1].buf, value.data, value.size);
		args[1].size = value.size;
		return VACCEL_OK;
	}
	if (!value.size)
		return VACCEL_OK;
	args[1].owned = true;
	if (value.owned) {
		args[1].buf = value.data;
		kind->forget_data(tensor);
	} else {
		args[1].buf = malloc(value.size);
		if (!args[1].buf)
			return VACCEL_ENOMEM;
		memcpy(args[1].buf, value.data, value.size);
	}
	args[1].size = value.size;
	return VACCEL_OK;
}

/* The tensors of one run. */
struct run_tensors {
	const struct tensor_kind *kind;
	size_t input_count, output_count;
	struct tensor_value *values; /* of the inputs */
	uint8_t *views;		     /* the API's structs */
	void **inputs, **outputs;    /* pointers to them */
};

static void run_tensors_release(struct run_tensors *run)
{
	for (size_t i = 0; run->outputs && i < run->output_count; i++)
		if (run->outputs[i])
			run->kind->drop(run->outputs[i]);
	free(run->values);
	free(run->views);
	free(run->inputs);
	free(run->outputs);
}

/* Views the inputs, which begin at `first`; what outputs hold is still to be freed. */
static int run_tensors_init(struct run_tensors *run, const struct op_call *call, size_t first,
			    size_t first_output)
{
	run->input_count = (call->input_count - first) / 2;
	run->output_count = (call->output_count - first_output) / 2;
	run->values = calloc(run->input_count + 1, sizeof(*run->values));
	run->views = calloc(run->input_count + 1, run->kind->size);
	run->inputs = calloc(run->input_count + 1, sizeof(*run->inputs));
	run->outputs = calloc(run->output_count + 1, sizeof(*run->outputs));
	if (!run->values || !run->views || !run->inputs || !run->outputs)
		return VACCEL_ENOMEM;
	int result = VACCEL_OK;
	for (size_t i = 0; !result && i < run->input_count; i++) {
		run->inputs[i] = run->views + i * run->kind->size;
		result = view_tensor(run->kind, run->inputs[i], &run->values[i],
				     &call->inputs[first + 2 * i]);
	}
	for (size_t i = 0; i < call->output_count; i++)
		if (!call->outputs[i].buf)
			call->outputs[i].size = 0;
	return result;
}

/* After an error no output holds memory. */
static void drop_answers(struct vaccel_arg *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!answers[i].owned)
			continue;
		free(answers[i].buf);
		answers[i].buf = NULL;
		answers[i].size = 0;
		answers[i].owned = false;
	}
}

/* `result` is the plugin's: what it left behind with an error may have been freed already. */
static int answer_tensors(struct run_tensors *run, struct vaccel_arg *answers, int result)
{
	if (result)
		memset(run->outputs, 0, run->output_count * sizeof(*run->outputs));
	for (size_t i = 0; !result && i < run->output_count; i++)
		result = answer_tensor(run->kind, run->outputs[i], &answers[2 * i]);
	if (result)
		drop_answers(answers, 2 * run->output_count);
	return result;
}

/* ── PyTorch ─────────────────────────────────────────────────────────────────────────────────── */

int op_shim_torch_run(const struct op_call *call, void *function)
{
	int (*run_model)(struct vaccel_session *, struct vaccel_resource *,
			 const struct vaccel_torch_buffer *, struct vaccel_torch_tensor *const *,
			 int, struct vaccel_torch_tensor **, int) = function;
	enum { MODEL, OPTIONS, TENSORS };
	struct vaccel_resource *model;
	int result = find_model(call, &model);
	if (result)
		return result;
	cleanup(run_tensors_release) struct run_tensors run = {.kind = &tensor_kind_torch};
	result = run_tensors_init(&run, call, TENSORS, 0);
	if (result)
		return result;
	const struct vaccel_torch_buffer options = {.data = call->inputs[OPTIONS].buf,
						    .size = call->inputs[OPTIONS].size};
	op_set_output_rooms(call->outputs, run.output_count);
	result = run_model(call->session, model, options.size ? &options : NULL,
			   (struct vaccel_torch_tensor *const *)run.inputs, (int)run.input_count,
			   (struct vaccel_torch_tensor **)run.outputs, (int)run.output_count);
	op_set_output_rooms(NULL, 0);
	return answer_tensors(&run, call->outputs, result);
}

static int32_t read_int32(const struct vaccel_arg *arg)
{
	int32_t value;
	memcpy(&value, arg->buf, sizeof(value));
	return value;
}

int op_shim_torch_sgemm(const struct op_call *call, void *function)
{
	enum { SIZES = 3, MATRICES = 3 };
	int (*multiply)(struct vaccel_session *, struct vaccel_torch_tensor **,
			struct vaccel_torch_tensor **, struct vaccel_torch_tensor **, int, int, int,
			struct vaccel_torch_tensor **) = function;
	const struct tensor_kind *kind = &tensor_kind_torch;
	struct tensor_value values[MATRICES];
	struct vaccel_torch_tensor views[MATRICES], *matrices[MATRICES] = {NULL}, *out = NULL;
	int result = VACCEL_OK;
	for (size_t i = 0; !result && i < MATRICES; i++) {
		const struct vaccel_arg *args = &call->inputs[SIZES + 2 * i];
		if (!args[0].size)
			continue;
		matrices[i] = &views[i];
		result = view_tensor(kind, matrices[i], &values[i], args);
	}
	if (!result)
		result = multiply(call->session, &matrices[0], &matrices[1], &matrices[2],
				  read_int32(&call->inputs[0]), read_int32(&call->inputs[1]),
				  read_int32(&call->inputs[2]), &out);
	if (result || !out)
		return result;
	result = answer_tensor(kind, out, call->outputs);
	if (result)
		drop_answers(call->outputs, call->output_count);
	vaccel_torch_tensor_delete(out);
	return result;
}

/* ── TensorFlow ──────────────────────────────────────────────────────────────────────────────── */

/* Outputs before the tensors: the plugin's result, the engine's code and message. The op succeeds
 * where the engine has said why it did not, as only then outputs get to the caller. */
enum { TF_RESULT, TF_CODE, TF_MESSAGE, TF_RESULTS };

static void put_uint32(const struct vaccel_arg *arg, uint32_t value)
{
	memcpy(arg->buf, &value, sizeof(value));
}

/* Takes the status's message. */
static int answer_status(const struct op_call *call, struct vaccel_tf_status *status, int result)
{
	bool is_said = status->code || status->message;
	put_uint32(&call->outputs[TF_RESULT], is_said ? (uint32_t)result : 0);
	put_uint32(&call->outputs[TF_CODE], status->code);
	struct vaccel_arg *message = &call->outputs[TF_MESSAGE];
	message->size = 0;
	if (status->message) {
		message->buf = status->message;
		message->size = strlen(status->message) + 1;
		message->owned = true;
	}
	return is_said ? VACCEL_OK : result;
}

int op_shim_tf_model(const struct op_call *call, void *function)
{
	int (*run)(struct vaccel_session *, struct vaccel_resource *, struct vaccel_tf_status *) =
	    function;
	struct vaccel_resource *model;
	int result = find_model(call, &model);
	if (result)
		return result;
	struct vaccel_tf_status status = {0};
	return answer_status(call, &status, run(call->session, model, &status));
}

/* The nodes of a list of numbers and a list of names; false where they do not fit each other. The names
 * are referred to. */
static bool read_nodes(const struct vaccel_arg *ids, const struct vaccel_arg *names,
		       struct vaccel_tf_node *nodes, size_t count)
{
	char *next = names->buf;
	size_t left = names->size;
	if (ids->size != count * sizeof(int64_t))
		return false;
	for (size_t i = 0; i < count; i++) {
		int64_t id;
		memcpy(&id, (const char *)ids->buf + i * sizeof(id), sizeof(id));
		size_t length = left ? strnlen(next, left) : 0;
		if (length == left || id != (int)id)
			return false;
		nodes[i] = (struct vaccel_tf_node){.name = next, .id = (int)id};
		next += length + 1;
		left -= length + 1;
	}
	return !left;
}

int op_shim_tf_run(const struct op_call *call, void *function)
{
	int (*run_model)(struct vaccel_session *, struct vaccel_resource *,
			 const struct vaccel_tf_buffer *, const struct vaccel_tf_node *,
			 struct vaccel_tf_tensor *const *, int, const struct vaccel_tf_node *,
			 struct vaccel_tf_tensor **, int, struct vaccel_tf_status *) = function;
	enum { MODEL, OPTIONS, IDS, NAMES, TENSORS };
	struct vaccel_resource *model;
	int result = find_model(call, &model);
	if (result)
		return result;
	cleanup(run_tensors_release) struct run_tensors run = {.kind = &tensor_kind_tf};
	result = run_tensors_init(&run, call, TENSORS, TF_RESULTS);
	if (result)
		return result;
	size_t node_count = run.input_count + run.output_count;
	cleanup_free struct vaccel_tf_node *nodes = calloc(node_count + 1, sizeof(*nodes));
	if (!nodes)
		return VACCEL_ENOMEM;
	if (!read_nodes(&call->inputs[IDS], &call->inputs[NAMES], nodes, node_count))
		return op_refuse(VACCEL_EINVAL, "the nodes of the run do not fit its tensors");
	const struct vaccel_tf_buffer options = {.data = call->inputs[OPTIONS].buf,
						 .size = call->inputs[OPTIONS].size};
	struct vaccel_tf_status status = {0};
	result = run_model(call->session, model, options.size ? &options : NULL, nodes,
			   (struct vaccel_tf_tensor *const *)run.inputs, (int)run.input_count,
			   nodes + run.input_count, (struct vaccel_tf_tensor **)run.outputs,
			   (int)run.output_count, &status);
	int answered = answer_tensors(&run, &call->outputs[TF_RESULTS], result);
	if (answered && !result) { /* tensors that cannot be */
		free(status.message);
		return answered;
	}
	return answer_status(call, &status, result);
}

/* ── TensorFlow Lite ─────────────────────────────────────────────────────────────────────────── */

int op_shim_tflite_run(const struct op_call *call, void *function)
{
	int (*run_model)(struct vaccel_session *, struct vaccel_resource *,
			 struct vaccel_tflite_tensor *const *, int, struct vaccel_tflite_tensor **,
			 int, uint8_t *) = function;
	enum { MODEL, OPTIONS, TENSORS };
	enum { RESULT, STATUS, RESULTS };
	struct vaccel_resource *model;
	int result = find_model(call, &model);
	if (result)
		return result;
	cleanup(run_tensors_release) struct run_tensors run = {.kind = &tensor_kind_tflite};
	result = run_tensors_init(&run, call, TENSORS, RESULTS);
	if (result)
		return result;
	uint8_t status = 0;
	result = run_model(call->session, model, (struct vaccel_tflite_tensor *const *)run.inputs,
			   (int)run.input_count, (struct vaccel_tflite_tensor **)run.outputs,
			   (int)run.output_count, &status);
	int answered = answer_tensors(&run, &call->outputs[RESULTS], result);
	if (answered && (!result || !status))
		return answered;
	put_uint32(&call->outputs[RESULT], (uint32_t)result);
	put_uint32(&call->outputs[STATUS], status);
	return VACCEL_OK;
}
