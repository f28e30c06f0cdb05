/* Plugins that crash, hang and answer nonsense, sizes that cannot be among it: callers get a clear
 * error in time, and the next one is served. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "host.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "nonsense.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "vaccel.h"

#define TEXT_SIZE 64

static int ask(struct peer *peer, const char *word, char *text)
{
	return peer_detect(peer, 1, word, strlen(word), text, TEXT_SIZE);
}

static bool open_peer(struct peer *peer, const struct host *host)
{
	if (!CHECK(!peer_open(peer, host->socket)))
		return false;
	if (CHECK_NUMBER(peer_session_init(peer, 0), 1))
		return true;
	peer_close(peer);
	return false;
}

/* An op that takes as long as the plugin lives. */
static void *wait_in_op(void *context)
{
	struct peer *peer = context;
	CHECK_NUMBER(peer_noop(peer, 1), -ECONNRESET);
	return NULL;
}

/* Takes all ops of the host with it: whoever waits is told at once. The host is there. */
static void test_crash(const struct host *host)
{
	struct peer peer, other;
	char text[TEXT_SIZE];
	if (!open_peer(&peer, host))
		return;
	pid_t worker = host_worker(host->pid);
	pthread_t waiting;
	bool opened = open_peer(&other, host);
	bool started = opened && CHECK(!pthread_create(&waiting, NULL, wait_in_op, &other));
	CHECK(host_has_noop(host->socket));
	CHECK_NUMBER(ask(&peer, "crash", text), -ECONNRESET);
	if (started)
		pthread_join(waiting, NULL);
	if (opened)
		peer_close(&other);
	CHECK_NUMBER(ask(&peer, "no end", text), -ENOTCONN);
	peer_close(&peer);
	/* The next one serves. */
	if (open_peer(&peer, host)) {
		CHECK_NUMBER(peer_classify(&peer, 1, text, sizeof(text)), 0);
		peer_close(&peer);
	}
	CHECK(host_worker(host->pid) != worker);
}

static void test_hang(const struct host *host)
{
	struct peer peer, other;
	char text[TEXT_SIZE];
	if (!open_peer(&peer, host))
		return;
	uint64_t start_ns = clock_now_ns();
	peer.deadline_ns = start_ns + 100000000;
	CHECK_NUMBER(ask(&peer, "hang", text), -ETIMEDOUT);
	CHECK(clock_now_ns() - start_ns >= 100000000);
	/* Others are served meanwhile. */
	if (open_peer(&other, host)) {
		CHECK_NUMBER(peer_classify(&other, 1, text, sizeof(text)), 0);
		peer_close(&other);
	}
	peer_close(&peer);
}

static void test_nonsense(const struct host *host)
{
	struct peer peer;
	char text[TEXT_SIZE] = "";
	if (!open_peer(&peer, host))
		return;
	/* A text without its end, and a status that is none: the caller's to make sense of, within
	 * the bounds that it gave. */
	CHECK_NUMBER(ask(&peer, "no end", text), 0);
	CHECK(memchr(text, 'x', sizeof(text)));
	CHECK(ask(&peer, "no code", text) != 0);
	CHECK_NUMBER(peer_classify(&peer, 1, text, sizeof(text)), 0);
	CHECK_TEXT(text, "0 models, 0 bytes");
	peer_close(&peer);
}

/* The status; the data of the answer, where there is one, goes to `data` of `size` bytes;
 * without `data` none is wanted. */
static int ask_tensor(struct peer *peer, int64_t model, uint8_t kind, void *data, size_t size)
{
	static const int64_t shape[] = {VACCEL_TORCH_FLOAT, 1};
	static const float one = 1;
	const uint32_t flags[] = {WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS};
	struct vaccel_arg inputs[] = {
	    {.buf = &model, .size = sizeof(model), .type = VACCEL_ARG_INT64},
	    {.buf = &kind, .size = sizeof(kind), .type = VACCEL_ARG_BUFFER},
	    {.buf = (void *)shape, .size = sizeof(shape), .type = VACCEL_ARG_INT64_ARRAY},
	    {.buf = (void *)&one, .size = sizeof(one), .type = VACCEL_ARG_FLOAT32_ARRAY},
	};
	struct vaccel_arg outputs[] = {{.type = VACCEL_ARG_INT64_ARRAY},
				       {.type = VACCEL_ARG_UINT8_ARRAY}};
	struct accel_call call = {.op = VACCEL_OP_TORCH_MODEL_RUN,
				  .session = 1,
				  .inputs = inputs,
				  .input_count = 4,
				  .outputs = outputs,
				  .output_count = 2,
				  .output_flags = flags};
	int status = peer_call(peer, &call);
	if (!status && CHECK_NUMBER(outputs[1].size, size) && data)
		memcpy(data, outputs[1].buf, size);
	free(outputs[0].buf);
	free(outputs[1].buf);
	return status;
}

static void test_tensors(const struct host *host)
{
	struct peer peer;
	float data[4] = {0};
	if (!open_peer(&peer, host))
		return;
	int64_t model = peer_register_blob(&peer, 1, VACCEL_RESOURCE_MODEL, "any", "model", 5);
	for (int kind = TENSOR_SOUND + 1; kind < TENSOR_COUNT; kind++) {
		int wanted = kind == TENSOR_OF_A_TERABYTE ? VACCEL_ENOSPC : VACCEL_EBACKEND;
		if (!CHECK_NUMBER(ask_tensor(&peer, model, (uint8_t)kind, NULL, 0), wanted))
			fprintf(stderr, "  tensor %d\n", kind);
	}
	CHECK_NUMBER(ask_tensor(&peer, model, TENSOR_SOUND, data, sizeof(data)), 0);
	CHECK(data[0] == 1 && data[3] == 4);
	peer_close(&peer);
}

static int ask_results(struct peer *peer, uint16_t op, uint8_t kind)
{
	struct mayfly_object objects[4];
	uint64_t count;
	uint32_t width, height;
	struct vaccel_arg image = {.buf = &kind, .size = sizeof(kind), .type = VACCEL_ARG_BUFFER};
	bool mask = op == WIRE_OP_SEGMENT_MASK;
	struct vaccel_arg outputs[] = {
	    {.buf = objects, .size = sizeof(objects), .type = VACCEL_ARG_BUFFER},
	    {.buf = mask ? (void *)&width : &count,
	     .size = mask ? sizeof(width) : sizeof(count),
	     .type = mask ? VACCEL_ARG_UINT32 : VACCEL_ARG_UINT64},
	    {.buf = &height, .size = sizeof(height), .type = VACCEL_ARG_UINT32}};
	struct accel_call call = {.op = op,
				  .session = 1,
				  .inputs = &image,
				  .input_count = 1,
				  .outputs = outputs,
				  .output_count = mask ? 3 : 2};
	return peer_call(peer, &call);
}

static void test_results(const struct host *host)
{
	static const uint16_t ops[] = {WIRE_OP_DETECT_OBJECTS, WIRE_OP_SEGMENT_MASK};
	struct peer peer;
	if (!open_peer(&peer, host))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (int kind = RESULT_SOUND + 1; kind < RESULT_COUNT; kind++)
			CHECK_NUMBER(ask_results(&peer, ops[i], (uint8_t)kind), VACCEL_EBACKEND);
		CHECK_NUMBER(ask_results(&peer, ops[i], RESULT_SOUND), 0);
	}
	peer_close(&peer);
}

int main(void)
{
	struct host host;
	if (CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL))) {
		test_crash(&host);
		test_nonsense(&host);
		test_tensors(&host);
		test_results(&host);
		test_hang(&host);
		int status = host_stop(&host, SIGTERM);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	return check_status();
}
