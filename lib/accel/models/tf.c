/* Ops on TensorFlow models; nodes and status. */
#include "vaccel/ops/tf.h"

#include <stdlib.h>
#include <string.h>

#include "accel/models/run.h"
#include "accel/ops/resources.h"
#include "accel/state/op_context.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

int vaccel_tf_node_init(struct vaccel_tf_node *node, const char *name, int id)
{
	if (!node || !name)
		return VACCEL_EINVAL;
	char *copy = strdup(name);
	if (!copy)
		return VACCEL_ENOMEM;
	*node = (struct vaccel_tf_node){.name = copy, .id = id};
	return VACCEL_OK;
}

int vaccel_tf_node_release(struct vaccel_tf_node *node)
{
	if (!node)
		return VACCEL_EINVAL;
	free(node->name);
	*node = (struct vaccel_tf_node){.id = -1};
	return VACCEL_OK;
}

int vaccel_tf_node_new(struct vaccel_tf_node **node, const char *name, int id)
{
	if (!node)
		return VACCEL_EINVAL;
	struct vaccel_tf_node *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	int result = vaccel_tf_node_init(fresh, name, id);
	if (result)
		free(fresh);
	else
		*node = fresh;
	return result;
}

int vaccel_tf_node_delete(struct vaccel_tf_node *node)
{
	int result = vaccel_tf_node_release(node);
	free(node);
	return result;
}

int vaccel_tf_status_init(struct vaccel_tf_status *status, uint8_t code, const char *message)
{
	if (!status || !message)
		return VACCEL_EINVAL;
	char *copy = strdup(message);
	if (!copy)
		return VACCEL_ENOMEM;
	*status = (struct vaccel_tf_status){.code = code, .message = copy};
	return VACCEL_OK;
}

int vaccel_tf_status_release(struct vaccel_tf_status *status)
{
	if (!status)
		return VACCEL_EINVAL;
	free(status->message);
	*status = (struct vaccel_tf_status){0};
	return VACCEL_OK;
}

int vaccel_tf_status_new(struct vaccel_tf_status **status, uint8_t code, const char *message)
{
	if (!status)
		return VACCEL_EINVAL;
	struct vaccel_tf_status *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	int result = vaccel_tf_status_init(fresh, code, message);
	if (result)
		free(fresh);
	else
		*status = fresh;
	return result;
}

int vaccel_tf_status_delete(struct vaccel_tf_status *status)
{
	int result = vaccel_tf_status_release(status);
	free(status);
	return result;
}

/* ── what the plugin answers beside tensors ──────────────────────────────────────────────────── */

enum { RESULT, CODE, MESSAGE, RESULTS };

static const uint32_t result_flags[RESULTS] = {[MESSAGE] = WIRE_ARGUMENT_GROWS};

struct engine_answer {
	uint32_t result, code;
};

static void describe_results(struct engine_answer *answer, struct vaccel_arg results[RESULTS])
{
	*answer = (struct engine_answer){0};
	results[RESULT] = (struct vaccel_arg){
	    .buf = &answer->result, .size = sizeof(answer->result), .type = VACCEL_ARG_UINT32};
	results[CODE] = (struct vaccel_arg){
	    .buf = &answer->code, .size = sizeof(answer->code), .type = VACCEL_ARG_UINT32};
	results[MESSAGE] = (struct vaccel_arg){.type = VACCEL_ARG_UCHAR_ARRAY};
}

/* The TF_Code closest to an error of the API. */
static uint8_t tf_code(int result)
{
	enum {
		TF_UNKNOWN = 2,
		TF_INVALID_ARGUMENT = 3,
		TF_DEADLINE_EXCEEDED = 4,
		TF_NOT_FOUND = 5,
		TF_PERMISSION_DENIED = 7,
		TF_RESOURCE_EXHAUSTED = 8,
		TF_UNIMPLEMENTED = 12,
		TF_UNAVAILABLE = 14
	};
	switch (result) {
	case VACCEL_EINVAL:
	case VACCEL_ERANGE:
		return TF_INVALID_ARGUMENT;
	case VACCEL_EAGAIN:
		return TF_DEADLINE_EXCEEDED;
	case VACCEL_ENOENT:
		return TF_NOT_FOUND;
	case VACCEL_EPERM:
	case VACCEL_EACCES:
		return TF_PERMISSION_DENIED;
	case VACCEL_ENOMEM:
	case VACCEL_ENOSPC:
	case VACCEL_EUSERS:
		return TF_RESOURCE_EXHAUSTED;
	case VACCEL_ENOTSUP:
	case VACCEL_ENOSYS:
		return TF_UNIMPLEMENTED;
	case VACCEL_EREMOTEIO:
		return TF_UNAVAILABLE;
	default:
		return TF_UNKNOWN;
	}
}

/* Takes the results apart into the caller's status. */
static int tell_status(struct vaccel_tf_status *status, int result,
		       const struct engine_answer *answer, struct vaccel_arg *message)
{
	const char *text = message->buf ? message->buf : "";
	size_t length = message->buf ? strnlen(text, message->size) : 0;
	if (status) {
		*status = (struct vaccel_tf_status){.code = (uint8_t)answer->code};
		if (result && !answer->code) {
			status->code = tf_code(result);
			text = length ? text : mayfly_op_reason();
			length = length ? length : strlen(text);
		}
		/* Without memory there is no text; the code tells. */
		if (length)
			status->message = strndup(text, length);
	}
	free(message->buf);
	return result;
}

static int call_model(vaccel_op_type_t op, struct vaccel_session *session,
		      struct vaccel_resource *model, struct vaccel_tf_status *status)
{
	struct engine_answer answer;
	struct vaccel_arg results[RESULTS];
	mayfly_op_set_reason("");
	describe_results(&answer, results);
	int result = model_call((uint16_t)op, session, model, results, RESULTS, result_flags);
	if (!result)
		result = (int)answer.result;
	return tell_status(status, result, &answer, &results[MESSAGE]);
}

int vaccel_tf_model_load(struct vaccel_session *sess, struct vaccel_resource *model,
			 struct vaccel_tf_status *status)
{
	return call_model(VACCEL_OP_TF_MODEL_LOAD, sess, model, status);
}

int vaccel_tf_model_unload(struct vaccel_session *sess, struct vaccel_resource *model,
			   struct vaccel_tf_status *status)
{
	return call_model(VACCEL_OP_TF_MODEL_UNLOAD, sess, model, status);
}

/* ── nodes ───────────────────────────────────────────────────────────────────────────────────── */

/* The nodes' numbers, and their names with the NUL of each: of all inputs, then of all outputs. */
struct node_lists {
	int64_t *ids;
	char *names;
	size_t count, names_size;
};

static int measure_nodes(struct node_lists *lists, const struct vaccel_tf_node *nodes, size_t count)
{
	if (count && !nodes)
		return op_refuse(VACCEL_EINVAL, "there are no nodes for %zu tensors", count);
	for (size_t i = 0; i < count; i++) {
		if (!nodes[i].name)
			return op_refuse(VACCEL_EINVAL, "a node has no name");
		if (add_overflows(lists->names_size, strlen(nodes[i].name) + 1, &lists->names_size))
			return VACCEL_EINVAL;
	}
	lists->count += count;
	return VACCEL_OK;
}

static char *put_nodes(const struct vaccel_tf_node *nodes, size_t count, int64_t *ids, char *names)
{
	for (size_t i = 0; i < count; i++) {
		ids[i] = nodes[i].id;
		names = stpcpy(names, nodes[i].name) + 1;
	}
	return names;
}

static int list_nodes(struct node_lists *lists, const struct vaccel_tf_node *in, size_t in_count,
		      const struct vaccel_tf_node *out, size_t out_count)
{
	int result = measure_nodes(lists, in, in_count);
	if (!result)
		result = measure_nodes(lists, out, out_count);
	if (result)
		return result;
	lists->ids = calloc(lists->count + 1, sizeof(*lists->ids));
	lists->names = malloc(lists->names_size + 1);
	if (!lists->ids || !lists->names)
		return VACCEL_ENOMEM;
	char *names = put_nodes(in, in_count, lists->ids, lists->names);
	put_nodes(out, out_count, lists->ids + in_count, names);
	return VACCEL_OK;
}

int vaccel_tf_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
			const struct vaccel_tf_buffer *run_options,
			const struct vaccel_tf_node *in_nodes,
			struct vaccel_tf_tensor *const *in_tensors, int nr_inputs,
			const struct vaccel_tf_node *out_nodes,
			struct vaccel_tf_tensor **out_tensors, int nr_outputs,
			struct vaccel_tf_status *status)
{
	struct engine_answer answer;
	struct node_lists nodes = {0};
	struct model_run run = {
	    .op = VACCEL_OP_TF_MODEL_RUN,
	    .kind = &tensor_kind_tf,
	    .session = sess,
	    .model = model,
	    .options = run_options ? run_options->data : NULL,
	    .options_size = run_options ? run_options->size : 0,
	    .more_count = 2,
	    .result_count = RESULTS,
	    .inputs = in_tensors,
	    .outputs = out_tensors,
	};
	mayfly_op_set_reason("");
	describe_results(&answer, run.results);
	memcpy(run.result_flags, result_flags, sizeof(result_flags));
	vaccel_id_t id;
	int result = op_resource_id(sess, model, VACCEL_RESOURCE_MODEL, &id);
	if (!result && (nr_inputs < 0 || nr_outputs < 0))
		result = VACCEL_EINVAL;
	if (!result) {
		run.input_count = (size_t)nr_inputs;
		run.output_count = (size_t)nr_outputs;
		result = list_nodes(&nodes, in_nodes, run.input_count, out_nodes, run.output_count);
	}
	if (!result) {
		run.more[0] = (struct vaccel_arg){.buf = nodes.ids,
						  .size = nodes.count * sizeof(*nodes.ids),
						  .type = VACCEL_ARG_INT64_ARRAY};
		run.more[1] = (struct vaccel_arg){
		    .buf = nodes.names, .size = nodes.names_size, .type = VACCEL_ARG_BUFFER};
		result = model_run(&run);
	}
	free(nodes.ids);
	free(nodes.names);
	return tell_status(status, result, &answer, &run.results[MESSAGE]);
}
