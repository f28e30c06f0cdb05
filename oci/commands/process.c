/* mayfly-oci process: a container's process. Only other commands start it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "oci/commands/command.h"
#include "oci/container/process.h"
#include "util/cleanup.h"

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	struct stat status;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	const bool console = !strcmp(operands->words[1], "terminal");
	int exit_status = 0;
	if (fstat(PROCESS_SYNC, &status) || !S_ISSOCK(status.st_mode))
		return error_set(error, EINVAL, "only other commands of mayfly-oci start this");
	int result = container_open(&container, globals->root, operands->words[2], error);
	if (!result)
		result = (!strcmp(operands->words[0], "exec") ? process_exec : process_create)(
		    &container, console, &exit_status, error);
	return result ? result : exit_status;
}

const struct command command_process = {
    .name = "process",
    .usage = "create|exec terminal|streams ID",
    .summary = "be a container's process",
    .least = 3,
    .most = 3,
    .hidden = true,
    .run = run,
};
