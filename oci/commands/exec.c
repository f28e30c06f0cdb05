/* mayfly-oci exec: another process in a container: a fresh machine over the same root, in the same
 * namespaces and control group. */
#include <errno.h>
#include <string.h>

#include "oci/commands/command.h"
#include "oci/commands/relay.h"
#include "oci/container/launch.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/json_text.h"

struct exec_values {
	const char *process, *pid_file, *console, *directory, *user;
	bool detach, terminal, no_new_privileges;
	struct option_list environment;
	/* Without meaning here. */
	struct option_list capabilities, groups;
	const char *label, *apparmor;
	uint64_t preserved;
};

#define MEMBER(name) offsetof(struct exec_values, name)

static const struct option_spec options[] = {
    {"process", 'p', OPTION_STRING, MEMBER(process), "FILE",
     "read what to run from FILE, an object as \"process\" of config.json", .takes_file = true},
    {"detach", 'd', OPTION_FLAG, MEMBER(detach), NULL, "do not wait for its end"},
    {"pid-file", 0, OPTION_STRING, MEMBER(pid_file), "FILE",
     "write the number of the process into FILE", .takes_file = true},
    {"console-socket", 0, OPTION_STRING, MEMBER(console), "FILE",
     "send the terminal's master to this socket", .takes_file = true},
    {"tty", 't', OPTION_FLAG, MEMBER(terminal), NULL, "give it a terminal (--console-socket)"},
    {"cwd", 0, OPTION_STRING, MEMBER(directory), "DIR", "where it starts"},
    {"env", 'e', OPTION_LIST, MEMBER(environment), "NAME=VALUE",
     "a variable beside the container's"},
    {"user", 'u', OPTION_STRING, MEMBER(user), "UID[:GID]", "whose it is"},
    {"no-new-privs", 0, OPTION_FLAG, MEMBER(no_new_privileges), NULL, "has no meaning here"},
    {"cap", 'c', OPTION_LIST, MEMBER(capabilities), "NAME", "has no meaning here"},
    {"additional-gids", 'g', OPTION_LIST, MEMBER(groups), "GID", "has no meaning here"},
    {"process-label", 0, OPTION_STRING, MEMBER(label), "LABEL", "has no meaning here"},
    {"apparmor", 0, OPTION_STRING, MEMBER(apparmor), "NAME", "has no meaning here"},
    {"preserve-fds", 0, OPTION_COUNT, MEMBER(preserved), "COUNT",
     "has no meaning here: a machine gets no descriptors", .maximum = 1024},
};

/* A list of texts; NULL without memory. */
static json_t *list_texts(const char *const *texts, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < count && texts[i]; i++)
		json_array_append_new(list, json_text(texts[i]));
	return list;
}

static int parse_user(const char *text, json_t *user, struct error *error)
{
	char *end;
	const long long uid = strtoll(text, &end, 10);
	long long gid = 0;
	bool right = end != text && (!*end || *end == ':');
	if (right && *end == ':') {
		const char *group = end + 1;
		gid = strtoll(group, &end, 10);
		right = end != group && !*end;
	}
	if (!right)
		return error_set(error, EINVAL, "--user wants UID[:GID] in numbers, not '%.32s'",
				 text);
	json_object_set_new(user, "uid", json_integer(uid));
	json_object_set_new(user, "gid", json_integer(gid));
	return 0;
}

/* What the options and operands ask for, where there is no file: the container's own process, with
 * other arguments. */
static int describe(const struct exec_values *chosen, const struct container *container,
		    const struct operands *operands, char **text, struct error *error)
{
	cleanup(oci_config_release) struct oci_config config = {0};
	int result = container_read_config(container, &config, error);
	if (result)
		return result;
	const struct oci_process *own = &config.process;
	json_t *user = json_pack("{s:I, s:I}", "uid", (json_int_t)own->user.uid, "gid",
				 (json_int_t)own->user.gid);
	if (user && chosen->user)
		result = parse_user(chosen->user, user, error);
	json_t *environment = list_texts(own->environment, SIZE_MAX);
	for (size_t i = 0; environment && i < chosen->environment.count; i++)
		json_array_append_new(environment, json_text(chosen->environment.values[i]));
	json_t *tree = json_pack(
	    "{s:b, s:o, s:o, s:o, s:o}", "terminal", chosen->terminal, "user", user, "args",
	    list_texts((const char *const *)operands->words + 1, operands->count - 1), "env",
	    environment, "cwd", json_text(chosen->directory ? chosen->directory : own->directory));
	*text = tree && !result ? json_dumps(tree, JSON_COMPACT) : NULL;
	json_decref(tree);
	if (!result && !*text)
		return error_set(error, ENOMEM, "no memory for a process");
	return result;
}

/* *text is not NULL after 0. */
static int find_text(const struct exec_values *chosen, const struct container *container,
		     const struct operands *operands, char **text, struct error *error)
{
	size_t length;
	if (chosen->process)
		return file_read(chosen->process, OCI_CONFIG_SIZE_MAX, (uint8_t **)text, &length,
				 error);
	if (operands->count < 2)
		return error_set(error, EINVAL,
				 "which program? Give it behind the container's name, "
				 "or --process");
	return describe(chosen, container, operands, text, error);
}

/* What can be wrong is found here, where a process has not been made for it. */
static int check(const char *text, const struct exec_values *chosen, struct error *error)
{
	cleanup(oci_process_release) struct oci_process process = {0};
	int result = oci_process_parse(text, strlen(text), &process, error);
	if (!result && process.terminal && !chosen->console && chosen->detach)
		result =
		    error_set(error, EINVAL,
			      "the process wants a terminal: --console-socket says who gets it");
	return result;
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct exec_values *chosen = values;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	cleanup_free char *text = NULL;
	struct spawn_process process;
	int status = 0;
	const struct launch_options launch = {
	    .root = globals->root, .pid_file = chosen->pid_file, .console = chosen->console};
	int result = command_open(&container, globals, operands, error);
	if (result)
		return result;
	const enum container_status now = container_find_status(&container);
	if (now != CONTAINER_RUNNING && now != CONTAINER_CREATED)
		return error_set(error, EINVAL, "container %s is %s, and not running", container.id,
				 container_status_names[now]);
	result = find_text(chosen, &container, operands, &text, error);
	if (!result && text)
		result = check(text, chosen, error);
	if (!result)
		result = launch_exec(&container, text, &launch, &process, error);
	if (result)
		return result;
	if (chosen->detach) {
		spawn_release(&process);
		return 0;
	}
	result = relay_until_end(&process, &status, error);
	return result ? result : status;
}

const struct command command_exec = {
    .name = "exec",
    .usage = "ID [PROGRAM ARG...]",
    .summary = "run another program in a container: in a fresh machine over the same files",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct exec_values){0},
    .values_size = sizeof(struct exec_values),
    .least = 1,
    .most = 1,
    .stop_at_operand = true,
    .follows = true,
    .run = run,
};
