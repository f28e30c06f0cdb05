/* mayfly-oci state: what a container is and does, as JSON. */
#include "oci/commands/command.h"
#include "util/cleanup.h"

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	cleanup(container_close) struct container container = CONTAINER_NONE;
	int result = command_open(&container, globals, operands, error);
	if (result)
		return result;
	return command_print(
	    container_describe(&container, container_find_status(&container), true), error);
}

const struct command command_state = {
    .name = "state",
    .usage = "ID",
    .summary = "tell what a container is and does",
    .least = 1,
    .most = 1,
    .follows = true,
    .run = run,
};
