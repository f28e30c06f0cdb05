/* mayfly-oci start: have a created container run its program. */
#include "oci/commands/command.h"
#include "oci/container/launch.h"
#include "util/cleanup.h"

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	cleanup(container_close) struct container container = CONTAINER_NONE;
	int result = command_open_locked(&container, globals, operands, error);
	return result ? result : launch_start(&container, error);
}

const struct command command_start = {
    .name = "start",
    .usage = "ID",
    .summary = "run the program of a created container",
    .least = 1,
    .most = 1,
    .follows = true,
    .run = run,
};
