/* Models by vAccel's RPC protocol: one that the client sends, run in each of the three ways on ONNX
 * Runtime; and runs that cannot be, which have an error each. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../host.h"
#include "check.h"
#include "onnx/cache.h"
#include "onnx/tiny_model.h"
#include "peer.h"
#include "util/budget.h"
#include "vaccel/error.h"
#include "vaccel/ops/tf.h"
#include "vaccel/ops/tflite.h"
#include "vaccel/ops/torch.h"

#define MEMORY	 (32UL << 20)
#define ELEMENTS 4

static struct budget memory;
static const struct rpc_limits limits = {
    .frame_max = 4 << 20, .requests_max = 8, .memory = &memory};

static const float numbers[ELEMENTS] = {1.5F, -2, 0, 1e6F};
static int64_t dimension = ELEMENTS;

/* What a run is asked with; `fields` of it are changed by each of the bad ones. */
struct run {
	int64_t session, model;
	Rpc__Tensor tensor;
	size_t tensors, in_nodes;
	uint64_t outputs;
	const char *out_name;
};

static struct run good_run(int64_t session, int64_t model, uint32_t type)
{
	struct run run = {
	    .session = session,
	    .model = model,
	    .tensor = RPC__TENSOR__INIT,
	    .tensors = 1,
	    .in_nodes = 1,
	    .outputs = 1,
	    .out_name = "y",
	};
	run.tensor.has_data = run.tensor.has_type = true;
	run.tensor.data = (ProtobufCBinaryData){.data = (uint8_t *)numbers, .len = sizeof(numbers)};
	run.tensor.dims = &dimension;
	run.tensor.n_dims = 1;
	run.tensor.type = type;
	return run;
}

static Rpc__ModelRan *run_tensorflow(struct rpc_peer *peer, struct run *run, int *code)
{
	Rpc__Node in = RPC__NODE__INIT, out = in;
	Rpc__Node *ins[] = {&in, &in}, *outs[] = {&out};
	Rpc__Tensor *tensors[] = {&run->tensor, &run->tensor};
	Rpc__RunTensorflow request = RPC__RUN_TENSORFLOW__INIT;
	in.name = "x";
	out.name = (char *)run->out_name;
	request.has_session_id = request.has_resource_id = true;
	request.session_id = run->session;
	request.resource_id = run->model;
	request.in_nodes = ins;
	request.n_in_nodes = run->in_nodes;
	request.out_nodes = outs;
	request.n_out_nodes = run->outputs;
	request.in_tensors = tensors;
	request.n_in_tensors = run->tensors;
	return rpc_peer_call(peer, "TensorflowModelRun", &request.base, &rpc__model_ran__descriptor,
			     code);
}

static Rpc__ModelRan *run_tflite(struct rpc_peer *peer, struct run *run, int *code)
{
	Rpc__Tensor *tensors[] = {&run->tensor, &run->tensor};
	Rpc__RunTensorflowLite request = RPC__RUN_TENSORFLOW_LITE__INIT;
	request.has_session_id = request.has_resource_id = request.has_out_tensor_count = true;
	request.session_id = run->session;
	request.resource_id = run->model;
	request.in_tensors = tensors;
	request.n_in_tensors = run->tensors;
	request.out_tensor_count = run->outputs;
	return rpc_peer_call(peer, "TensorflowLiteModelRun", &request.base,
			     &rpc__model_ran__descriptor, code);
}

static Rpc__ModelRan *run_torch(struct rpc_peer *peer, struct run *run, int *code)
{
	Rpc__Tensor *tensors[] = {&run->tensor, &run->tensor};
	Rpc__RunTorch request = RPC__RUN_TORCH__INIT;
	request.has_session_id = request.has_resource_id = request.has_out_tensor_count = true;
	request.session_id = run->session;
	request.resource_id = run->model;
	request.in_tensors = tensors;
	request.n_in_tensors = run->tensors;
	request.out_tensor_count = run->outputs;
	return rpc_peer_call(peer, "TorchModelRun", &request.base, &rpc__model_ran__descriptor,
			     code);
}

static const struct way {
	const char *load, *unload;
	uint32_t float_type;
	Rpc__ModelRan *(*run)(struct rpc_peer *peer, struct run *run, int *code);
} ways[] = {
    {"TensorflowModelLoad", "TensorflowModelUnload", VACCEL_TF_FLOAT, run_tensorflow},
    {"TensorflowLiteModelLoad", "TensorflowLiteModelUnload", VACCEL_TFLITE_FLOAT32, run_tflite},
    {"TorchModelLoad", NULL, VACCEL_TORCH_FLOAT, run_torch},
};

static int use(struct rpc_peer *peer, const char *method, int64_t session, int64_t model)
{
	Rpc__UseModel request = RPC__USE_MODEL__INIT;
	request.has_session_id = request.has_resource_id = true;
	request.session_id = session;
	request.resource_id = model;
	return rpc_peer_try(peer, method, &request.base);
}

static void check_doubled(const Rpc__ModelRan *answer, uint32_t type)
{
	if (!CHECK_NUMBER(answer->n_out_tensors, 1))
		return;
	const Rpc__Tensor *tensor = answer->out_tensors[0];
	CHECK_NUMBER(tensor->type, type);
	if (CHECK_NUMBER(tensor->n_dims, 1))
		CHECK_NUMBER(tensor->dims[0], ELEMENTS);
	float doubled[ELEMENTS];
	if (!CHECK_NUMBER(tensor->data.len, sizeof(doubled)))
		return;
	memcpy(doubled, tensor->data.data, sizeof(doubled));
	for (size_t i = 0; i < ELEMENTS; i++)
		CHECK(doubled[i] == 2 * numbers[i]);
}

static int code_of_run(struct rpc_peer *peer, const struct way *way, struct run run)
{
	int code;
	Rpc__ModelRan *answer = way->run(peer, &run, &code);
	if (answer)
		rpc__model_ran__free_unpacked(answer, NULL);
	return code;
}

static void test_bad_runs(struct rpc_peer *peer, const struct way *way, int64_t session,
			  int64_t model)
{
	static int64_t many[17];
	struct run run = good_run(session, model, way->float_type);
	run.tensor.dims = many;
	run.tensor.n_dims = 17;
	CHECK_NUMBER(code_of_run(peer, way, run), VACCEL_EINVAL);
	static const uint32_t types[] = {99, 1000, UINT32_MAX};
	for (size_t i = 0; i < 3; i++)
		CHECK_NUMBER(code_of_run(peer, way, good_run(session, model, types[i])),
			     VACCEL_EINVAL);
	run = good_run(session, model, way->float_type);
	run.tensor.data.len = 7; /* not whole numbers */
	CHECK_NUMBER(code_of_run(peer, way, run), VACCEL_EINVAL);
	run.tensor.data.len = 8; /* not as many as the shape says */
	CHECK_NUMBER(code_of_run(peer, way, run), VACCEL_EINVAL);
	static int64_t absurd[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX};
	for (size_t i = 0; i < 3; i++) {
		run = good_run(session, model, way->float_type);
		run.tensor.dims = &absurd[i];
		run.tensor.n_dims = i == 2 ? 2 : 1;
		CHECK_NUMBER(code_of_run(peer, way, run), VACCEL_EINVAL);
	}
	run = good_run(session, model, way->float_type);
	run.tensors = 0;
	CHECK(code_of_run(peer, way, run) > 0);
	run.tensors = 2;
	CHECK(code_of_run(peer, way, run) > 0);
	if (way->run != run_tensorflow) {
		static const uint64_t counts[] = {509, 1 << 20, UINT64_MAX, UINT64_MAX / 2 + 1};
		for (size_t i = 0; i < 4; i++) {
			run = good_run(session, model, way->float_type);
			run.outputs = counts[i];
			CHECK_NUMBER(code_of_run(peer, way, run), VACCEL_ERANGE);
		}
	} else {
		run = good_run(session, model, way->float_type);
		run.in_nodes = 2;
		CHECK_NUMBER(code_of_run(peer, way, run), VACCEL_EINVAL);
		run = good_run(session, model, way->float_type);
		run.out_name = "nothing";
		CHECK(code_of_run(peer, way, run) > 0);
	}
	CHECK_NUMBER(code_of_run(peer, way, good_run(session, model, way->float_type)), 0);
}

static void test_way(struct rpc_peer *peer, const struct way *way)
{
	struct tiny_model tiny;
	tiny_model_double(&tiny, ELEMENTS);
	int64_t session = rpc_peer_session(peer), other = rpc_peer_session(peer);
	int64_t model = rpc_peer_resource(peer, session, 2, "double.onnx", tiny.bytes, tiny.length);
	int code;
	if (!CHECK(session > 0 && other > 0 && model > 0))
		return;
	CHECK_NUMBER(use(peer, way->load, session, model), 0);
	struct run run = good_run(session, model, way->float_type);
	Rpc__ModelRan *answer = way->run(peer, &run, &code);
	if (CHECK_NUMBER(code, 0) && answer) {
		check_doubled(answer, way->float_type);
		rpc__model_ran__free_unpacked(answer, NULL);
	}
	/* Not a session's that has not registered it. */
	CHECK_NUMBER(use(peer, way->load, other, model), VACCEL_EPERM);
	CHECK_NUMBER(code_of_run(peer, way, good_run(other, model, way->float_type)), VACCEL_EPERM);
	test_bad_runs(peer, way, session, model);
	if (way->unload)
		CHECK_NUMBER(use(peer, way->unload, session, model), 0);
	/* No model at all. */
	int64_t nonsense = rpc_peer_resource(peer, other, 2, "nonsense.onnx", "nonsense", 8);
	CHECK(!nonsense || use(peer, way->load, other, nonsense) > 0);
}

int main(void)
{
	struct host host;
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	budget_init(&memory, MEMORY);
	if (!CHECK(!host_start(&host, getenv("ONNX_PLUGIN"), NULL)))
		return check_status();
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct rpc_peer peer;
		if (!CHECK(!rpc_peer_open(&peer, host.socket, &limits)))
			break;
		test_way(&peer, &ways[i]);
		rpc_peer_close(&peer);
	}
	CHECK_NUMBER(atomic_load(&memory.left), MEMORY);
	host_stop(&host, SIGTERM);
	return check_status();
}
