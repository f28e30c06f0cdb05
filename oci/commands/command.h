/* A command of mayfly-oci: a file and a table each. What all have in common is what the
 * command lines of runtimes look like: `mayfly-oci [OPTIONS] COMMAND [OPTIONS] ID`. */
#ifndef MAYFLY_OCI_COMMANDS_COMMAND_H
#define MAYFLY_OCI_COMMANDS_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "oci/container/state.h"
#include "options/options.h"
#include "sizes/sizes.h"
#include "util/error.h"

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Options of all commands, before or behind the command's name. */
struct globals {
	const char *root; /* absolute when a command runs */
	const char *log;
	int log_format; /* enum log_format */
	bool systemd_cgroup, debug, help, version;
	/* Taken for other runtimes' sake, and without meaning here. */
	const char *rootless, *criu, *cgroup_manager;
	char root_path[PATH_MAX];
};

extern const struct option_spec global_options[];
extern const size_t global_option_count;

struct command {
	const char *name, *usage, *summary;
	const struct option_spec *options;
	size_t option_count;
	const void *defaults; /* of values_size bytes; NULL where there are no options */
	size_t values_size;
	size_t least, most; /* operands */
	bool stop_at_operand, hidden;
	bool
	    follows; /* the first operand is a container that is there, perhaps another runtime's */
	/* The exit status, or a negative errno. */
	int (*run)(const void *values, const struct globals *globals,
		   const struct operands *operands, struct error *error);
};

extern const struct command *const commands[]; /* ends with NULL */
extern const struct command command_create, command_start, command_state, command_kill,
    command_delete, command_run, command_exec, command_ps, command_pause, command_resume,
    command_update, command_events, command_features, command_list, command_spec, command_process;

/* Has another runtime do all there is to do, if the first operand is a container of its (delegate.h).
 * `words` are the command and what follows it, as they were given. The exit status of that runtime;
 * -ENOENT where this runtime has the container, or nobody; or another negative errno. */
int command_follow(const struct command *command, const struct globals *globals,
		   const struct operands *operands, const char *const *words, struct error *error);

/* Opens the container that is the first operand, for a command that only looks. */
int command_open(struct container *container, const struct globals *globals,
		 const struct operands *operands, struct error *error);

/* The same for one that changes it: with its lock. */
int command_open_locked(struct container *container, const struct globals *globals,
			const struct operands *operands, struct error *error);

/* Prints a tree on standard output, and releases it. NULL: there was no memory for it. */
int command_print(json_t *tree, struct error *error);

#endif
