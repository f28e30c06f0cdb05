/* mayfly snapshot: keep a program that waits for its request in a file. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "cli/launch.h"
#include "cli/verb.h"
#include "monitor.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"

struct snapshot_values {
	struct launch_values launch;
	const char *output;
};

static const struct snapshot_values snapshot_defaults = {.launch = LAUNCH_DEFAULTS};

#define VALUES struct snapshot_values
static const struct option_spec snapshot_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct snapshot_values, output), "FILE",
     "the snapshot file to write", .takes_file = true},
#include "cli/launch_options.def"
};

static int drop_response(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	return 0;
}

/* A snapshot that is being taken. */
struct taking {
	const struct snapshot_values *values;
	const char *name; /* the program's, as it was given */
	struct monitor *monitor;
	struct file_replacement file;
};

static void taking_release(struct taking *taking)
{
	monitor_close(taking->monitor);
	file_replacement_abandon(&taking->file);
}

/* Runs the set-up. A program that ended in it is told about, and its status is not 0. */
static int prepare(struct monitor *monitor, const struct launch_values *values, const char *name,
		   int *status, struct error *error)
{
	const struct request request = {
	    .fd = -1,
	    .timeout_ns = values->timeout_ns,
	    .log_limit = values->log_limit,
	    .respond = drop_response,
	    .log = launch_pass_log,
	};
	struct request_result result;
	bool finished = false;
	int code = monitor_prepare(monitor, &request, &finished, &result, error);
	if (code || !finished)
		return code;
	*status = launch_tell_outcome(values, name, &result);
	if (result.outcome == OUTCOME_EXITED)
		return error_set(error, ENOTSUP,
				 "%s ended with status %d before it read standard input: there is "
				 "nothing to take a snapshot of",
				 name, result.status);
	return 0;
}

/* In the monitor's own process, without rights. Returns the exit status. */
static int take_confined(void *context, struct error *error)
{
	struct taking *taking = context;
	int status = 0;
	int result =
	    prepare(taking->monitor, &taking->values->launch, taking->name, &status, error);
	if (result || status)
		return result ? result : status;
	result = monitor_save(taking->monitor, taking->file.fd, error);
	return result ? error_wrap(error, "%s", taking->values->output) : 0;
}

static int snapshot_run(const void *values, const struct operands *operands, struct error *error)
{
	cleanup(taking_release) struct taking taking = {.values = values, .file.fd = -1};
	if (!operands->count)
		return error_set(error, EINVAL,
				 "which program? Give its path or the name of a function");
	if (!taking.values->output)
		return error_set(error, EINVAL, "where to? Give --output=FILE");
	taking.name = operands->words[0];
	signal(SIGPIPE, SIG_IGN);
	int result = launch_monitor(&taking.monitor, &taking.values->launch, operands, error);
	if (!result)
		result = monitor_plan_save(taking.monitor, error);
	/* For its owner only: it holds what the program had in memory. */
	if (!result)
		result = file_replacement_open(&taking.file, taking.values->output, 0600, error);
	if (result)
		return result;
	log_info("isolation is %s", monitor_isolation(taking.monitor));
	const struct monitor_limits limits = {
	    .cgroup = taking.values->launch.cgroup,
	    .cpus = taking.values->launch.cpus,
	    .work_bytes = launch_memory_written(STDERR_FILENO, taking.values->launch.log_limit),
	};
	result = monitor_confine(taking.monitor, &limits, take_confined, &taking, error);
	return result ? result : file_replacement_close(&taking.file, 0, error);
}

const struct verb verb_snapshot = {
    .name = "snapshot",
    .summary = "Start a program and keep it in a file where it waits for its request",
    .usage = "PROGRAM [ARG...]",
    .description =
	"Runs the set-up of PROGRAM as mayfly run does, until it first reads its standard input or "
	"calls mayfly_ready(), and writes the machine into a file. mayfly run FILE then serves "
	"requests from there: the program does not start again.\n"
	"All who run the file share its memory. It is good for this version of Mayfly, for the "
	"same isolation, and for processors that have what this one has; elsewhere it is refused.\n"
	"With --root the file names the root image, which must be the same when it is used, and be "
	"where it was or beside the file.\n"
	"What the program had in memory is in the file, secrets as well: it is for its owner only.",
    .options = snapshot_options,
    .option_count = sizeof(snapshot_options) / sizeof(snapshot_options[0]),
    .defaults = &snapshot_defaults,
    .values_size = sizeof(struct snapshot_values),
    .stop_at_operand = true,
    .takes_files = true,
    .failure_status = STATUS_FAILED,
    .run = snapshot_run,
};
