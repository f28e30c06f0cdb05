/* mayfly run: serve a request by a program in a machine of its own. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_statistics.h"
#include "cli/verb.h"
#include "monitor.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"

#define STATUS_DEADLINE	   124 /* as timeout(1) */
#define STATUS_FAILED	   125 /* Mayfly itself failed, as for docker run */
#define STATUS_SIGNAL	   128 /* plus the signal, as a shell says */
#define MEMORY_DEFAULT	   (64UL << 20)
#define MEMORY_WITH_ROOT   (256UL << 20) /* libraries are mapped by copying them */
#define REPEATED_BYTES_MAX (1UL << 30)

static const char *const isolation_names[] = {"auto", "kvm", "process", NULL};

struct run_values {
	int isolation;
	uint64_t memory, timeout_ns, repeat;
	struct option_list environment;
	const char *root;
	const char *statistics;
	const char *trace;
};

static const struct run_values run_defaults = {
    .timeout_ns = 30 * NANOSECONDS_PER_SECOND,
    .repeat = 1,
};

static const struct option_spec run_options[] = {
    {"isolation", 0, OPTION_CHOICE, offsetof(struct run_values, isolation), "KIND",
     "what holds the program in; auto takes kvm where it can be had", .choices = isolation_names},
    {"memory", 'm', OPTION_SIZE, offsetof(struct run_values, memory), "SIZE",
     "memory of the program (default: 64M; 256M with a root)", .minimum = 1UL << 20,
     .maximum = 64UL << 30},
    {"timeout", 't', OPTION_DURATION, offsetof(struct run_values, timeout_ns), "TIME",
     "how long one request may take", .minimum = 1000000,
     .maximum = 86400 * NANOSECONDS_PER_SECOND},
    {"env", 'e', OPTION_LIST, offsetof(struct run_values, environment), "NAME=VALUE",
     "a variable of the program's environment"},
    {"root", 0, OPTION_STRING, offsetof(struct run_values, root), "TREE",
     "the program's files: a directory, a tar archive, or an image by mayfly root build",
     .takes_file = true},
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
	struct monitor *monitor;
	struct run_statistics statistics;
	uint8_t *input; /* the whole request, where it is served more than once */
	size_t input_length;
	bool print; /* the response of the request that runs now */
	FILE *trace;
};

static void run_release(struct run *run)
{
	monitor_close(run->monitor);
	run_statistics_release(&run->statistics);
	free(run->input);
	if (run->trace && run->trace != stderr)
		fclose(run->trace);
}

static int respond(void *context, const void *data, size_t length)
{
	const struct run *run = context;
	return run->print ? file_write_all(STDOUT_FILENO, data, length) : 0;
}

/* A log that cannot be written does not fail the request. */
static void pass_log(void *context, const void *data, size_t length)
{
	file_write_all(STDERR_FILENO, data, length);
}

/* Nor does a trace. */
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
	return 0;
}

/* The program: its name in the root, where there is one; a path where it has a slash; else an
 * installed function. */
static int find_program(const char *name, const char *root, char *path, size_t size,
			struct error *error)
{
	char part[PATH_MAX];
	if (strchr(name, '/') || root) {
		if ((size_t)snprintf(path, size, "%s", name) >= size)
			return error_set(error, ENAMETOOLONG, "the program's path is too long");
		if (!root && access(path, F_OK))
			return error_set_errno(error, errno, "cannot find program %s", name);
		return 0;
	}
	if ((size_t)snprintf(part, sizeof(part), "functions/%s", name) >= sizeof(part))
		return error_set(error, ENAMETOOLONG, "the function's name is too long");
	if (paths_part(path, size, part, NULL))
		return error_set(error, ENOENT,
				 "no function is called '%s'; for a program give its path, for "
				 "example ./%s",
				 name, name);
	return 0;
}

static int check_environment(const struct option_list *list, struct error *error)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strchr(list->values[i], '=') || list->values[i][0] == '=')
			return error_set(error, EINVAL, "--env wants NAME=VALUE, not '%s'",
					 list->values[i]);
	return 0;
}

static int open_monitor(struct run *run, const struct operands *operands, struct error *error)
{
	const struct run_values *values = run->values;
	char path[PATH_MAX];
	int result = check_environment(&values->environment, error);
	if (!result)
		result = find_program(operands->words[0], values->root, path, sizeof(path), error);
	if (result)
		return result;
	const char *environment[OPTION_LIST_MAX + 1] = {0};
	memcpy(environment, values->environment.values,
	       values->environment.count * sizeof(environment[0]));
	cleanup_free const char **arguments = calloc(operands->count + 1, sizeof(*arguments));
	if (!arguments)
		return error_set(error, ENOMEM, "no memory for arguments");
	memcpy(arguments, operands->words, operands->count * sizeof(*arguments));
	uint64_t memory = values->memory;
	if (!memory)
		memory = values->root ? MEMORY_WITH_ROOT : MEMORY_DEFAULT;
	struct monitor_options options = {
	    .program = path,
	    .arguments = arguments,
	    .environment = environment,
	    .isolation = isolation_names[values->isolation],
	    .memory = memory,
	    .root = values->root,
	    .debug = log_level_now >= LOG_DEBUG,
	};
	return monitor_open(&run->monitor, &options, error);
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
				    REPEATED_BYTES_MAX >> 21);
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

/* Says how a program fared that did not simply exit; returns the exit status. */
static int tell_outcome(const struct run *run, const char *name,
			const struct request_result *result)
{
	switch (result->outcome) {
	case OUTCOME_EXITED:
		return result->status;
	case OUTCOME_SIGNALED:
		log_error("%s ended itself by signal %d (%s)", name, result->status,
			  strsignal(result->status));
		return STATUS_SIGNAL + result->status;
	case OUTCOME_CRASHED:
		log_error("%s", result->report);
		return STATUS_SIGNAL + result->status;
	case OUTCOME_DEADLINE:
		log_error("%s was stopped: it took longer than %.6g s; give more with --timeout",
			  name, (double)run->values->timeout_ns / 1e9);
		return STATUS_DEADLINE;
	case OUTCOME_LOST:
		break;
	}
	log_error("the machine of %s was killed from outside", name);
	return STATUS_SIGNAL + SIGKILL;
}

static int serve_all(struct run *run, const char *name, int *status, struct error *error)
{
	bool repeated = run->values->repeat > 1;
	struct request request = {
	    .fd = repeated ? -1 : STDIN_FILENO,
	    .timeout_ns = run->values->timeout_ns,
	    .respond = respond,
	    .log = pass_log,
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
		int one = tell_outcome(run, name, &result);
		*status = *status ? *status : one;
		if (result.outcome != OUTCOME_EXITED)
			return 0;
	}
	return 0;
}

static int run_run(const void *values, const struct operands *operands, struct error *error)
{
	cleanup(run_release) struct run run = {.values = values};
	if (!operands->count)
		return error_set(error, EINVAL,
				 "which program? Give its path or the name of a function");
	/* A reader that went away is an error of write(2), not the end of Mayfly. */
	signal(SIGPIPE, SIG_IGN);
	int result = open_trace(&run, error);
	if (!result)
		result = open_monitor(&run, operands, error);
	if (result)
		return result;
	log_info("isolation is %s", monitor_isolation(run.monitor));
	int status = 0;
	result = serve_all(&run, operands->words[0], &status, error);
	if (!result && run.values->statistics) {
		const struct slot *slot = monitor_first_slot(run.monitor);
		result = run_statistics_write(
		    &run.statistics, run.values->statistics, monitor_isolation(run.monitor),
		    slot ? slot_private_bytes(slot) : 0, monitor_shared_bytes(run.monitor), error);
	}
	return result ? result : status;
}

const struct verb verb_run = {
    .name = "run",
    .summary = "Serve a request by a program in a machine of its own",
    .usage = "PROGRAM [ARG...]",
    .description =
	"Runs PROGRAM, a static Linux program or the name of an installed function, in a virtual "
	"machine cloned from a snapshot. Standard input is the request, standard output the "
	"response, standard error the log.\n"
	"The exit status is the program's; 128 and the signal's number where it crashed, 124 where "
	"it took too long, 125 where Mayfly itself failed.\n"
	"The snapshot is taken when the program first reads its standard input, or calls "
	"mayfly_ready(): what it did before is done once for all requests.",
    .options = run_options,
    .option_count = sizeof(run_options) / sizeof(run_options[0]),
    .defaults = &run_defaults,
    .values_size = sizeof(struct run_values),
    .stop_at_operand = true,
    .takes_files = true,
    .failure_status = STATUS_FAILED,
    .run = run_run,
};
