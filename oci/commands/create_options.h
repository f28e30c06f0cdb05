/* Options that `create` and `run` have in common. */
#ifndef MAYFLY_OCI_COMMANDS_CREATE_OPTIONS_H
#define MAYFLY_OCI_COMMANDS_CREATE_OPTIONS_H

#include "oci/commands/command.h"
#include "oci/container/launch.h"

struct create_values {
	const char *bundle, *pid_file, *console;
	bool no_pivot, no_new_keyring, no_subreaper; /* have no meaning here */
	uint64_t preserved;
	/* of `run` */
	bool detach, keep;
};

static inline struct launch_options create_launch_options(const struct create_values *values,
							  const struct globals *globals)
{
	return (struct launch_options){
	    .root = globals->root,
	    .bundle = values->bundle,
	    .pid_file = values->pid_file,
	    .console = values->console,
	    .systemd = globals->systemd_cgroup,
	    .log = globals->log,
	    .log_json = globals->log_format == LOG_FORMAT_JSON,
	};
}

#endif
