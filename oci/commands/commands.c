/* The table of commands, and what they share; see command.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "oci/commands/command.h"
#include "util/cleanup.h"

const struct command *const commands[] = {
    &command_create,
    &command_delete,
    &command_events,
    &command_exec,
    &command_features,
    &command_kill,
    &command_list,
    &command_pause,
    &command_process,
    &command_ps,
    &command_resume,
    &command_run,
    &command_spec,
    &command_start,
    &command_state,
    &command_update,
    NULL,
};

static const char *const log_formats[] = {
    [LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json", NULL};

#define MEMBER(name) offsetof(struct globals, name)
const struct option_spec global_options[] = {
    {"root", 0, OPTION_STRING, MEMBER(root), "DIR",
     "where the state of containers is kept (default: " CONTAINER_ROOT ")", .takes_file = true},
    {"log", 0, OPTION_STRING, MEMBER(log), "FILE", "add errors and warnings to FILE",
     .takes_file = true},
    {"log-format", 0, OPTION_CHOICE, MEMBER(log_format), "FORMAT", "how they look there",
     .choices = log_formats},
    {"systemd-cgroup", 0, OPTION_FLAG, MEMBER(systemd_cgroup), NULL,
     "read cgroupsPath as SLICE:PREFIX:NAME"},
    {"debug", 0, OPTION_FLAG, MEMBER(debug), NULL, "say more"},
    {"rootless", 0, OPTION_STRING, MEMBER(rootless), "WORD", "has no meaning here"},
    {"criu", 0, OPTION_STRING, MEMBER(criu), "FILE", "has no meaning here"},
    {"cgroup-manager", 0, OPTION_STRING, MEMBER(cgroup_manager), "NAME",
     "cgroupfs, or systemd as --systemd-cgroup"},
    {"help", 'h', OPTION_FLAG, MEMBER(help), NULL, "say what there is"},
    {"version", 'v', OPTION_FLAG, MEMBER(version), NULL, "print the version"},
};
const size_t global_option_count = ARRAY_SIZE(global_options);

int command_open(struct container *container, const struct globals *globals,
		 const struct operands *operands, struct error *error)
{
	return container_open(container, globals->root, operands->words[0], error);
}

int command_open_locked(struct container *container, const struct globals *globals,
			const struct operands *operands, struct error *error)
{
	const int result = command_open(container, globals, operands, error);
	return result ? result : container_lock(container, error);
}

int command_print(json_t *tree, struct error *error)
{
	cleanup_free char *text = tree ? json_dumps(tree, JSON_INDENT(2)) : NULL;
	json_decref(tree);
	if (!text)
		return error_set(error, ENOMEM, "no memory for an answer");
	puts(text);
	return 0;
}
