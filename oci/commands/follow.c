/* Commands on containers that are another runtime's; see command.h. */
#include <errno.h>

#include "oci/commands/command.h"
#include "oci/container/delegate.h"
#include "oci/container/launch.h"
#include "util/cleanup.h"

int command_follow(const struct command *command, const struct globals *globals,
		   const struct operands *operands, const char *const *words, struct error *error)
{
	cleanup(container_close) struct container container = CONTAINER_NONE;
	const struct launch_options options = {
	    .root = globals->root,
	    .log = globals->log,
	    .log_json = globals->log_format == LOG_FORMAT_JSON,
	    .systemd = globals->systemd_cgroup,
	};
	int status = 0;
	if (!command->follows ||
	    container_open(&container, globals->root, operands->words[0], NULL) ||
	    !*container.runtime)
		return -ENOENT;
	int result = delegate_run(&container, &options, words, &status, error);
	if (!result && !status && command == &command_delete)
		result = container_remove(&container, error);
	return result ? result : status;
}
