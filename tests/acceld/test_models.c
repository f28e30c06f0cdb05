/* A guest that sends models of its own, made to do harm: each ends in an error of its own op, and
 * mayfly-acceld serves on. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "accel/wire.h"
#include "check.h"
#include "confine/sanitizers.h"
#include "host.h"
#include "onnx/cache.h"
#include "onnx/tiny_model.h"
#include "util/clock.h"
#include "vaccel.h"
#include "vaccel/ops/torch.h"

#define SORTED 100000

static int64_t register_model(struct peer *peer, int64_t session, const struct tiny_model *model)
{
	return peer_register_blob(peer, session, VACCEL_RESOURCE_MODEL, "m.onnx", model->bytes,
				  model->length);
}

struct tensor_call {
	int64_t session, model;
	const int64_t *shape; /* data type, dimensions */
	size_t shape_count;
	vaccel_arg_type_t type;
	const void *data;
	size_t size;
	size_t outputs; /* tensors */
	uint64_t limit_ns;
};

/* Runs the model. The first result's bytes go to `result` (NULL: nowhere), which must be as many.
 */
static int run(struct peer *peer, const struct tensor_call *call, void *result, size_t size)
{
	int64_t model = call->model;
	struct vaccel_arg inputs[] = {
	    {.buf = &model, .size = sizeof(model), .type = VACCEL_ARG_INT64},
	    {.type = VACCEL_ARG_BUFFER},
	    {.buf = (void *)call->shape,
	     .size = call->shape_count * sizeof(int64_t),
	     .type = VACCEL_ARG_INT64_ARRAY},
	    {.buf = (void *)call->data, .size = call->size, .type = call->type},
	};
	struct vaccel_arg outputs[60] = {0};
	uint32_t flags[60];
	size_t count = 2 * call->outputs;
	for (size_t i = 0; i < count; i++) {
		outputs[i].type = i % 2 ? VACCEL_ARG_UINT8_ARRAY : VACCEL_ARG_INT64_ARRAY;
		flags[i] = WIRE_ARGUMENT_GROWS;
	}
	struct accel_call message = {
	    .op = VACCEL_OP_TORCH_MODEL_RUN,
	    .session = call->session,
	    .inputs = inputs,
	    .input_count = 4,
	    .outputs = outputs,
	    .output_count = count,
	    .output_flags = flags,
	    .deadline_ns = call->limit_ns,
	};
	int status = peer_call(peer, &message);
	if (!status && result && CHECK_NUMBER(outputs[1].size, size))
		memcpy(result, outputs[1].buf, size);
	for (size_t i = 0; !status && i < count; i++)
		free(outputs[i].buf);
	return status;
}

static void test_broken_models(struct peer *peer, int64_t session)
{
	struct tiny_model good, model;
	tiny_model_circle(&model);
	const int64_t shape[] = {VACCEL_TORCH_FLOAT, 1};
	const float one = 1;
	struct tensor_call call = {.session = session,
				   .model = register_model(peer, session, &model),
				   .shape = shape,
				   .shape_count = 2,
				   .type = VACCEL_ARG_FLOAT32_ARRAY,
				   .data = &one,
				   .size = sizeof(one),
				   .outputs = 1};
	CHECK(call.model > 0);
	CHECK(run(peer, &call, NULL, 0) > 0);
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
	/* One bit after the other. */
	tiny_model_double(&good, 1);
	for (size_t bit = 0; bit < 8 * good.length; bit += 5) {
		model = good;
		model.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		call.model = register_model(peer, session, &model);
		int result = run(peer, &call, NULL, 0);
		CHECK(result >= 0);
		CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
	}
	for (size_t length = 1; length < good.length; length += 3) {
		model = good;
		model.length = length;
		call.model = register_model(peer, session, &model);
		CHECK(run(peer, &call, NULL, 0) > 0);
		CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
	}
}

static void test_absurd_shapes(struct peer *peer, int64_t session)
{
	static const struct {
		int64_t shape[20];
		size_t count;
	} cases[] = {
	    {{VACCEL_TORCH_FLOAT, -1}, 2},
	    {{VACCEL_TORCH_FLOAT, INT64_MAX}, 2},
	    {{VACCEL_TORCH_FLOAT, INT64_MIN}, 2},
	    {{VACCEL_TORCH_FLOAT, 1LL << 32, 1LL << 32}, 3},
	    {{VACCEL_TORCH_FLOAT, 1LL << 62, 4}, 3},
	    {{VACCEL_TORCH_FLOAT, 0}, 2},
	    {{VACCEL_TORCH_FLOAT, 1}, 2},
	    {{VACCEL_TORCH_FLOAT, 5}, 2},
	    {{VACCEL_TORCH_FLOAT, 2, 2}, 3},
	    {{VACCEL_TORCH_FLOAT}, 1},
	    {{VACCEL_TORCH_FLOAT}, 20},
	    {{VACCEL_TORCH_LONG, 2}, 2},
	    {{INT64_MAX, 4}, 2},
	    {{-1, 4}, 2},
	};
	static const float data[4] = {1, 2, 3, 4};
	float doubled[4] = {0};
	struct tiny_model model;
	tiny_model_double(&model, 4);
	struct tensor_call call = {.session = session,
				   .model = register_model(peer, session, &model),
				   .type = VACCEL_ARG_FLOAT32_ARRAY,
				   .data = data,
				   .size = sizeof(data),
				   .outputs = 1};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		call.shape = cases[i].shape;
		call.shape_count = cases[i].count;
		CHECK_NUMBER(run(peer, &call, NULL, 0), VACCEL_EINVAL);
	}
	static const int64_t shape[] = {VACCEL_TORCH_FLOAT, 4};
	call.shape = shape;
	call.shape_count = 2;
	static const size_t outputs[] = {0, 2, 30};
	for (size_t i = 0; i < 3; i++) {
		call.outputs = outputs[i];
		CHECK_NUMBER(run(peer, &call, NULL, 0), VACCEL_EINVAL);
	}
	call.outputs = 1;
	CHECK_NUMBER(run(peer, &call, doubled, sizeof(doubled)), 0);
	CHECK(doubled[0] == 2 && doubled[3] == 8);
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
}

/* Memory without end, and without the machine noticing: --memory says how much. */
static void test_flood(struct peer *peer, int64_t session)
{
	static const int64_t shape[] = {VACCEL_TORCH_LONG, 1};
	int64_t count;
	struct tiny_model model;
	tiny_model_flood(&model);
	struct tensor_call call = {.session = session,
				   .model = register_model(peer, session, &model),
				   .shape = shape,
				   .shape_count = 2,
				   .type = VACCEL_ARG_INT64_ARRAY,
				   .data = &count,
				   .size = sizeof(count),
				   .outputs = 1};
	float zeros[10];
	count = 10;
	CHECK_NUMBER(run(peer, &call, zeros, sizeof(zeros)), 0);
	static const int64_t counts[] = {1LL << 29, 1LL << 38, 1LL << 60, INT64_MAX, -1, INT64_MIN};
	/* A sanitizer's operator new ends the process where it should throw. */
	for (size_t i = CONFINE_SANITIZED ? 4 : 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		count = counts[i];
		CHECK(run(peer, &call, NULL, 0) > 0);
	}
	/* Beyond the window. */
	count = PEER_WINDOW_SIZE / 4;
	CHECK_NUMBER(run(peer, &call, NULL, 0), VACCEL_ENOSPC);
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
}

static void test_endless(struct peer *peer, int64_t session)
{
	static const int64_t shape[] = {VACCEL_TORCH_FLOAT, 1};
	static const float one = 1;
	struct tiny_model model;
	tiny_model_endless(&model);
	struct tensor_call call = {.session = session,
				   .model = register_model(peer, session, &model),
				   .shape = shape,
				   .shape_count = 2,
				   .type = VACCEL_ARG_FLOAT32_ARRAY,
				   .data = &one,
				   .size = sizeof(one),
				   .outputs = 1,
				   .limit_ns = 200000000};
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(run(peer, &call, NULL, 0), VACCEL_EAGAIN);
	CHECK(clock_now_ns() - start_ns < 10 * NANOSECONDS_PER_SECOND);
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
}

struct scribbler {
	uint8_t *window;
	atomic_bool stop;
};

/* Writes into the message and its data while the host works on them: races are what it is for. */
__attribute__((no_sanitize("thread"))) static void *scribble(void *argument)
{
	struct scribbler *scribbler = argument;
	unsigned seed = 7;
	while (!scribbler->stop) {
		/* Descriptors now and then, the tensor always. */
		unsigned place = (unsigned)rand_r(&seed);
		size_t offset = place % 64 ? 1024 + place % (4 * SORTED) : place / 64 % 1024;
		((volatile uint8_t *)scribbler->window)[offset] = (uint8_t)rand_r(&seed);
	}
	return NULL;
}

/* A sort whose input changes while it runs would leave its array. */
static void test_scribbling(struct peer *peer, int64_t session)
{
	static const int64_t shape[] = {VACCEL_TORCH_FLOAT, SORTED};
	static float data[SORTED];
	for (int i = 0; i < SORTED; i++)
		data[i] = (float)(i * 7919LL % SORTED);
	struct tiny_model model;
	tiny_model_sort(&model, SORTED);
	struct tensor_call call = {.session = session,
				   .model = register_model(peer, session, &model),
				   .shape = shape,
				   .shape_count = 2,
				   .type = VACCEL_ARG_FLOAT32_ARRAY,
				   .data = data,
				   .size = sizeof(data),
				   .outputs = 1};
	static float sorted[SORTED];
	CHECK_NUMBER(run(peer, &call, sorted, sizeof(sorted)), 0);
	CHECK(sorted[0] == SORTED - 1 && sorted[SORTED - 1] == 0);
	struct scribbler scribbler = {.window = peer->window};
	pthread_t thread;
	if (!CHECK(!pthread_create(&thread, NULL, scribble, &scribbler)))
		return;
	for (int round = 0; round < 50; round++) {
		int result = run(peer, &call, NULL, 0);
		/* Whatever came of it, it came of the message: the connection is still there. */
		CHECK(result >= 0 || result == -EBADMSG || result == -ENOMEM);
	}
	scribbler.stop = true;
	pthread_join(thread, NULL);
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
}

int main(void)
{
	static const char *const arguments[] = {"--memory=1G", NULL};
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	struct host host;
	struct peer peer;
	if (!CHECK(!host_start(&host, getenv("ONNX_PLUGIN"), arguments)))
		return check_status();
	if (CHECK(!peer_open(&peer, host.socket))) {
		int64_t session = peer_session_init(&peer, 0);
		pid_t worker = host_worker(host.pid);
		test_broken_models(&peer, session);
		test_absurd_shapes(&peer, session);
		test_flood(&peer, session);
		test_endless(&peer, session);
		test_scribbling(&peer, session);
		CHECK_NUMBER(host_worker(host.pid), worker);
		CHECK_NUMBER(peer_noop(&peer, session), 0);
		peer_close(&peer);
	}
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return check_status();
}
