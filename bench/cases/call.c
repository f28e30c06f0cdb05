/* Accelerated calls that cost next to nothing by themselves: in this process with the noop plugin,
 * from a machine through its window, and from this process to the accelerator host. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "accel_client/accel_client.h"
#include "cases.h"
#include "harness/guest.h"
#include "util/clock.h"
#include "vaccel.h"

#define LIBRARY_CASES 5
#define HOST_WINDOW   (64ul << 10)
#define CALL_LIMIT_NS (5 * NANOSECONDS_PER_SECOND)

/* A connection to the accelerator host, with a window of its own. */
struct host_calls {
	struct accel_client *client;
	uint8_t *window;
	int64_t session;
	uint64_t request;
};

struct call_cases {
	struct vaccel_session session;
	bool session_open;
	struct library_call {
		struct vaccel_session *session;
		int (*call)(struct vaccel_session *session);
		unsigned batch; /* calls in a sample, so that reading the clock does not count */
	} library[LIBRARY_CASES];
	struct guest guest;
	struct host_calls host;
};

/* ---- in this process ---- */

static int open_and_release(struct vaccel_session *session)
{
	struct vaccel_session fresh;
	int result = vaccel_session_init(&fresh, session->hint);
	return result ? result : vaccel_session_release(&fresh);
}

static int find_by_id(struct vaccel_session *session)
{
	struct vaccel_session *found;
	return vaccel_session_get_by_id(&found, session->id);
}

static int classify(struct vaccel_session *session)
{
	unsigned char text[64];
	return vaccel_image_classification(session, "image", text, NULL, 5, sizeof(text), 0);
}

static int log_disabled(struct vaccel_session *session)
{
	vaccel_debug("session %lld", (long long)session->id);
	return VACCEL_OK;
}

static int measure_library(void *context, double *ns, struct error *error)
{
	const struct library_call *self = context;
	int result = VACCEL_OK;
	uint64_t begin = clock_now_ns();
	for (unsigned i = 0; i < self->batch && !result; i++)
		result = self->call(self->session);
	*ns = (double)(clock_now_ns() - begin) / self->batch;
	return result ? error_set(error, EIO, "libvaccel answered %d", result) : 0;
}

static int add_library(struct call_cases *cases, struct bench *bench, struct error *error)
{
	static const struct {
		const char *name, *title;
		int (*call)(struct vaccel_session *session);
		unsigned batch;
	} rows[LIBRARY_CASES] = {
	    {"noop-inprocess", "noop op in-process", vaccel_noop, 10000},
	    {"session-inprocess", "session init + release in-process", open_and_release, 1000},
	    {"session-by-id", "session looked up by its id", find_by_id, 10000},
	    {"classify-noop", "classification by the noop plugin", classify, 1000},
	    {"log-disabled", "log line that is switched off", log_disabled, 10000},
	};
	int result = vaccel_session_init(&cases->session, VACCEL_PLUGIN_DEBUG);
	if (result)
		return error_set(error, EIO, "no session of the noop plugin (error %d)", result);
	cases->session_open = true;
	for (size_t i = 0; i < LIBRARY_CASES; i++) {
		cases->library[i] = (struct library_call){
		    .session = &cases->session, .call = rows[i].call, .batch = rows[i].batch};
		const struct bench_case row = {rows[i].name, "call",	      rows[i].title,	 4,
					       false,	     measure_library, &cases->library[i]};
		result = bench_add(bench, &row, error);
		if (result)
			return result;
	}
	return 0;
}

/* ---- from this process to the accelerator host ---- */

static int host_call(struct host_calls *host, const struct accel_call *call, struct error *error)
{
	uint64_t extent;
	int status = 0;
	int result = wire_encode(host->window, HOST_WINDOW, call, ++host->request, &extent);
	if (!result)
		result = accel_client_call(host->client, 0, extent, clock_now_ns() + CALL_LIMIT_NS,
					   error);
	if (!result)
		result = wire_read_answer(host->window, extent, call, host->request, &status);
	if (result)
		return error_set_errno(error, -result, "call to the accelerator host");
	return status ? error_set(error, EIO, "the accelerator host answered %d", status) : 0;
}

static int measure_host_noop(void *context, double *ns, struct error *error)
{
	struct host_calls *host = context;
	const struct accel_call call = {.op = VACCEL_OP_NOOP, .session = host->session};
	uint64_t begin = clock_now_ns();
	int result = host_call(host, &call, error);
	*ns = (double)(clock_now_ns() - begin);
	return result;
}

static int host_connect(struct host_calls *host, struct error *error)
{
	int window = memfd_create("bench-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (window < 0)
		return error_set_errno(error, errno, "cannot make a window");
	int result = 0;
	if (ftruncate(window, HOST_WINDOW) || fcntl(window, F_ADD_SEALS, F_SEAL_SHRINK)) {
		result = error_set_errno(error, errno, "cannot size the window");
	} else {
		host->window =
		    mmap(NULL, HOST_WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, window, 0);
		if (host->window == MAP_FAILED) {
			host->window = NULL;
			result = error_set_errno(error, errno, "cannot map the window");
		} else {
			result = accel_client_open(&host->client, &accel_dialer_own, window,
						   HOST_WINDOW, 0, error);
		}
	}
	close(window);
	return result;
}

static int add_host(struct call_cases *cases, struct bench *bench, struct error *error)
{
	uint32_t flags = VACCEL_PLUGIN_DEBUG;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {.buf = &cases->host.session,
				    .size = sizeof(cases->host.session),
				    .type = VACCEL_ARG_INT64};
	const struct accel_call open = {.op = WIRE_OP_SESSION_INIT,
					.inputs = &input,
					.input_count = 1,
					.outputs = &output,
					.output_count = 1};
	const struct bench_case row = {
	    "noop-host",       "call",	    "noop op, this process to mayfly-acceld", 1, false,
	    measure_host_noop, &cases->host};
	int result = host_connect(&cases->host, error);
	if (!result)
		result = host_call(&cases->host, &open, error);
	return result ? result : bench_add(bench, &row, error);
}

/* ---- from a machine ---- */

static int add_guest(struct call_cases *cases, struct bench *bench,
		     const struct cases_settings *settings, struct error *error)
{
	static const struct guest_program program = {
	    .part = "bench/calls", .arguments = {"noop", "100"}, .memory = 128ul << 20};
	const struct bench_case row = {
	    "noop-window",	    "call",	  "noop op, a machine to mayfly-acceld", 10, false,
	    guest_measure_response, &cases->guest};
	int result = guest_open(&cases->guest, &program, settings->isolation, error);
	return result ? result : bench_add(bench, &row, error);
}

int call_cases_open(struct call_cases **cases, struct bench *bench,
		    const struct cases_settings *settings, struct error *error)
{
	struct call_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the call cases");
	*cases = self;
	int result = add_library(self, bench, error);
	if (!result && bench_wants(bench, "noop-host"))
		result = add_host(self, bench, error);
	if (!result && bench_wants(bench, "noop-window"))
		result = add_guest(self, bench, settings, error);
	return result;
}

void call_cases_close(struct call_cases *cases)
{
	if (!cases)
		return;
	if (cases->session_open)
		vaccel_session_release(&cases->session);
	guest_close(&cases->guest);
	accel_client_close(cases->host.client);
	if (cases->host.window)
		munmap(cases->host.window, HOST_WINDOW);
	free(cases);
}
