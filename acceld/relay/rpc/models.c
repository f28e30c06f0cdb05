/* Models of TensorFlow Lite and PyTorch: loading, running, unloading. TensorFlow's, which have nodes
 * and a status that speaks, are in tensorflow.c. */
#include "accel/models/kind.h"
#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/model_run.h"
#include "util/cleanup.h"
#include "vaccel/op.h"

static void serve_op(struct rpc_call *call, uint16_t op)
{
	int result = rpc_model_call(call, op, NULL, 0, NULL);
	if (result)
		rpc_fail(&call->reply, result);
	else
		rpc_answer(&call->reply, NULL);
}

void rpc_serve_tflite_load(struct rpc_call *call)
{
	serve_op(call, VACCEL_OP_TFLITE_MODEL_LOAD);
}

void rpc_serve_tflite_unload(struct rpc_call *call)
{
	serve_op(call, VACCEL_OP_TFLITE_MODEL_UNLOAD);
}

void rpc_serve_torch_load(struct rpc_call *call)
{
	serve_op(call, VACCEL_OP_TORCH_MODEL_LOAD);
}

static void answer_run(const struct rpc_call *call, struct rpc_model_run *run, int result,
		       Rpc__OpStatus *status)
{
	if (!result)
		result = rpc_model_run_take_outputs(run);
	if (result) {
		rpc_fail(&call->reply, result);
		return;
	}
	Rpc__ModelRan answer = RPC__MODEL_RAN__INIT;
	answer.out_tensors = run->outputs;
	answer.n_out_tensors = run->output_count;
	answer.status = status;
	rpc_answer(&call->reply, &answer.base);
}

void rpc_serve_tflite_run(struct rpc_call *call)
{
	const Rpc__RunTensorflowLite *request = (const Rpc__RunTensorflowLite *)call->request;
	enum { RESULT, STATUS, RESULTS };
	uint32_t results[RESULTS] = {0}; /* the plugin's, the engine's */
	cleanup(rpc_model_run_release) struct rpc_model_run run = {
	    .op = VACCEL_OP_TFLITE_MODEL_RUN,
	    .kind = &tensor_kind_tflite,
	    .inputs = request->in_tensors,
	    .input_count = request->n_in_tensors,
	    .output_count = request->out_tensor_count,
	    .result_count = RESULTS,
	};
	for (size_t i = 0; i < RESULTS; i++)
		run.results[i] = (struct vaccel_arg){
		    .buf = &results[i], .size = sizeof(results[i]), .type = VACCEL_ARG_UINT32};
	int result = rpc_model_run(call, &run);
	if (!result)
		result = (int)results[RESULT];
	Rpc__OpStatus status = RPC__OP_STATUS__INIT;
	rpc_set(&status, code, results[STATUS]);
	answer_run(call, &run, result, &status);
}

void rpc_serve_torch_run(struct rpc_call *call)
{
	const Rpc__RunTorch *request = (const Rpc__RunTorch *)call->request;
	cleanup(rpc_model_run_release) struct rpc_model_run run = {
	    .op = VACCEL_OP_TORCH_MODEL_RUN,
	    .kind = &tensor_kind_torch,
	    .options = request->run_options,
	    .inputs = request->in_tensors,
	    .input_count = request->n_in_tensors,
	    .output_count = request->out_tensor_count,
	};
	answer_run(call, &run, rpc_model_run(call, &run), NULL);
}
