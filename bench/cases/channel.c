/* Requests through libmayfly: from submitting one in a front to its completion there, by a monitor
 * in its jail. What request.c measures without a front. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cases.h"
#include "mayfly/function.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define START_LIMIT_NS (30 * NANOSECONDS_PER_SECOND)

/* A front of one function, which it drives itself. */
struct front {
	struct mayfly_function *function;
	struct mayfly_request request;
	bool prepared, done;
	struct error error; /* why it is down, or a request failed */
};

struct channel_cases {
	struct front kvm, process;
};

static void note_event(void *context, const struct mayfly_event *event)
{
	struct front *front = context;
	front->prepared |= event->kind == MAYFLY_PREPARED;
	if (event->kind == MAYFLY_DOWN)
		error_set(&front->error, -event->error, "%s", event->text);
}

static void note_done(void *context, const struct mayfly_result *result)
{
	struct front *front = context;
	front->done = true;
	if (result->outcome != MAYFLY_EXITED || result->status)
		error_set(&front->error, EPROTO, "the guest ended with outcome %d, status %d: %s",
			  (int)result->outcome, result->status, result->text);
}

static int take_response(void *context, const void *data, size_t length)
{
	return 0;
}

/* Drives the function until *what. */
static int await(struct front *front, const bool *what, struct error *error)
{
	struct pollfd readable = {.fd = mayfly_function_fd(front->function), .events = POLLIN};
	const uint64_t limit_ns = clock_now_ns() + START_LIMIT_NS;
	while (!*what && !front->error.code && clock_now_ns() < limit_ns) {
		poll(&readable, 1, 1000);
		mayfly_function_process(front->function);
	}
	if (front->error.code)
		return error_set(error, front->error.code, "%s", front->error.text);
	return *what ? 0 : error_set(error, ETIMEDOUT, "a function does not answer");
}

static int measure(void *context, double *ns, struct error *error)
{
	struct front *front = context;
	struct mayfly_error reason = {0};
	front->done = false;
	const uint64_t begin_ns = clock_now_ns();
	int result = mayfly_function_submit(front->function, &front->request, NULL, &reason);
	if (result)
		return error_set(error, -result, "%s", reason.text);
	result = await(front, &front->done, error);
	*ns = (double)(clock_now_ns() - begin_ns);
	return result;
}

static int front_open(struct front *front, const char *isolation, struct error *error)
{
	struct mayfly_description description;
	struct mayfly_error reason = {0};
	mayfly_description_init(&description, sizeof(description));
	description.program = "hello";
	description.isolation = isolation;
	description.event = note_event;
	description.context = front;
	mayfly_request_init(&front->request, sizeof(front->request));
	front->request.respond = take_response;
	front->request.done = note_done;
	front->request.context = front;
	int result = mayfly_function_open(&front->function, &description, &reason);
	if (!result)
		result = mayfly_function_start(front->function, &reason);
	if (result)
		return error_set(error, -result, "%s", reason.text);
	return await(front, &front->prepared, error);
}

static int add(struct bench *bench, struct front *front, const char *isolation, const char *name,
	       const char *title, struct error *error)
{
	const struct bench_case row = {name, "request", title, 1, false, measure, front};
	struct error reason = {0};
	if (!bench_wants(bench, row.name))
		return 0;
	if (front_open(front, isolation, &reason)) {
		bench_leave_out(bench, row.name, reason.text);
		return 0;
	}
	return bench_add(bench, &row, error);
}

int channel_cases_open(struct channel_cases **cases, struct bench *bench,
		       const struct cases_settings *settings, struct error *error)
{
	struct channel_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the channel's cases");
	*cases = self;
	int result = add(bench, &self->process, "process", "hello-channel-process",
			 "hello through libmayfly, process isolation", error);
	if (!settings->kvm)
		bench_leave_out(bench, "hello-channel-kvm", settings->no_kvm);
	else if (!result)
		result = add(bench, &self->kvm, "kvm", "hello-channel-kvm",
			     "hello through libmayfly, KVM", error);
	return result;
}

void channel_cases_close(struct channel_cases *cases)
{
	if (!cases)
		return;
	mayfly_function_close(cases->kvm.function);
	mayfly_function_close(cases->process.function);
	free(cases);
}
