/* mayfly-oci run: create, start, wait and delete in one. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "oci/commands/command.h"
#include "oci/commands/create_options.h"
#include "oci/commands/relay.h"
#include "oci/container/launch.h"
#include "util/cleanup.h"
#include "util/log.h"

#define VALUES struct create_values
static const struct option_spec options[] = {
#include "oci/commands/create_options.def"
    {"detach", 'd', OPTION_FLAG, offsetof(VALUES, detach), NULL, "do not wait for its end"},
    {"keep", 0, OPTION_FLAG, offsetof(VALUES, keep), NULL, "do not delete it at its end"},
    {"no-subreaper", 0, OPTION_FLAG, offsetof(VALUES, no_subreaper), NULL, "has no meaning here"},
};

/* Not with the lock: others may look after the container while it runs. */
static int remove_it(struct container *container, struct error *error)
{
	int result = container_lock(container, error);
	if (result == -ENOENT)
		return 0;
	return result ? result : launch_delete(container, error);
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct create_values *chosen = values;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	struct spawn_process process;
	const struct launch_options launch = create_launch_options(chosen, globals);
	int status = 0;
	int result = launch_create(&container, operands->words[0], &launch, &process, error);
	if (result)
		return result;
	result = launch_start(&container, error);
	if (result) {
		struct error reason;
		spawn_kill(&process);
		if (launch_delete(&container, &reason))
			log_warn("%s", reason.text);
		return result;
	}
	if (chosen->detach) {
		spawn_release(&process);
		return 0;
	}
	container_unlock(&container);
	result = relay_until_end(&process, &status, error);
	if (!result && !chosen->keep)
		result = remove_it(&container, error);
	return result ? result : status;
}

const struct command command_run = {
    .name = "run",
    .usage = "ID",
    .summary = "create a container, start it, wait for its end and delete it",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct create_values){0},
    .values_size = sizeof(struct create_values),
    .least = 1,
    .most = 1,
    .run = run,
};
