/* Runs of models: a client's tensors into arguments of the worker's op, and its answers back. */
#ifndef MAYFLY_ACCELD_RPC_MODEL_RUN_H
#define MAYFLY_ACCELD_RPC_MODEL_RUN_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.pb-c.h"
#include "vaccel/arg.h"

struct rpc_call;
struct tensor_kind;

#define RPC_RUN_MORE	2
#define RPC_RUN_RESULTS 3

/* As struct model_run of accel/models/run.h; what is pointed to is the caller's. */
struct rpc_model_run {
	uint16_t op;
	const struct tensor_kind *kind;
	ProtobufCBinaryData options;
	struct vaccel_arg more[RPC_RUN_MORE]; /* inputs between options and tensors */
	size_t more_count;
	struct vaccel_arg results[RPC_RUN_RESULTS]; /* outputs before the tensors */
	uint32_t result_flags[RPC_RUN_RESULTS];
	size_t result_count;
	Rpc__Tensor **inputs;
	size_t input_count;
	uint64_t output_count; /* as the client says */

	/* Made by the run, and released by rpc_model_run_release(). */
	struct vaccel_arg *grown; /* two for each output */
	Rpc__Tensor *tensors, **outputs;
};

/* Runs the model that the call names. 0, and the outputs, of which there are output_count, can be
 * answered, unless a result says that there are none; or a VACCEL_E… code. */
int rpc_model_run(struct rpc_call *call, struct rpc_model_run *run);

/* Makes the outputs of what the run has given. 0 or VACCEL_EREMOTEIO. */
int rpc_model_run_take_outputs(struct rpc_model_run *run);

void rpc_model_run_release(struct rpc_model_run *run);

/* An op that takes the call's model alone. */
int rpc_model_call(struct rpc_call *call, uint16_t op, struct vaccel_arg *results,
		   size_t result_count, const uint32_t *result_flags);

#endif
