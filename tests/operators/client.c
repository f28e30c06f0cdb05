/* Clients of an accelerator host, for fuzz.py: one that runs the models that it is sent, and one
 * that asks for the objects in a photograph, again and again.
 *
 * usage: operator_client run SOCKET        cases at standard input, a line each at standard output
 *        operator_client detect SOCKET PHOTO   until standard input ends; then a line
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "acceld/host.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "vaccel.h"
#include "vaccel/ops/torch.h"

#define TENSORS_MAX 16
#define MILLISECOND 1000000ULL

/* Whoever waits so much longer than an op may take has found a host that hangs. */
#define PATIENCE_NS (20 * NANOSECONDS_PER_SECOND)

static const vaccel_arg_type_t argument_types[] = {
    [VACCEL_TORCH_BYTE] = VACCEL_ARG_UINT8_ARRAY,    [VACCEL_TORCH_CHAR] = VACCEL_ARG_INT8_ARRAY,
    [VACCEL_TORCH_SHORT] = VACCEL_ARG_INT16_ARRAY,   [VACCEL_TORCH_INT] = VACCEL_ARG_INT32_ARRAY,
    [VACCEL_TORCH_LONG] = VACCEL_ARG_INT64_ARRAY,    [VACCEL_TORCH_HALF] = VACCEL_ARG_UINT16_ARRAY,
    [VACCEL_TORCH_FLOAT] = VACCEL_ARG_FLOAT32_ARRAY,
};

/* What fuzz.py writes before a case, its model and its tensors. */
struct case_head {
	uint32_t limit_ms, outputs, model_bytes, tensors;
};

struct tensor {
	struct {
		uint32_t type, rank, bytes;
	} head;
	int64_t shape[64]; /* the type, then dimensions */
	void *data;
};

struct fuzz_case {
	struct case_head head;
	void *model;
	struct tensor tensors[TENSORS_MAX];
};

static bool read_all(void *data, size_t length)
{
	return file_read_full(STDIN_FILENO, data, length) == (ssize_t)length;
}

static bool read_tensor(struct tensor *tensor)
{
	if (!read_all(&tensor->head, sizeof(tensor->head)) || tensor->head.rank >= 64)
		return false;
	tensor->shape[0] = tensor->head.type;
	tensor->data = malloc(tensor->head.bytes + 1UL);
	return tensor->data &&
	       read_all(tensor->shape + 1, tensor->head.rank * sizeof(tensor->shape[0])) &&
	       read_all(tensor->data, tensor->head.bytes);
}

static bool read_case(struct fuzz_case *next)
{
	*next = (struct fuzz_case){.model = NULL};
	if (!read_all(&next->head, sizeof(next->head)) || next->head.tensors > TENSORS_MAX)
		return false;
	next->model = malloc(next->head.model_bytes + 1UL);
	bool whole = next->model && read_all(next->model, next->head.model_bytes);
	for (size_t i = 0; whole && i < next->head.tensors; i++)
		whole = read_tensor(&next->tensors[i]);
	return whole;
}

static void free_case(struct fuzz_case *done)
{
	free(done->model);
	for (size_t i = 0; i < done->head.tensors && i < TENSORS_MAX; i++)
		free(done->tensors[i].data);
}

/* An op that must be answered within its limit. Its time goes to `spent_us`. */
static int timed_call(struct peer *peer, struct accel_call *call, uint64_t limit_ns,
		      uint64_t *spent_us)
{
	uint64_t start_ns = clock_now_ns();
	call->deadline_ns = limit_ns;
	peer->deadline_ns = start_ns + limit_ns + PATIENCE_NS;
	int result = peer_call(peer, call);
	*spent_us = (clock_now_ns() - start_ns) / 1000;
	return result;
}

struct outcome {
	int64_t registered; /* the model's number, or a negative status */
	int load, run;
	uint64_t load_us, run_us;
};

static int run_model(struct peer *peer, int64_t session, const struct fuzz_case *fuzz,
		     struct outcome *outcome)
{
	const uint64_t limit_ns = fuzz->head.limit_ms * MILLISECOND;
	struct vaccel_arg inputs[2 + 2 * TENSORS_MAX] = {
	    {.buf = &outcome->registered, .size = sizeof(int64_t), .type = VACCEL_ARG_INT64},
	    {.type = VACCEL_ARG_BUFFER},
	};
	for (size_t i = 0; i < fuzz->head.tensors; i++) {
		const struct tensor *tensor = &fuzz->tensors[i];
		inputs[2 + 2 * i] = (struct vaccel_arg){
		    .buf = (void *)tensor->shape,
		    .size = (1 + tensor->head.rank) * sizeof(int64_t),
		    .type = VACCEL_ARG_INT64_ARRAY,
		};
		inputs[3 + 2 * i] =
		    (struct vaccel_arg){.buf = tensor->data,
					.size = tensor->head.bytes,
					.type = argument_types[tensor->head.type % 8]};
	}
	struct accel_call load = {
	    .op = VACCEL_OP_TORCH_MODEL_LOAD,
	    .session = session,
	    .inputs = inputs,
	    .input_count = 1,
	};
	outcome->load = timed_call(peer, &load, limit_ns, &outcome->load_us);
	if (outcome->load < 0)
		return outcome->load;
	struct vaccel_arg outputs[2 * TENSORS_MAX] = {0};
	uint32_t flags[2 * TENSORS_MAX];
	size_t count = 2UL * (fuzz->head.outputs < TENSORS_MAX ? fuzz->head.outputs : TENSORS_MAX);
	for (size_t i = 0; i < count; i++) {
		outputs[i].type = i % 2 ? VACCEL_ARG_UINT8_ARRAY : VACCEL_ARG_INT64_ARRAY;
		flags[i] = WIRE_ARGUMENT_GROWS;
	}
	struct accel_call run = {
	    .op = VACCEL_OP_TORCH_MODEL_RUN,
	    .session = session,
	    .inputs = inputs,
	    .input_count = 2 + 2 * fuzz->head.tensors,
	    .outputs = outputs,
	    .output_count = count,
	    .output_flags = flags,
	};
	outcome->run = timed_call(peer, &run, limit_ns, &outcome->run_us);
	for (size_t i = 0; !outcome->run && i < count; i++)
		free(outputs[i].buf);
	return outcome->run;
}

/* Negative where the connection is over. */
static int serve_case(struct peer *peer, int64_t session, const struct fuzz_case *fuzz,
		      struct outcome *outcome)
{
	peer->deadline_ns = clock_now_ns() + PATIENCE_NS;
	outcome->registered = peer_register_blob(peer, session, VACCEL_RESOURCE_MODEL, "m.onnx",
						 fuzz->model, fuzz->head.model_bytes);
	if (outcome->registered <= 0)
		return outcome->registered == -EMSGSIZE ? 0 : (int)outcome->registered;
	int result = run_model(peer, session, fuzz, outcome);
	if (result < 0)
		return result;
	peer->deadline_ns = clock_now_ns() + PATIENCE_NS;
	return peer_unregister(peer, session, outcome->registered) < 0 ? -EPROTO : 0;
}

static int run_cases(const char *socket)
{
	struct peer peer = {.window_fd = -1};
	int64_t session = 0;
	struct fuzz_case next;
	while (read_case(&next)) {
		struct outcome outcome = {0};
		int result = 0;
		if (session <= 0) {
			if (peer_open(&peer, socket))
				return EXIT_FAILURE;
			session = peer_session_init(&peer, 0);
		}
		result = session > 0 ? serve_case(&peer, session, &next, &outcome) : (int)session;
		printf("%lld %d %llu %d %llu %d\n", (long long)outcome.registered, outcome.load,
		       (unsigned long long)outcome.load_us, outcome.run,
		       (unsigned long long)outcome.run_us, result);
		fflush(stdout);
		free_case(&next);
		if (result < 0) {
			peer_close(&peer);
			session = 0;
		}
	}
	if (session > 0)
		peer_close(&peer);
	return EXIT_SUCCESS;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

static bool stop_is_asked(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	return poll(&input, 1, 0) > 0;
}

#define TIMES_MAX (1UL << 20)

struct other_client {
	const char *socket;
	struct peer peer;
	int64_t session; /* 0: not connected */
};

/* One op: 0, or why there is no dog in the answer. */
static int find_dog(struct other_client *client, const void *picture, size_t length)
{
	char text[4096] = "";
	if (!client->session && peer_open(&client->peer, client->socket))
		return -ENOTCONN;
	client->peer.deadline_ns = clock_now_ns() + PATIENCE_NS;
	if (!client->session)
		client->session = peer_session_init(&client->peer, 0);
	int result = client->session > 0 ? peer_detect(&client->peer, client->session, picture,
						       length, text, sizeof(text))
					 : (int)client->session;
	if (result < 0) {
		peer_close(&client->peer);
		client->session = 0;
	}
	return !result && !strstr(text, "dog") ? -ENOMSG : result;
}

static int detect(const char *socket, const char *photo)
{
	struct other_client client = {.socket = socket};
	cleanup_free uint8_t *picture = NULL;
	cleanup_free uint64_t *times = calloc(TIMES_MAX, sizeof(*times));
	size_t length, count = 0, failures = 0;
	struct error error = {0};
	if (!times || file_read(photo, PEER_WINDOW_SIZE / 2, &picture, &length, &error))
		return EXIT_FAILURE;
	while (!stop_is_asked() && count < TIMES_MAX) {
		uint64_t start_ns = clock_now_ns();
		int result = find_dog(&client, picture, length);
		times[count++] = (clock_now_ns() - start_ns) / 1000;
		if (result) {
			failures++;
			fprintf(stderr, "the other client's work failed: %d\n", result);
		}
	}
	if (client.session)
		peer_close(&client.peer);
	qsort(times, count, sizeof(*times), compare_times);
	printf("%zu %zu %llu %llu\n", count, failures,
	       count ? (unsigned long long)times[count / 2] : 0ULL,
	       count ? (unsigned long long)times[count - 1 - count / 100] : 0ULL);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int count, char *words[])
{
	if (count == 3 && !strcmp(words[1], "run"))
		return run_cases(words[2]);
	if (count == 4 && !strcmp(words[1], "detect"))
		return detect(words[2], words[3]);
	fprintf(stderr, "usage: operator_client run SOCKET | detect SOCKET PHOTO\n");
	return EXIT_FAILURE;
}
