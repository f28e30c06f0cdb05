/* Callers who give their ops up, while these wait and while they run: how soon they end is printed. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accel/state/op_host.h"
#include "accel/wire/wire.h"
#include "acceld/host.h"
#include "acceld/worker/cancel_watch.h"
#include "check.h"
#include "onnx/cache.h"
#include "onnx/tiny_model.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "vaccel.h"
#include "vaccel/ops/torch.h"

#define MILLISECOND_NS 1000000UL
#define RUNNING_NS     (150 * MILLISECOND_NS) /* then an op is given up */
#define LATEST_NS      (5 * NANOSECONDS_PER_SECOND)

static void pause_ns(uint64_t ns)
{
	const struct timespec until = clock_timespec(clock_now_ns() + ns);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void tell(const char *what, uint64_t since_ns)
{
	printf("%s: %ju us\n", what, (uintmax_t)(clock_now_ns() - since_ns) / 1000);
}

/* ── the watch ───────────────────────────────────────────────────────────────────────────────── */

static bool is_stopped(struct mayfly_op_stop *stop)
{
	pthread_mutex_lock(&stop->lock);
	bool stopped = stop->stopped;
	pthread_mutex_unlock(&stop->lock);
	return stopped;
}

static bool wait_for_stop(struct mayfly_op_stop *stop)
{
	uint64_t deadline_ns = clock_now_ns() + LATEST_NS;
	while (!is_stopped(stop) && clock_now_ns() < deadline_ns)
		pause_ns(MILLISECOND_NS / 20);
	return is_stopped(stop);
}

static void send_packet(int socket, uint16_t kind, uint64_t tag)
{
	const struct wire_packet packet = {
	    .magic = WIRE_MAGIC, .version = WIRE_VERSION, .kind = kind, .tag = tag};
	CHECK_NUMBER(send(socket, &packet, sizeof(packet), MSG_NOSIGNAL), sizeof(packet));
}

static void test_watch(void)
{
	struct cancel_watch watch;
	struct error error = {0};
	int ends[2];
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	CHECK_NUMBER(cancel_watch_open(&watch, &error), 0);
	CHECK_NUMBER(cancel_watch_start(&watch, &error), 0);
	struct mayfly_op_stop stop = MAYFLY_OP_STOP_INITIALIZER;
	struct cancel_entry entry = {.socket = ends[0], .tag = 7, .stop = &stop};

	cancel_watch_begin(&watch, &entry);
	send_packet(ends[1], WIRE_PACKET_CANCEL, 6); /* of a call before */
	pause_ns(20 * MILLISECOND_NS);
	CHECK(!is_stopped(&stop));
	uint64_t start_ns = clock_now_ns();
	send_packet(ends[1], WIRE_PACKET_CANCEL, 7);
	CHECK(wait_for_stop(&stop));
	tell("a cancel is noticed after", start_ns);
	cancel_watch_end(&watch, &entry);

	/* What is for later stays there, and a hang up behind it is noticed. */
	stop.stopped = false;
	cancel_watch_begin(&watch, &entry);
	send_packet(ends[1], WIRE_PACKET_MARK, 8);
	pause_ns(20 * MILLISECOND_NS);
	CHECK(!is_stopped(&stop));
	start_ns = clock_now_ns();
	close(ends[1]);
	CHECK(wait_for_stop(&stop));
	tell("a hang up is noticed after", start_ns);
	cancel_watch_end(&watch, &entry);
	struct wire_packet packet = {0};
	CHECK_NUMBER(recv(ends[0], &packet, sizeof(packet), 0), sizeof(packet));
	CHECK_NUMBER(packet.kind, WIRE_PACKET_MARK);

	/* Nothing is called when it is not watched any more. */
	stop.stopped = false;
	cancel_watch_begin(&watch, &entry);
	CHECK(wait_for_stop(&stop)); /* the other end is closed already */
	cancel_watch_end(&watch, &entry);
	cancel_watch_close(&watch);
	close(ends[0]);
}

/* A caller that sends CANCELs of other calls without an end, in the time that another one's op is
 * watched. */
#define FLOOD_NS     (300 * MILLISECOND_NS)
#define FLOOD_BEGINS 20

static void *flood(void *context)
{
	const struct wire_packet packet = {
	    .magic = WIRE_MAGIC, .version = WIRE_VERSION, .kind = WIRE_PACKET_CANCEL, .tag = 1};
	const int *socket = context;
	uint64_t end_ns = clock_now_ns() + FLOOD_NS;
	while (clock_now_ns() < end_ns)
		send(*socket, &packet, sizeof(packet), MSG_NOSIGNAL | MSG_DONTWAIT);
	return NULL;
}

static void test_flood(void)
{
	struct cancel_watch watch;
	struct error error = {0};
	struct wire_packet packet;
	pthread_t thread;
	int ends[2], quiet[2];
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, quiet));
	CHECK_NUMBER(cancel_watch_open(&watch, &error), 0);
	CHECK_NUMBER(cancel_watch_start(&watch, &error), 0);
	struct mayfly_op_stop stop = MAYFLY_OP_STOP_INITIALIZER, other = MAYFLY_OP_STOP_INITIALIZER;
	struct cancel_entry flooded = {.socket = ends[0], .tag = 7, .stop = &stop},
			    entry = {.socket = quiet[0], .tag = 7, .stop = &other};
	cancel_watch_begin(&watch, &flooded);
	CHECK(!pthread_create(&thread, NULL, flood, &ends[1]));
	pause_ns(20 * MILLISECOND_NS);
	/* What lies there is not read without an end. */
	int left = 0;
	for (int i = 0; i < FLOOD_BEGINS; i++) {
		cancel_watch_begin(&watch, &entry);
		cancel_watch_end(&watch, &entry);
	}
	pthread_join(thread, NULL);
	while (recv(ends[0], &packet, sizeof(packet), MSG_DONTWAIT) > 0)
		left++;
	CHECK(left > 0);
	/* A hang up is noticed all the same, and the other one's cancel. */
	cancel_watch_begin(&watch, &entry);
	send_packet(quiet[1], WIRE_PACKET_CANCEL, 7);
	CHECK(wait_for_stop(&other));
	cancel_watch_end(&watch, &entry);
	CHECK(!is_stopped(&stop));
	close(ends[1]);
	CHECK(wait_for_stop(&stop));
	cancel_watch_end(&watch, &flooded);
	cancel_watch_close(&watch);
	close(ends[0]);
	close(quiet[0]);
	close(quiet[1]);
}

/* ── a model that runs in this process ───────────────────────────────────────────────────────── */

struct stopper {
	struct mayfly_op_stop *stop;
	uint64_t stopped_ns;
};

static void *stop_later(void *context)
{
	struct stopper *stopper = context;
	pause_ns(RUNNING_NS);
	stopper->stopped_ns = clock_now_ns();
	mayfly_op_stop(stopper->stop);
	return NULL;
}

static void test_running(void)
{
	static float one = 1;
	int64_t dims[] = {1};
	struct tiny_model model;
	struct vaccel_session session;
	struct vaccel_resource resource;
	struct vaccel_torch_tensor *input = NULL, *output = NULL;
	CHECK_NUMBER(vaccel_plugin_load(getenv("ONNX_PLUGIN")), 0);
	CHECK_NUMBER(vaccel_session_init(&session, 0), 0);
	tiny_model_endless(&model);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, model.bytes, model.length,
						   VACCEL_RESOURCE_MODEL, "m.onnx", true),
		     0);
	CHECK_NUMBER(vaccel_resource_register(&resource, &session), 0);
	CHECK_NUMBER(vaccel_torch_model_load(&session, &resource), 0); /* is not stopped */
	CHECK_NUMBER(vaccel_torch_tensor_new(&input, 1, dims, VACCEL_TORCH_FLOAT), 0);
	CHECK_NUMBER(vaccel_torch_tensor_set_data(input, &one, sizeof(one)), 0);
	struct mayfly_op_stop stop = MAYFLY_OP_STOP_INITIALIZER;
	struct stopper stopper = {.stop = &stop};
	pthread_t thread;
	mayfly_op_set_stop(&stop);
	CHECK(!pthread_create(&thread, NULL, stop_later, &stopper));
	CHECK_NUMBER(vaccel_torch_model_run(&session, &resource, NULL, &input, 1, &output, 1),
		     VACCEL_EAGAIN);
	uint64_t ended_ns = clock_now_ns();
	pthread_join(thread, NULL);
	CHECK(strstr(mayfly_op_reason(), "cancelled"));
	CHECK(stopper.stopped_ns && ended_ns >= stopper.stopped_ns);
	printf("a model that runs ends after: %ju us\n",
	       (uintmax_t)(ended_ns - stopper.stopped_ns) / 1000);
	/* One that was given up before does not begin. */
	CHECK_NUMBER(vaccel_torch_model_run(&session, &resource, NULL, &input, 1, &output, 1),
		     VACCEL_EAGAIN);
	mayfly_op_set_stop(NULL);
	CHECK_NUMBER(vaccel_torch_tensor_delete(input), 0);
	CHECK_NUMBER(vaccel_resource_unregister(&resource, &session), 0);
	CHECK_NUMBER(vaccel_resource_release(&resource), 0);
	CHECK_NUMBER(vaccel_session_release(&session), 0);
}

/* ── a model that a client has sent ──────────────────────────────────────────────────────────── */

/* A client that need not wait for its answers. */
struct caller {
	struct peer window; /* only its window is in use */
	int socket;
	uint64_t tag;
};

static bool call_began(struct caller *caller, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct wire_packet hello = {.magic = WIRE_MAGIC,
				    .version = WIRE_VERSION,
				    .kind = WIRE_PACKET_HELLO,
				    .length = PEER_WINDOW_SIZE};
	if (!CHECK(strlen(path) < sizeof(address.sun_path)))
		return false;
	memcpy(address.sun_path, path, strlen(path));
	*caller = (struct caller){.socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
	if (!CHECK(!peer_window_make(&caller->window)) ||
	    !CHECK(!connect(caller->socket, (struct sockaddr *)&address, sizeof(address))))
		return false;
	CHECK_NUMBER(descriptors_send(caller->socket, &hello, sizeof(hello),
				      &caller->window.window_fd, 1, 0),
		     0);
	CHECK_NUMBER(recv(caller->socket, &hello, sizeof(hello), 0), sizeof(hello));
	return CHECK_NUMBER(hello.status, 0);
}

static void end(struct caller *caller)
{
	close(caller->socket);
	peer_window_release(&caller->window);
}

static void send_call(struct caller *caller, const struct accel_call *call)
{
	struct wire_packet packet = {.magic = WIRE_MAGIC,
				     .version = WIRE_VERSION,
				     .kind = WIRE_PACKET_CALL,
				     .tag = ++caller->tag};
	CHECK_NUMBER(wire_encode(caller->window.window, PEER_WINDOW_SIZE, call, 1, &packet.length),
		     0);
	caller->window.extent = packet.length;
	CHECK_NUMBER(send(caller->socket, &packet, sizeof(packet), MSG_NOSIGNAL), sizeof(packet));
}

static int receive_answer(struct caller *caller, const struct accel_call *call)
{
	struct wire_packet answer;
	int status = -1;
	CHECK_NUMBER(recv(caller->socket, &answer, sizeof(answer), 0), sizeof(answer));
	CHECK(answer.kind == WIRE_PACKET_CALL && answer.tag == caller->tag && !answer.status);
	CHECK_NUMBER(
	    wire_read_answer(caller->window.window, caller->window.extent, call, 1, &status), 0);
	return status;
}

static int64_t call_for_id(struct caller *caller, struct accel_call *call)
{
	int64_t id = 0;
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	call->outputs = &output;
	call->output_count = 1;
	send_call(caller, call);
	CHECK_NUMBER(receive_answer(caller, call), 0);
	return id;
}

static int64_t open_session(struct caller *caller)
{
	uint32_t flags = 0;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	return call_for_id(
	    caller,
	    &(struct accel_call){.op = WIRE_OP_SESSION_INIT, .inputs = &input, .input_count = 1});
}

static int64_t send_model(struct caller *caller, int64_t session, struct tiny_model *model)
{
	uint32_t type = VACCEL_RESOURCE_MODEL;
	struct vaccel_arg inputs[] = {
	    {.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32},
	    {.buf = "", .size = 1, .type = VACCEL_ARG_STRING},
	    {.buf = "m.onnx", .size = sizeof("m.onnx"), .type = VACCEL_ARG_STRING},
	    {.buf = model->bytes, .size = model->length, .type = VACCEL_ARG_BUFFER},
	};
	return call_for_id(caller, &(struct accel_call){.op = WIRE_OP_RESOURCE_REGISTER,
							.session = session,
							.inputs = inputs,
							.input_count = 4});
}

struct run {
	int64_t model, shape[2];
	float number;
	struct vaccel_arg inputs[4], outputs[2];
	uint32_t flags[2];
	struct accel_call call;
};

static void prepare_run(struct run *run, int64_t session, int64_t model)
{
	*run = (struct run){.model = model,
			    .shape = {VACCEL_TORCH_FLOAT, 1},
			    .number = 1,
			    .flags = {WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS}};
	run->inputs[0] = (struct vaccel_arg){
	    .buf = &run->model, .size = sizeof(run->model), .type = VACCEL_ARG_INT64};
	run->inputs[1] = (struct vaccel_arg){.type = VACCEL_ARG_BUFFER};
	run->inputs[2] = (struct vaccel_arg){
	    .buf = run->shape, .size = sizeof(run->shape), .type = VACCEL_ARG_INT64_ARRAY};
	run->inputs[3] = (struct vaccel_arg){
	    .buf = &run->number, .size = sizeof(run->number), .type = VACCEL_ARG_FLOAT32_ARRAY};
	run->outputs[0] = (struct vaccel_arg){.type = VACCEL_ARG_INT64_ARRAY};
	run->outputs[1] = (struct vaccel_arg){.type = VACCEL_ARG_UINT8_ARRAY};
	run->call = (struct accel_call){.op = VACCEL_OP_TORCH_MODEL_RUN,
					.session = session,
					.inputs = run->inputs,
					.input_count = 4,
					.outputs = run->outputs,
					.output_count = 2,
					.output_flags = run->flags};
}

static void wait_for_workers(const struct host *host, size_t wanted)
{
	pid_t workers[8];
	uint64_t deadline_ns = clock_now_ns() + LATEST_NS;
	while (host_tenants(host->pid, workers, 8) != wanted && clock_now_ns() < deadline_ns)
		pause_ns(MILLISECOND_NS);
	CHECK_NUMBER(host_tenants(host->pid, workers, 8), wanted);
}

static void test_sent(const struct host *host)
{
	struct caller caller;
	struct run run;
	struct tiny_model model;
	char reason[MAYFLY_REASON_SIZE];
	if (!call_began(&caller, host->socket))
		return;
	int64_t session = open_session(&caller);
	tiny_model_endless(&model);
	prepare_run(&run, session, send_model(&caller, session, &model));
	send_call(&caller, &run.call);
	pause_ns(RUNNING_NS);
	uint64_t start_ns = clock_now_ns();
	send_packet(caller.socket, WIRE_PACKET_CANCEL, caller.tag);
	CHECK_NUMBER(receive_answer(&caller, &run.call), VACCEL_EAGAIN);
	tell("the answer to a cancelled op of a sent model comes after", start_ns);
	CHECK(strstr(peer_reason(&caller.window, reason, sizeof(reason)), "cancelled"));
	wait_for_workers(host, 0);
	tell("and the worker that ran it has gone after", start_ns);

	/* The session goes on, with a new worker. */
	session = open_session(&caller);
	tiny_model_double(&model, 1);
	prepare_run(&run, session, send_model(&caller, session, &model));
	send_call(&caller, &run.call);
	CHECK_NUMBER(receive_answer(&caller, &run.call), 0);
	CHECK(run.outputs[1].size == sizeof(float) && *(float *)run.outputs[1].buf == 2);
	free(run.outputs[0].buf);
	free(run.outputs[1].buf);

	tiny_model_endless(&model);
	prepare_run(&run, session, send_model(&caller, session, &model));
	send_call(&caller, &run.call);
	pause_ns(RUNNING_NS);
	start_ns = clock_now_ns();
	end(&caller);
	wait_for_workers(host, 0);
	tell("after a hang up the worker has gone after", start_ns);
}

int main(void)
{
	struct vaccel_config config;
	struct host host;
	test_watch();
	test_flood();
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	CHECK_NUMBER(vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false), 0);
	CHECK_NUMBER(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	test_running();
	vaccel_cleanup();
	if (!CHECK(!host_start(&host, getenv("ONNX_PLUGIN"), NULL)))
		return check_status();
	pid_t worker = host_worker(host.pid);
	test_sent(&host);
	CHECK_NUMBER(host_worker(host.pid), worker);
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return check_status();
}
