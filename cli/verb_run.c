/* mayfly run: serve a request by a program in a machine of its own. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/launch.h"
#include "cli/run_statistics.h"
#include "cli/verb.h"
#include "monitor.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
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
#include "cli/launch_options.def"
    {"repeat", 'n', OPTION_COUNT, offsetof(struct run_values, repeat), "COUNT",
     "serve the same request so often, each in a fresh clone, and print the last response",
     .minimum = 1, .maximum = 100000000},
    {"stats", 0, OPTION_STRING, offsetof(struct run_values, statistics), "FILE",
     "write times and memory as JSON to FILE or standard error", .value_optional = true,
     .takes_file = true},
    {"trace", 0, OPTION_STRING, offsetof(struct run_values, trace), "FILE",
     "write the program's system calls, with times in microseconds, to FILE or standard error",
     .value_optional = true, .takes_file = true},
};

struct run {
	const struct run_values *values;
	const char *name; /* the program's, as it was given */
	struct monitor *monitor;
	struct run_statistics statistics;
	uint8_t *input; /* the whole request, where it is served more than once */
	size_t input_length;
	bool print;	  /* the response of the request that runs now */
	bool reader_gone; /* nobody reads standard output any more */
	FILE *trace;
	char trace_buffer[BUFSIZ];
};

static void run_release(struct run *run)
{
	monitor_close(run->monitor);
	run_statistics_release(&run->statistics);
	free(run->input);
	if (run->trace && run->trace != stderr)
		fclose(run->trace);
}

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct run *run = context;
	int result = run->print ? file_write_until(STDOUT_FILENO, data, length, deadline_ns) : 0;
	run->reader_gone = result == -EPIPE;
	return result;
}

/* A trace that cannot be written does not fail the request. */
static void pass_trace(void *context, const char *line, size_t length)
{
	const struct run *run = context;
	fwrite(line, 1, length, run->trace);
}

static int open_trace(struct run *run, struct error *error)
{
	const char *file = run->values->trace;
	if (!file)
		return 0;
	run->trace = *file ? fopen(file, "we") : stderr;
	if (!run->trace)
		return error_set_errno(error, errno, "cannot write the trace to %s", file);
	/* With a buffer of its own the C library would ask whether a device is a terminal, by a
	 * system call that the monitor gives up.
	 */
	if (*file)
		setvbuf(run->trace, run->trace_buffer, _IOFBF, sizeof(run->trace_buffer));
	return 0;
}

static void finish_trace(const struct run *run)
{
	if (run->trace && (fflush(run->trace) || ferror(run->trace)))
		log_warn("the trace is not complete: cannot write %s",
			 *run->values->trace ? run->values->trace : "standard error");
}

/* Reads the whole request: it is to be served again and again. */
static int read_input(struct run *run, struct error *error)
{
	size_t room = 0;
	for (;;) {
		if (run->input_length == room) {
			room = room ? 2 * room : 65536;
			if (room > REPEATED_BYTES_MAX)
				return error_set(
				    error, EFBIG,
				    "--repeat keeps the request in memory: at most %lu MiB",
				    REPEATED_BYTES_MAX >> 20);
			uint8_t *grown = realloc(run->input, room);
			if (!grown)
				return error_set(error, ENOMEM, "no memory for the request");
			run->input = grown;
		}
		ssize_t got = file_read_full(STDIN_FILENO, run->input + run->input_length,
					     room - run->input_length);
		if (got < 0)
			return error_set_errno(error, (int)-got, "cannot read the request");
		if (!got)
			return 0;
		run->input_length += (size_t)got;
	}
}

static int serve_all(struct run *run, const char *name, int *status, struct error *error)
{
	bool repeated = run->values->repeat > 1;
	struct request request = {
	    .fd = repeated ? -1 : STDIN_FILENO,
	    .timeout_ns = run->values->launch.timeout_ns,
	    .response_limit = run->values->launch.response_limit,
	    .log_limit = run->values->launch.log_limit,
	    .respond = respond,
	    .log = launch_pass_log,
	    .trace = run->trace ? pass_trace : NULL,
	    .context = run,
	};
	if (repeated) {
		int result = read_input(run, error);
		if (result)
			return result;
		request.data = run->input;
		request.length = run->input_length;
	}
	for (uint64_t i = 0; i < run->values->repeat; i++) {
		struct request_result result;
		run->print = i + 1 == run->values->repeat;
		int code = monitor_serve(run->monitor, &request, &result, error);
		if (!code && run->values->statistics)
			code = run_statistics_add(&run->statistics, &result, error);
		if (code)
			return code;
		int one = launch_tell_outcome(&run->values->launch, name, &result);
		*status = *status ? *status : one;
		if (result.outcome != OUTCOME_EXITED)
			return 0;
	}
	return 0;
}

/* In the monitor's own process, without rights. Returns the exit status. */
static int serve_confined(void *context, struct error *error)
{
	struct run *run = context;
	int status = 0;
	int result = serve_all(run, run->name, &status, error);
	finish_trace(run);
	if (run->reader_gone)
		return STATUS_SIGNAL + SIGPIPE;
	if (!result && run->values->statistics) {
		const struct slot *slot = monitor_first_slot(run->monitor);
		result = run_statistics_write(&run->statistics, monitor_isolation(run->monitor),
					      slot ? slot_private_bytes(slot) : 0,
					      monitor_shared_bytes(run->monitor), error);
	}
	return result ? result : status;
}

/* What serve_confined() needs for itself: what is kept for all requests, and what it writes into
 * files that lie in memory. A trace is as long as it gets. */
static uint64_t find_memory(const struct run *run)
{
	const struct launch_values *launch = &run->values->launch;
	uint64_t repeat = run->values->repeat, log, figures;
	uint64_t total = launch_memory_written(STDOUT_FILENO, launch->response_limit);
	if (repeat > 1 && add_overflows(total, REPEATED_BYTES_MAX, &total))
		return UINT64_MAX;
	if (run->values->statistics && (mul_overflows(repeat, RUN_STATISTICS_BYTES, &figures) ||
					add_overflows(total, figures, &total)))
		return UINT64_MAX;
	if (mul_overflows(repeat, launch->log_limit, &log))
		log = UINT64_MAX;
	if (add_overflows(total, launch_memory_written(STDERR_FILENO, log), &total))
		return UINT64_MAX;
	return run->trace && launch_memory_written(fileno(run->trace), 1) ? UINT64_MAX : total;
}

static int run_run(const void *values, const struct operands *operands, struct error *error)
{
	cleanup(run_release) struct run run = {.values = values, .statistics.fd = -1};
	if (!operands->count)
		return error_set(error, EINVAL,
				 "which program? Give its path or the name of a function");
	/* A reader that went away is an error of write(2), not the end of Mayfly: accelerator host
	 * and machines are left in order. Then it ends as other programs do there, without a word.
	 */
	signal(SIGPIPE, SIG_IGN);
	run.name = operands->words[0];
	int result = open_trace(&run, error);
	if (!result && run.values->statistics)
		result = run_statistics_open(&run.statistics, run.values->statistics, error);
	if (!result)
		result = launch_monitor(&run.monitor, &run.values->launch, operands, error);
	if (result)
		return result;
	log_info("isolation is %s", monitor_isolation(run.monitor));
	const struct monitor_limits limits = {
	    .cgroup = run.values->launch.cgroup,
	    .cpus = run.values->launch.cpus,
	    .work_bytes = find_memory(&run),
	};
	return monitor_confine(run.monitor, &limits, serve_confined, &run, error);
}

const struct verb verb_run = {
    .name = "run",
    .summary = "Serve a request by a program in a machine of its own",
    .usage = "PROGRAM [ARG...]",
    .description =
	"Runs PROGRAM, a static Linux program, a dynamic one of the tree that --root gives, the "
	"name "
	"of an installed function, or a root image that names its command, in a virtual machine "
	"cloned from a snapshot. Standard "
	"input is the request, standard output the response, standard error the log.\n"
	"These functions come with Mayfly: hello greets and echo repeats what it reads; classify, "
	"detect and annotate take a photograph (JPEG or PNG) and answer with what it shows, with "
	"the objects in it, and with a PNG in which they are marked. 'detect MODEL' takes another "
	"model than the usual one.\n"
	"The exit status is the program's; 128 and the signal's number where it crashed, 124 where "
	"it took too long, 125 where Mayfly itself failed. With --repeat it is the first that is "
	"not "
	"0; a program that crashes or takes too long is not repeated.\n"
	"The snapshot is taken when the program first reads its standard input, or calls "
	"mayfly_ready(): what it did before is done once for all requests. PROGRAM may also be a "
	"file that mayfly snapshot wrote.\n"
	"With --warm-up a program that serves one request after another has served one before: "
	"what "
	"it does at its first request only is then done once, too.",
    .options = run_options,
    .option_count = sizeof(run_options) / sizeof(run_options[0]),
    .defaults = &run_defaults,
    .values_size = sizeof(struct run_values),
    .stop_at_operand = true,
    .takes_files = true,
    .failure_status = STATUS_FAILED,
    .run = run_run,
};
