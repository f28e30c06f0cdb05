/* mayfly-acceld, the accelerator host: its options, and what it is to be: the one that starts a
 * host in the background, a supervisor, or a worker. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "accel/bootstrap.h"
#include "launch.h"
#include "options/option_help.h"
#include "supervisor.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/paths.h"
#include "worker.h"

/* A worker starts libvaccel when it has its seat; no other process here has plugins in it. */
const char mayfly_bootstraps_itself = 1;

#define CONNECTIONS_MAX 65536
#define MEMORY_MIN	(64UL << 20)
#define MEMORY_MAX	(1UL << 44)
#define TIME_MAX	(365UL * 24 * 3600 * NANOSECONDS_PER_SECOND)

struct acceld_options {
	bool foreground, help;
	const char *socket_path; /* NULL: in the run-time directory */
	uint64_t connections, idle_ns, op_limit_ns, resource_memory;
	uint64_t memory;   /* 0: the default */
	uint64_t ready_fd; /* 0: nobody waits */
};

static const struct acceld_options acceld_defaults = {
    .connections = 2048,
    .idle_ns = 60 * NANOSECONDS_PER_SECOND,
    .op_limit_ns = 60 * NANOSECONDS_PER_SECOND,
    .resource_memory = 2UL << 30,
};

static const struct option_spec acceld_options[] = {
    {"foreground", 0, OPTION_FLAG, offsetof(struct acceld_options, foreground), NULL,
     "serve in this process"},
    {"socket", 0, OPTION_STRING, offsetof(struct acceld_options, socket_path), "PATH",
     "listen there instead of acceld.sock in the run-time directory", .takes_file = true},
    {"connections", 0, OPTION_COUNT, offsetof(struct acceld_options, connections), "COUNT",
     "serve at most so many windows at once", .minimum = 1, .maximum = CONNECTIONS_MAX},
    {"idle", 0, OPTION_DURATION, offsetof(struct acceld_options, idle_ns), "TIME",
     "end after so long without a connection; 0: never", .maximum = TIME_MAX},
    {"op-limit", 0, OPTION_DURATION, offsetof(struct acceld_options, op_limit_ns), "TIME",
     "no op may take longer", .minimum = 1000000, .maximum = TIME_MAX},
    {"memory", 0, OPTION_SIZE, offsetof(struct acceld_options, memory), "SIZE",
     "what this process may take, without windows; ops that want more fail; three quarters of "
     "the machine's where it is not given",
     .minimum = MEMORY_MIN, .maximum = MEMORY_MAX},
    {"resource-memory", 0, OPTION_SIZE, offsetof(struct acceld_options, resource_memory), "SIZE",
     "what models and other data that clients send may take, all connections together",
     .minimum = 1UL << 20, .maximum = MEMORY_MAX},
    {"ready-fd", 0, OPTION_COUNT, offsetof(struct acceld_options, ready_fd), "FD",
     "write a newline to this descriptor when serving, or why not", .minimum = 3,
     .maximum = INT_MAX},
    {"help", 'h', OPTION_FLAG, offsetof(struct acceld_options, help), NULL,
     "show this help and do nothing else"},
};

#define OPTION_TABLE_SIZE (sizeof(acceld_options) / sizeof(acceld_options[0]))

static int print_help(struct error *error)
{
	puts("Usage: mayfly-acceld [OPTION...]\n");
	help_print_wrapped(
	    stdout,
	    "The accelerator host: runs accelerated work for this user's functions. It "
	    "is started on demand; without --foreground it starts in the background and "
	    "returns when it serves.",
	    0, 0);
	puts("");
	help_print_options(stdout, acceld_options, OPTION_TABLE_SIZE, &acceld_defaults);
	puts("");
	help_print_wrapped(
	    stdout,
	    "VACCEL_PLUGINS names the plugins (default: onnx, then noop). MAYFLY_LOG is "
	    "the level of the log: error, warn, info or debug. In the background the log "
	    "is acceld.log in the run-time directory ($XDG_RUNTIME_DIR/mayfly).",
	    0, 0);
	return fflush(stdout) ? error_set_errno(error, errno, "cannot write") : 0;
}

static int parse_options(int count, char *words[], struct acceld_options *options,
			 struct error *error)
{
	*options = acceld_defaults;
	const struct option_set set = {acceld_options, OPTION_TABLE_SIZE, options};
	struct operands operands;
	int result = options_parse(&set, 1, false, count - 1, words + 1, &operands, error);
	if (!result && operands.count)
		result = error_set(error, EINVAL, "%s: no arguments are taken; see --help",
				   operands.words[0]);
	return result;
}

/* Returns the exit status, or a negative errno. */
static int serve(const struct acceld_options *options, const char *socket_path, struct error *error)
{
	const struct supervisor_options supervisor = {
	    .socket_path = socket_path,
	    .ready_fd = options->ready_fd ? (int)options->ready_fd : -1,
	};
	struct worker_seat seat;
	int result = supervisor_run(&supervisor, &seat, error);
	if (result == SUPERVISOR_FORKED) {
		const struct worker_options worker = {
		    .socket_path = socket_path,
		    .connections_max = (unsigned)options->connections,
		    .log = options->ready_fd ? STDERR_FILENO : -1,
		    .idle_ns = options->idle_ns,
		    .op_limit_ns = options->op_limit_ns,
		    .memory = options->memory,
		    .resource_memory = options->resource_memory,
		};
		return worker_run(&worker, &seat, error);
	}
	/* Not worth a line in the log of the one that was faster. */
	return result == -EADDRINUSE && options->ready_fd ? EXIT_SUCCESS : result;
}

static int launch(char *const words[], struct error *error)
{
	char log_path[PATH_MAX];
	int result = paths_runtime(log_path, sizeof(log_path), "acceld.log", error);
	return result ? result : launch_detached(words + 1, log_path, error);
}

/* Returns the exit status, or a negative errno. */
static int run(int count, char *words[], struct error *error)
{
	struct acceld_options options;
	char socket_path[PATH_MAX];
	int result = parse_options(count, words, &options, error);
	if (result)
		return result;
	if (options.help)
		return print_help(error);
	if (!options.foreground)
		return launch(words, error);
	/* Not in the launcher, from which clients want to hear one line. */
	log_setup_from_environment("mayfly-acceld", LOG_WARN);
	if (options.socket_path)
		return serve(&options, options.socket_path, error);
	result = paths_runtime(socket_path, sizeof(socket_path), "acceld.sock", error);
	return result ? result : serve(&options, socket_path, error);
}

int main(int count, char *words[])
{
	struct error error = {0};
	log_setup("mayfly-acceld", LOG_WARN);
	int result = run(count, words, &error);
	if (result >= 0)
		return result;
	log_error("%s", error.text);
	return EXIT_FAILURE;
}
