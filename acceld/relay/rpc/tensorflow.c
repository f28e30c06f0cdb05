/* Models of TensorFlow: nodes by name and number, and a status with every answer. */
#include <stdlib.h>
#include <string.h>

#include "accel/models/kind.h"
#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/model_run.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

/* What an op answers before anything else. */
enum { RESULT, CODE, MESSAGE, RESULTS };

static const uint32_t result_flags[RESULTS] = {[MESSAGE] = WIRE_ARGUMENT_GROWS};

#define TF_UNKNOWN 2 /* the TF_Code of what the engine has not said */

#define STATUS_TEXT_MAX 1024

/* The plugin's result, and the engine's status. */
struct engine_answer {
	uint32_t result, code;
	char message[STATUS_TEXT_MAX];
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

/* The result as one number, and the engine's words; `message` stays as it is. */
static int read_results(struct engine_answer *answer, int result, const struct vaccel_arg *message)
{
	if (!result && message->buf) {
		size_t length = strnlen(message->buf, message->size);
		if (length >= sizeof(answer->message))
			length = sizeof(answer->message) - 1;
		memcpy(answer->message, message->buf, length);
	}
	return result ? result : (int)answer->result;
}

static void fail(const struct rpc_call *call, int result, const struct engine_answer *answer)
{
	bool said = answer->code || *answer->message;
	rpc_fail_with_status(&call->reply, result, said ? (uint8_t)answer->code : TF_UNKNOWN,
			     said ? answer->message : mayfly_op_reason());
}

static void make_status(Rpc__OpStatus *status, const struct engine_answer *answer)
{
	rpc__op_status__init(status);
	rpc_set(status, code, (uint8_t)answer->code);
	rpc_set_text(status, message, answer->message);
}

/* False where it has been answered that it failed. */
static bool call_model(struct rpc_call *call, uint16_t op, struct engine_answer *answer)
{
	struct vaccel_arg results[RESULTS];
	describe_results(answer, results);
	mayfly_op_set_reason("");
	int result = rpc_model_call(call, op, results, RESULTS, result_flags);
	result = read_results(answer, result, &results[MESSAGE]);
	free(results[MESSAGE].buf);
	if (result)
		fail(call, result, answer);
	return !result;
}

void rpc_serve_tf_load(struct rpc_call *call)
{
	struct engine_answer engine;
	if (!call_model(call, VACCEL_OP_TF_MODEL_LOAD, &engine))
		return;
	Rpc__OpStatus status;
	make_status(&status, &engine);
	Rpc__TensorflowLoaded answer = RPC__TENSORFLOW_LOADED__INIT;
	answer.status = &status;
	rpc_answer(&call->reply, &answer.base);
}

void rpc_serve_tf_unload(struct rpc_call *call)
{
	struct engine_answer engine;
	if (!call_model(call, VACCEL_OP_TF_MODEL_UNLOAD, &engine))
		return;
	Rpc__OpStatus status;
	make_status(&status, &engine);
	Rpc__TensorflowUnloaded answer = RPC__TENSORFLOW_UNLOADED__INIT;
	answer.status = &status;
	rpc_answer(&call->reply, &answer.base);
}

/* The nodes' numbers, and their names with the NUL of each: of all inputs, then of all outputs. */
struct node_lists {
	int64_t *ids;
	char *names;
	size_t count, names_size;
};

static void release_nodes(struct node_lists *lists)
{
	free(lists->ids);
	free(lists->names);
}

static const char *name_of(const Rpc__Node *node)
{
	return node->name ? node->name : "";
}

static void measure_nodes(struct node_lists *lists, Rpc__Node *const *nodes, size_t count)
{
	lists->count += count;
	for (size_t i = 0; i < count; i++)
		lists->names_size += strlen(name_of(nodes[i])) + 1;
}

static char *put_nodes(Rpc__Node *const *nodes, size_t count, int64_t *ids, char *names)
{
	for (size_t i = 0; i < count; i++) {
		ids[i] = nodes[i]->id;
		names = stpcpy(names, name_of(nodes[i])) + 1;
	}
	return names;
}

static int list_nodes(struct node_lists *lists, const Rpc__RunTensorflow *request)
{
	measure_nodes(lists, request->in_nodes, request->n_in_nodes);
	measure_nodes(lists, request->out_nodes, request->n_out_nodes);
	lists->ids = calloc(lists->count + 1, sizeof(*lists->ids));
	lists->names = malloc(lists->names_size + 1);
	if (!lists->ids || !lists->names)
		return VACCEL_ENOMEM;
	char *names = put_nodes(request->in_nodes, request->n_in_nodes, lists->ids, lists->names);
	put_nodes(request->out_nodes, request->n_out_nodes, lists->ids + request->n_in_nodes,
		  names);
	return 0;
}

static int run_model(struct rpc_call *call, struct rpc_model_run *run,
		     const Rpc__RunTensorflow *request)
{
	cleanup(release_nodes) struct node_lists nodes = {NULL};
	if (request->n_in_nodes != request->n_in_tensors)
		return VACCEL_EINVAL;
	int result = list_nodes(&nodes, request);
	if (result)
		return result;
	run->more[0] = (struct vaccel_arg){.buf = nodes.ids,
					   .size = nodes.count * sizeof(*nodes.ids),
					   .type = VACCEL_ARG_INT64_ARRAY};
	run->more[1] = (struct vaccel_arg){
	    .buf = nodes.names, .size = nodes.names_size, .type = VACCEL_ARG_BUFFER};
	return rpc_model_run(call, run);
}

void rpc_serve_tf_run(struct rpc_call *call)
{
	const Rpc__RunTensorflow *request = (const Rpc__RunTensorflow *)call->request;
	struct engine_answer engine;
	cleanup(rpc_model_run_release) struct rpc_model_run run = {
	    .op = VACCEL_OP_TF_MODEL_RUN,
	    .kind = &tensor_kind_tf,
	    .options = request->run_options,
	    .more_count = 2,
	    .inputs = request->in_tensors,
	    .input_count = request->n_in_tensors,
	    .output_count = request->n_out_nodes,
	    .result_count = RESULTS,
	};
	describe_results(&engine, run.results);
	memcpy(run.result_flags, result_flags, sizeof(result_flags));
	mayfly_op_set_reason("");
	int result = run_model(call, &run, request);
	result = read_results(&engine, result, &run.results[MESSAGE]);
	if (!result)
		result = rpc_model_run_take_outputs(&run);
	if (result) {
		fail(call, result, &engine);
		return;
	}
	Rpc__OpStatus status;
	make_status(&status, &engine);
	Rpc__ModelRan answer = RPC__MODEL_RAN__INIT;
	answer.out_tensors = run.outputs;
	answer.n_out_tensors = run.output_count;
	answer.status = &status;
	rpc_answer(&call->reply, &answer.base);
}
