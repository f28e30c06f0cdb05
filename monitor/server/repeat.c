/* Requests by streams; see repeat.h. */
#include "monitor/server/repeat.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define REPEATED_BYTES_MAX (1UL << 30)

static int print_response(struct repeat *repeat, const void *data, size_t length,
			  uint64_t deadline_ns)
{
	int result = file_write_until(CHANNEL_OUTPUT, data, length, deadline_ns);
	repeat->reader_gone = result == -EPIPE;
	if (!result)
		repeat->responded += length;
	return result;
}

static int keep_response(struct repeat *repeat, const void *data, size_t length)
{
	size_t wanted, room = repeat->response_room;
	if (add_overflows(repeat->response_length, length, &wanted))
		return -ENOMEM;
	if (wanted > room) {
		room = wanted > 2 * room ? wanted : 2 * room;
		uint8_t *grown = realloc(repeat->response, room);
		if (!grown)
			return -ENOMEM;
		repeat->response = grown;
		repeat->response_room = room;
	}
	memcpy(repeat->response + repeat->response_length, data, length);
	repeat->response_length = wanted;
	return 0;
}

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct repeat *repeat = context;
	return repeat->print ? print_response(repeat, data, length, deadline_ns)
			     : keep_response(repeat, data, length);
}

/* One of many requests ended in a way after which none follows: its response is the last. */
static int print_kept(struct repeat *repeat, struct error *error)
{
	if (repeat->print)
		return 0;
	int result = print_response(repeat, repeat->response, repeat->response_length,
				    clock_now_ns() + repeat->wanted->request.timeout_ns);
	return result ? error_set_errno(error, -result, "cannot write the response") : 0;
}

static void pass_trace(void *context, const char *line, size_t length, uint64_t deadline_ns)
{
	struct repeat *repeat = context;
	trace_out_add(repeat->trace, line, length, deadline_ns);
}

/* Reads the whole request: it is to be served again and again. -ETIMEDOUT: it did not come. */
static int read_input(struct repeat *repeat, uint64_t deadline_ns, struct error *error)
{
	size_t room = 0;
	for (;;) {
		if (repeat->input_length == room) {
			room = room ? 2 * room : 65536;
			if (room > REPEATED_BYTES_MAX)
				return error_set(
				    error, EFBIG,
				    "--repeat keeps the request in memory: at most %lu MiB",
				    REPEATED_BYTES_MAX >> 20);
			uint8_t *grown = realloc(repeat->input, room);
			if (!grown)
				return error_set(error, ENOMEM, "no memory for the request");
			repeat->input = grown;
		}
		ssize_t got = file_read_until(CHANNEL_INPUT, repeat->input + repeat->input_length,
					      room - repeat->input_length, deadline_ns);
		if (got < 0)
			return error_set_errno(error, (int)-got, "cannot read the request");
		if (!got)
			return 0;
		repeat->input_length += (size_t)got;
	}
}

/* Reads the whole request for as long as one may take. *late: its end did not come, and *result
 * says so. */
static int read_repeated(struct repeat *repeat, struct request_result *result, bool *late,
			 struct error *error)
{
	int code = read_input(repeat, clock_now_ns() + repeat->wanted->request.timeout_ns, error);
	*late = code == -ETIMEDOUT;
	if (!*late)
		return code;
	result->outcome = OUTCOME_DEADLINE;
	snprintf(result->report, sizeof(result->report), "the end of its request did not come");
	return 0;
}

static int add_figures(struct repeat *repeat, const struct request_result *result,
		       struct error *error)
{
	if (repeat->count == repeat->room) {
		size_t room = repeat->room ? 2 * repeat->room : 1024;
		struct channel_figures *grown = realloc(repeat->list, room * sizeof(*grown));
		if (!grown)
			return error_set(error, ENOMEM, "no memory for statistics");
		repeat->list = grown;
		repeat->room = room;
	}
	repeat->list[repeat->count] = (struct channel_figures){
	    .clone_ns = result->clone_ns,
	    .run_ns = result->run_ns,
	    .reset_ns = result->reset_ns,
	    .ops = result->ops,
	    .op_ns = result->op_ns,
	};
	return 0;
}

/* As a memory file, for the front. */
static int write_figures(struct repeat *repeat, struct error *error)
{
	cleanup_close int file = memfd_create("mayfly-figures", MFD_CLOEXEC);
	if (file < 0)
		return error_set_errno(error, errno, "cannot make a memory file");
	int result = file_write_all(file, repeat->list, repeat->count * sizeof(*repeat->list));
	if (result)
		return error_set_errno(error, -result, "cannot write statistics");
	repeat->figures = take_fd(&file);
	return 0;
}

static int serve_one(struct repeat *repeat, const struct request *request,
		     struct request_result *result, struct error *error)
{
	repeat->response_length = 0;
	int code = repeat->serve(repeat->context, request, result, error);
	if (!code && repeat->wanted->flags & CHANNEL_FIGURES)
		code = add_figures(repeat, result, error);
	if (code)
		return code;
	repeat->count++;
	repeat->machines += !result->served_before;
	const int32_t status = result->outcome == OUTCOME_EXITED ? result->status : -1;
	if (!repeat->first_status)
		repeat->first_status = status;
	return 0;
}

static int serve_all(struct repeat *repeat, struct request_result *result, struct error *error)
{
	const struct channel_request *wanted = &repeat->wanted->request;
	const bool repeated = wanted->repeat > 1;
	struct request request = {
	    .data = "",
	    .fd = repeated ? -1 : CHANNEL_INPUT,
	    .timeout_ns = wanted->timeout_ns,
	    .response_limit = wanted->response_limit,
	    .log_limit = wanted->log_limit,
	    .respond = respond,
	    .log = streams_log,
	    .trace = repeat->trace->fd >= 0 ? pass_trace : NULL,
	    .setup_delivered = repeated ? NULL : &repeat->setup_delivered,
	    .context = repeat,
	};
	if (repeated) {
		bool late;
		int code = read_repeated(repeat, result, &late, error);
		if (code || late)
			return code;
		request.data = repeat->input;
		request.length = repeat->input_length;
	}
	for (uint64_t i = 0; i < wanted->repeat; i++) {
		repeat->print = i + 1 == wanted->repeat;
		int code = serve_one(repeat, &request, result, error);
		if (code)
			return code;
		/* A crash is reported as well, even if nobody reads any more. */
		if (result->outcome != OUTCOME_EXITED) {
			code = print_kept(repeat, error);
			return repeat->reader_gone ? 0 : code;
		}
	}
	return 0;
}

int repeat_run(struct repeat *repeat, struct request_result *result, struct error *error)
{
	repeat->figures = -1;
	*result = (struct request_result){0};
	int code = serve_all(repeat, result, error);
	/* Figures and reports may take as long to be read as one request may take. */
	trace_out_finish(repeat->trace, clock_now_ns() + repeat->wanted->request.timeout_ns);
	if (!code && repeat->wanted->flags & CHANNEL_FIGURES)
		code = write_figures(repeat, error);
	return code;
}

void repeat_release(struct repeat *repeat)
{
	if (repeat->figures >= 0)
		close(repeat->figures);
	free(repeat->input);
	free(repeat->response);
	free(repeat->list);
}
