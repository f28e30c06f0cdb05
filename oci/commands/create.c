/* mayfly-oci create: make a container whose process waits for `start`. */
#include "oci/commands/command.h"
#include "oci/commands/create_options.h"
#include "oci/container/launch.h"
#include "util/cleanup.h"

#define VALUES struct create_values
static const struct option_spec options[] = {
#include "oci/commands/create_options.def"
};

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct create_values *chosen = values;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	struct spawn_process process;
	struct launch_options launch = create_launch_options(chosen, globals);
	launch.may_delegate = true;
	int result = launch_create(&container, operands->words[0], &launch, &process, error);
	/* Whoever adopts our children waits for it. */
	if (!result)
		spawn_release(&process);
	return result;
}

const struct command command_create = {
    .name = "create",
    .usage = "ID",
    .summary = "make a container, whose process waits for `start`",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct create_values){0},
    .values_size = sizeof(struct create_values),
    .least = 1,
    .most = 1,
    .run = run,
};
