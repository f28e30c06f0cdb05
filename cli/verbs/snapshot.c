/* mayfly snapshot: keep a program that waits for its request in a file. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command/verb.h"
#include "cli/run/launch.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"

struct snapshot_values {
	struct launch_values launch;
	const char *output;
	uint64_t variables;
};

static const struct snapshot_values snapshot_defaults = {.launch = LAUNCH_DEFAULTS};

#define VALUES struct snapshot_values
static const struct option_spec snapshot_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct snapshot_values, output), "FILE",
     "the snapshot file to write", .takes_file = true},
    {"request-variables", 0, OPTION_COUNT, offsetof(struct snapshot_values, variables), "NUMBER",
     "how many variables of its environment a request may bring, for a gateway that hands on "
     "headers so",
     .maximum = 128},
#include "cli/run/launch_options.def"
};

/* A snapshot that is being taken. */
struct taking {
	struct launch launch;
	struct mayfly_function *function;
	struct file_replacement file;
	bool over, finished, saving;
	struct mayfly_result result; /* where the program ended in its set-up */
	char text[MAYFLY_ERROR_TEXT_MAX * 4];
	struct error error;
};

static void taking_release(struct taking *taking)
{
	mayfly_function_close(taking->function);
	launch_release(&taking->launch);
	file_replacement_abandon(&taking->file);
}

static void note_event(void *context, const struct mayfly_event *event)
{
	struct taking *taking = context;
	taking->over = true;
	snprintf(taking->text, sizeof(taking->text), "%s", event->text);
	if (event->kind == MAYFLY_DOWN)
		error_set(&taking->error, -event->error, "%s", event->text);
	taking->saving = event->saving;
	if (event->kind != MAYFLY_FINISHED)
		return;
	taking->finished = true;
	taking->result = (struct mayfly_result){
	    .outcome = event->outcome, .status = event->status, .text = taking->text};
}

static int take(struct taking *taking, struct error *error)
{
	struct mayfly_error reason = {0};
	int result = mayfly_function_open(&taking->function, &taking->launch.description, &reason);
	if (!result)
		result = mayfly_function_start(taking->function, &reason);
	if (result)
		return error_set(error, -result, "%s", reason.text);
	result = launch_drive(taking->function, &taking->over, NULL, error);
	if (!result && taking->error.code)
		return error_set(error, taking->error.code, "%s", taking->error.text);
	return result;
}

static int snapshot_run(const void *values, const struct operands *operands, struct error *error)
{
	cleanup(taking_release) struct taking taking = {.file.fd = -1};
	const struct snapshot_values *chosen = values;
	if (!chosen->output)
		return error_set(error, EINVAL, "where to? Give --output=FILE");
	const char *name = launch_name(&chosen->launch, operands);
	launch_prepare_streams();
	int result = launch_describe(&taking.launch, &chosen->launch, operands, error);
	/* For its owner only: it holds what the program had in memory. */
	if (!result)
		result = file_replacement_open(&taking.file, chosen->output, 0600, error);
	if (result)
		return result;
	struct mayfly_description *description = &taking.launch.description;
	description->save = taking.file.fd;
	description->request_variables = (unsigned)chosen->variables;
	description->work_bytes = launch_memory_written(STDERR_FILENO, chosen->launch.log_limit);
	description->event = note_event;
	description->context = &taking;
	result = take(&taking, error);
	if (result)
		return taking.saving ? error_wrap(error, "%s", chosen->output) : result;
	launch_tell_isolation(taking.function);
	if (!taking.finished)
		return file_replacement_close(&taking.file, 0, error);
	if (taking.result.outcome == MAYFLY_EXITED && !taking.result.status && *taking.result.text)
		return error_set(error, ENOTSUP, "%s: there is nothing to take a snapshot of",
				 taking.result.text);
	int status = launch_tell_outcome(&chosen->launch, name, true, &taking.result);
	if (taking.result.outcome == MAYFLY_EXITED)
		return error_set(error, ENOTSUP,
				 "%s ended with status %d before it read standard input: there is "
				 "nothing to take a snapshot of",
				 name, taking.result.status);
	return status;
}

static size_t least_operands(const void *values)
{
	const struct snapshot_values *chosen = values;
	return launch_least_operands(&chosen->launch);
}

const struct verb verb_snapshot = {
    .name = "snapshot",
    .summary = "Start a program, and keep it in a file, ready for requests",
    .usage = "PROGRAM [ARG...]",
    .description =
	"Starts PROGRAM as mayfly run does, lets it run until it first reads its standard "
	"input or calls mayfly_ready(), and writes its machine into a file. mayfly run FILE "
	"then serves requests from that point: the program does not start again.\n"
	"All runs of the file share its memory. It works only with this version of Mayfly, "
	"with the same isolation, and on processors that have all features of this one; "
	"otherwise it is refused.\n"
	"With --root, the snapshot only names the root image. When the snapshot is used, the "
	"image must be unchanged, and lie where it was or beside the snapshot.\n"
	"The file holds all that the program had in memory, secrets too. So only its owner "
	"may read it.",
    .options = snapshot_options,
    .option_count = ARRAY_SIZE(snapshot_options),
    .defaults = &snapshot_defaults,
    .values_size = sizeof(struct snapshot_values),
    .least_by_options = least_operands,
    .most = OPERANDS_ANY,
    .stop_at_operand = true,
    .completes = COMPLETE_PROGRAMS,
    .failure_status = STATUS_FAILED,
    .run = snapshot_run,
};
