/* mayfly run: serve a request by a program in a machine of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command/verb.h"
#include "cli/run/launch.h"
#include "cli/run/statistics.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define REPEATED_BYTES_MAX (1UL << 30)

struct run_values {
	struct launch_values launch;
	uint64_t repeat;
	const char *statistics;
	const char *trace;
};

static const struct run_values run_defaults = {
    .launch = LAUNCH_DEFAULTS,
    .repeat = 1,
};

#define VALUES struct run_values
static const struct option_spec run_options[] = {
#include "cli/run/launch_options.def"
    {"repeat", 'n', OPTION_COUNT, offsetof(struct run_values, repeat), "COUNT",
     "serve the same request COUNT times, each time in a fresh clone, and print the last response",
     .minimum = 1, .maximum = 100000000},
    {"reuse", 0, OPTION_COUNT, offsetof(struct run_values, launch.reuse), "COUNT",
     "let a machine serve COUNT requests before it is reset: each sees what those before it have "
     "left; "
     "for unikernels with an HTTP server (--net:NAME=http)",
     .minimum = 1, .maximum = UINT32_MAX},
    {"writable", 0, OPTION_LIST, offsetof(struct run_values, launch.writable), "PATH",
     "a directory or file of the root, which is a directory, whose changes reach the host's files"},
    {"read-only", 0, OPTION_LIST, offsetof(struct run_values, launch.read_only), "PATH",
     "a directory or file of the root in which the program can change nothing, not in its memory "
     "either"},
    {"stats", 0, OPTION_STRING, offsetof(struct run_values, statistics), "FILE",
     "report times and memory on standard error: one line for a terminal, else JSON; --stats=json "
     "always reports JSON, and so does a FILE",
     .value_optional = true, .takes_file = true},
    {"trace", 0, OPTION_STRING, offsetof(struct run_values, trace), "FILE",
     "write the program's system calls to FILE or standard error, with times in microseconds",
     .value_optional = true, .takes_file = true},
};

struct run {
	const struct run_values *values;
	const char *name; /* the program's, as it was given */
	struct launch launch;
	struct mayfly_function *function;
	struct run_statistics statistics;
	struct http_exchange exchange; /* with --http */
	int trace;		       /* -1: there is none */
	bool over, late_setup; /* it is over; the program was stopped before it read the request */
	/* What came of the request, and why it failed where it did. */
	struct mayfly_result result;
	char text[MAYFLY_ERROR_TEXT_MAX * 4];
	struct error error;
};

static void run_release(struct run *run)
{
	mayfly_function_close(run->function);
	launch_release(&run->launch);
	run_statistics_release(&run->statistics);
	http_exchange_close(&run->exchange);
	if (run->trace > STDERR_FILENO)
		close(run->trace);
}

static int open_trace(struct run *run, struct error *error)
{
	const char *path = run->values->trace;
	if (!path)
		return 0;
	run->trace = STDERR_FILENO;
	if (!*path)
		return 0;
	run->trace = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	if (run->trace < 0)
		return error_set_errno(error, errno, "cannot write the trace to %s", path);
	fcntl(run->trace, F_SETFL, O_NONBLOCK);
	return 0;
}

static void note_event(void *context, const struct mayfly_event *event)
{
	struct run *run = context;
	run->late_setup |= event->kind == MAYFLY_FINISHED && event->outcome == MAYFLY_DEADLINE;
	if (event->kind != MAYFLY_DOWN)
		return;
	run->over = true;
	if (!run->error.code)
		error_set(&run->error, -event->error, "%s", event->text);
}

static void note_done(void *context, const struct mayfly_result *result)
{
	struct run *run = context;
	run->over = true;
	run->result = *result;
	snprintf(run->text, sizeof(run->text), "%s", result->text);
	run->result.text = run->text;
	if (result->outcome == MAYFLY_FAILED)
		error_set(&run->error, -result->error, "%s", result->text);
	else if (result->figures >= 0)
		run_statistics_read(&run->statistics, result->figures, result->repeated,
				    &run->error);
}

static int start(struct run *run, struct error *error)
{
	const struct launch_values *launch = &run->values->launch;
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	request.timeout_ns = launch->timeout_ns;
	request.response_limit = launch->response_limit;
	request.log_limit = launch->log_limit;
	request.repeat = run->values->repeat;
	request.flags = MAYFLY_STREAMS | (run->values->statistics ? MAYFLY_FIGURES : 0U);
	request.done = note_done;
	request.context = run;
	struct mayfly_error reason = {0};
	int result = mayfly_function_open(&run->function, &run->launch.description, &reason);
	if (!result)
		result = mayfly_function_submit(run->function, &request, NULL, &reason);
	if (!result)
		result = mayfly_function_start(run->function, &reason);
	return result ? error_set(error, -result, "%s", reason.text) : 0;
}

/* What was served, and how the last of it ended. */
static int tell(struct run *run, struct error *error)
{
	const struct mayfly_result *result = &run->result;
	const uint64_t deadline_ns = clock_now_ns() + run->values->launch.timeout_ns;
	if (result->trace_cut)
		log_warn("the trace is not complete: cannot write %s",
			 *run->values->trace ? run->values->trace : "standard error");
	int status = launch_tell_outcome(&run->values->launch, run->name, run->late_setup, result);
	if (result->first_status > 0)
		status = result->first_status;
	if (run->values->launch.http && !status)
		status = http_exchange_judge(&run->exchange, run->name);
	if (!run->values->statistics)
		return status;
	const struct run_conditions conditions = {
	    .isolation = mayfly_function_isolation(run->function),
	    .way = mayfly_function_way(run->function),
	    .memory_per_slot = result->private_bytes,
	    .memory_shared = result->shared_bytes,
	    .machines = run->values->launch.reuse > 1 ? result->machines : 0,
	};
	int code = run_statistics_write(&run->statistics, &conditions, deadline_ns, error);
	/* The program's own end says more than this error. */
	if (code && status) {
		log_error("%s", error->text);
		code = 0;
	}
	return code ? code : status;
}

/* Memory that the monitor needs for its streams: what it keeps for all requests, and what it writes
 * into files that lie in memory. A trace may have any length. */
static uint64_t find_memory(const struct run *run)
{
	const struct launch_values *launch = &run->values->launch;
	uint64_t repeat = run->values->repeat, log, figures, kept;
	uint64_t total = launch_memory_written(STDOUT_FILENO, launch->response_limit);
	if (repeat > 1 &&
	    (!launch->response_limit || add_overflows(total, REPEATED_BYTES_MAX, &total) ||
	     mul_overflows(2, launch->response_limit, &kept) || add_overflows(total, kept, &total)))
		return UINT64_MAX;
	if (run->values->statistics && (mul_overflows(repeat, RUN_STATISTICS_BYTES, &figures) ||
					add_overflows(total, figures, &total)))
		return UINT64_MAX;
	if (mul_overflows(repeat, launch->log_limit, &log))
		log = UINT64_MAX;
	if (add_overflows(total, launch_memory_written(STDERR_FILENO, log), &total))
		return UINT64_MAX;
	return launch_memory_written(run->trace, 1) ? UINT64_MAX : total;
}

/* With --http the monitor's streams are the exchange's. */
static int open_exchange(struct run *run, struct error *error)
{
	const struct launch_values *launch = &run->values->launch;
	if (!launch->http)
		return 0;
	const int result =
	    http_exchange_open(&run->exchange, launch->http, launch->timeout_ns, error);
	run->launch.description.input = run->exchange.request;
	run->launch.description.output = run->exchange.given;
	return result;
}

static int drive(struct run *run, struct error *error)
{
	struct http_exchange *exchange = run->values->launch.http ? &run->exchange : NULL;
	const int result = launch_drive(run->function, &run->over, exchange, error);
	/* Nobody reads the response any more. */
	run->result.reader_gone |= result == -EPIPE;
	return run->result.reader_gone ? 0 : result;
}

static int run_run(const void *values, const struct operands *operands, struct error *error)
{
	cleanup(run_release) struct run run = {
	    .values = values, .statistics.fd = -1, .trace = -1, .exchange = HTTP_EXCHANGE_NONE};
	launch_prepare_streams();
	run.name = launch_name(&run.values->launch, operands);
	int result = open_trace(&run, error);
	if (!result && run.values->statistics)
		result = run_statistics_open(&run.statistics, run.values->statistics, error);
	if (!result)
		result = launch_describe(&run.launch, &run.values->launch, operands, error);
	if (!result)
		result = open_exchange(&run, error);
	if (result)
		return result;
	run.launch.description.event = note_event;
	run.launch.description.context = &run;
	run.launch.description.trace = run.trace;
	run.launch.description.work_bytes = find_memory(&run);
	result = start(&run, error);
	if (!result)
		result = drive(&run, error);
	if (result)
		return result;
	launch_tell_isolation(run.function);
	/* It ends as other programs do there, without a word. */
	if (run.result.reader_gone)
		return STATUS_SIGNAL + SIGPIPE;
	if (run.error.code)
		return error_set(error, run.error.code, "%s", run.error.text);
	return tell(&run, error);
}

static size_t least_operands(const void *values)
{
	const struct run_values *chosen = values;
	return launch_least_operands(&chosen->launch);
}

const struct verb verb_run = {
    .name = "run",
    .summary = "Run a program that serves a request, in a machine of its own",
    .usage = "PROGRAM [ARG...]",
    .description =
	"Runs PROGRAM in a virtual machine cloned from a snapshot. Standard input is the "
	"request, standard output the response, standard error the log.\n"
	"PROGRAM is one of these: the name of an installed function; a static Linux program; "
	"with --root, a program in that tree, static or dynamic; a root image or OCI layout that "
	"names its command; or a file that mayfly snapshot wrote.\n"
	"These functions come with Mayfly: hello answers with a greeting, echo with what it "
	"reads; hello-http greets by HTTP, and wants a gateway. classify, detect and annotate "
	"take a photograph (JPEG or PNG): classify tells what it shows, detect which objects "
	"are in it, and annotate answers with a PNG in which they are marked. To use another "
	"model than the usual one, give these three its name, as in 'detect face'.\n"
	"The exit status is the program's. It is 128 plus the signal's number if the program "
	"crashed, 124 if it took too long, and 125 if Mayfly itself failed. With --repeat it "
	"is the first status that is not 0. A program that crashes or takes too long is not "
	"repeated.\n"
	"The snapshot is taken when the program first reads its standard input or calls "
	"mayfly_ready(). What the program did before that is done once, for all requests.\n"
	"With --http PROGRAM is an HTTP server as it is, and the snapshot is taken where it waits "
	"for "
	"its first connection. Standard input is the body of a request, and standard output gets "
	"the "
	"response's body. The exit status is 1 if the response's is 400 or more.\n"
	"--warm-up is for programs that serve one request after another. Such a program then "
	"serves one request before the snapshot is taken, so that what it does only at its "
	"first request is done once, too.",
    .options = run_options,
    .option_count = ARRAY_SIZE(run_options),
    .defaults = &run_defaults,
    .values_size = sizeof(struct run_values),
    .least_by_options = least_operands,
    .most = OPERANDS_ANY,
    .stop_at_operand = true,
    .completes = COMPLETE_PROGRAMS,
    .failure_status = STATUS_FAILED,
    .run = run_run,
};
