/* A guest that sends models of its own, made to do harm: each ends in an error of its own op, and
 * mayfly-acceld serves on. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "check.h"
#include "confine/sanitizers.h"
#include "host.h"
#include "mayfly/results.h"
#include "onnx/cache.h"
#include "onnx/tiny_model.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/file.h"
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

/* Runs the model. The first result's bytes go to `result` (NULL:
 * nowhere), which must be as many. */
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

/* A call of the model with one number, whose type `shape` names as the tensor's. */
static struct tensor_call call_with_number(struct peer *peer, int64_t session,
					   const struct tiny_model *model, const int64_t shape[2],
					   const void *number)
{
	const bool is_integer = shape[0] == VACCEL_TORCH_LONG;
	return (struct tensor_call){
	    .session = session,
	    .model = register_model(peer, session, model),
	    .shape = shape,
	    .shape_count = 2,
	    .type = is_integer ? VACCEL_ARG_INT64_ARRAY : VACCEL_ARG_FLOAT32_ARRAY,
	    .data = number,
	    .size = is_integer ? sizeof(int64_t) : sizeof(float),
	    .outputs = 1,
	};
}

static void test_broken_models(struct peer *peer, int64_t session)
{
	struct tiny_model good, model;
	tiny_model_circle(&model);
	const int64_t shape[] = {VACCEL_TORCH_FLOAT, 1};
	const float one = 1;
	struct tensor_call call = call_with_number(peer, session, &model, shape, &one);
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
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
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
	struct tensor_call call = call_with_number(peer, session, &model, shape, &count);
	float zeros[10];
	count = 10;
	CHECK_NUMBER(run(peer, &call, zeros, sizeof(zeros)), 0);
	static const int64_t counts[] = {1LL << 29, 1LL << 38, 1LL << 60, INT64_MAX, -1, INT64_MIN};
	/* A sanitizer's operator new ends the process where it should throw. */
	for (size_t i = CONFINE_SANITIZED ? 4 : 0; i < ARRAY_SIZE(counts); i++) {
		count = counts[i];
		CHECK(run(peer, &call, NULL, 0) > 0);
	}
	/* Beyond the window. */
	count = PEER_WINDOW_SIZE / 4;
	CHECK_NUMBER(run(peer, &call, NULL, 0), VACCEL_ENOSPC);
	char reason[256];
	wire_read_reason(peer->window, PEER_WINDOW_SIZE, reason, sizeof(reason));
	CHECK(strstr(reason, "and may have 1048576"));
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
}

static void test_endless(struct peer *peer, int64_t session)
{
	static const int64_t shape[] = {VACCEL_TORCH_FLOAT, 1};
	static const float one = 1;
	struct tiny_model model;
	tiny_model_endless(&model);
	struct tensor_call call = call_with_number(peer, session, &model, shape, &one);
	call.limit_ns = 200000000;
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
		/* Whatever the message did, the connection is still there. */
		CHECK(result >= 0 || result == -EBADMSG || result == -ENOMEM);
	}
	scribbler.stop = true;
	pthread_join(thread, NULL);
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
}

/* A model from a file beside this test, with one number. Returns the status. */
static int run_file(struct peer *peer, int64_t session, const char *name, uint64_t limit_ns,
		    char *reason, size_t size)
{
	static const int64_t shape[] = {VACCEL_TORCH_FLOAT, 1};
	static const float one = 1;
	char path[PATH_MAX];
	uint8_t *content = NULL;
	size_t length = 0;
	snprintf(path, sizeof(path), "%s/%s", getenv("MODELS"), name);
	CHECK_NUMBER(file_read(path, 1 << 20, &content, &length, NULL), 0);
	struct tensor_call call = {.session = session,
				   .shape = shape,
				   .shape_count = 2,
				   .type = VACCEL_ARG_FLOAT32_ARRAY,
				   .data = &one,
				   .size = sizeof(one),
				   .outputs = 1,
				   .limit_ns = limit_ns};
	call.model =
	    peer_register_blob(peer, session, VACCEL_RESOURCE_MODEL, "m.onnx", content, length);
	free(content);
	CHECK(call.model > 0);
	int status = run(peer, &call, NULL, 0);
	peer_reason(peer, reason, size);
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
	return status;
}

/* It names a file of the host in a way that a check before the engine's own took for nothing. */
static void test_reading(struct peer *peer, int64_t session)
{
	char reason[MAYFLY_REASON_SIZE];
	CHECK(run_file(peer, session, "read.onnx", 0, reason, sizeof(reason)) > 0);
	CHECK(strstr(reason, "Operation not permitted"));
}

/* The engine follows a wild pointer. */
static void test_crashing(struct peer *peer, int64_t session)
{
	char reason[MAYFLY_REASON_SIZE];
	CHECK_NUMBER(run_file(peer, session, "crash.onnx", 0, reason, sizeof(reason)),
		     VACCEL_EBACKEND);
	CHECK_TEXT(reason, "the model crashed the worker that ran it (Segmentation fault)");
}

/* Hundreds of thousands of boxes, each compared with each, by an operator that does not look up. */
static void test_deaf(struct peer *peer, int64_t session)
{
	char reason[MAYFLY_REASON_SIZE];
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(
	    run_file(peer, session, "endless.onnx", NANOSECONDS_PER_SECOND, reason, sizeof(reason)),
	    VACCEL_EAGAIN);
	CHECK(strstr(reason, "deadline"));
	CHECK(clock_now_ns() - start_ns < 10 * NANOSECONDS_PER_SECOND);
}

/* Registers the bytes of a .tflite model, and runs it on a sound; the score, or -1. */
static int hear(struct peer *peer, int64_t session, const uint8_t *bytes, size_t length)
{
	const int64_t shape[] = {VACCEL_TORCH_CHAR, 1, 3, 40};
	int8_t sound[120];
	uint8_t score = 0;
	memset(sound, -128, sizeof(sound));
	struct tensor_call call = {
	    .session = session,
	    .model =
		peer_register_blob(peer, session, VACCEL_RESOURCE_MODEL, "m.tflite", bytes, length),
	    .shape = shape,
	    .shape_count = ARRAY_SIZE(shape),
	    .type = VACCEL_ARG_INT8_ARRAY,
	    .data = sound,
	    .size = sizeof(sound),
	    .outputs = 1,
	};
	if (!CHECK(call.model > 0))
		return -1;
	int result = run(peer, &call, &score, sizeof(score));
	CHECK_NUMBER(peer_unregister(peer, session, call.model), 0);
	return result ? -1 : score;
}

/* A model for TensorFlow Lite, as it is and with bytes that are something else. What comes of those,
 * errors, other scores, or the end of the process that runs them, is nobody else's. */
static void test_tflite(struct peer *peer, int64_t session)
{
	char path[PATH_MAX];
	uint8_t *bytes = NULL;
	size_t length;
	enum { SCORE = 9, CHANGES = 12 }; /* as tests/onnx/tensorflow_answers.h has it */
	CHECK_NUMBER(paths_cache(path, sizeof(path), "tflite/hey_mycroft.tflite", NULL), 0);
	if (!CHECK_NUMBER(file_read(path, 1 << 20, &bytes, &length, NULL), 0))
		return;
	CHECK_NUMBER(hear(peer, session, bytes, length), SCORE);
	for (size_t i = 0; i < CHANGES; i++) {
		uint8_t *changed = &bytes[(i * 2654435761u + 8) % length];
		const uint8_t before = *changed;
		*changed ^= (uint8_t)(1u << i % 8) | 0x80;
		hear(peer, session, bytes, length);
		*changed = before;
	}
	CHECK_NUMBER(hear(peer, session, bytes, length), SCORE);
	free(bytes);
}

int main(void)
{
	static const char *const arguments[] = {"--memory=1G", NULL};
	CHECK(!chdir("/")); /* what names a file, names it from there */
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	cache_require("tflite/libtensorflowlite_c.so");
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
		test_tflite(&peer, session);
		if (!CONFINE_SANITIZED) {
			test_reading(&peer, session);
			test_crashing(&peer, session);
		}
		test_deaf(&peer, session);
		CHECK_NUMBER(host_worker(host.pid), worker);
		CHECK_NUMBER(peer_noop(&peer, session), 0);
		peer_close(&peer);
	}
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return check_status();
}
