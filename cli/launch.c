/* The program that a verb is to run; see launch.h. */
#include "cli/launch.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"

#define WARM_UP_MAX	 (256UL << 20)
#define MEMORY_DEFAULT	 (64UL << 20)
#define MEMORY_WITH_ROOT (256UL << 20) /* libraries are mapped by copying them */

const char *const launch_isolations[] = {"auto", "kvm", "process", NULL};

/* The program: its name in the root, where there is one; a path where it has a slash; else an
 * installed function. */
static int find_program(const char *name, const char *root, char *path, size_t size,
			struct error *error)
{
	char part[PATH_MAX];
	if (strchr(name, '/') || root) {
		if ((size_t)snprintf(path, size, "%s", name) >= size)
			return error_set(error, ENAMETOOLONG, "the program's path is too long");
		if (!root && access(path, F_OK))
			return error_set_errno(error, errno, "cannot find program %s", name);
		return 0;
	}
	if ((size_t)snprintf(part, sizeof(part), "functions/%s", name) >= sizeof(part))
		return error_set(error, ENAMETOOLONG, "the function's name is too long");
	if (paths_part(path, size, part, NULL))
		return error_set(error, ENOENT,
				 "no function is called '%s': mayfly help run names those that "
				 "come with Mayfly; for a program give its path, for example ./%s",
				 name, name);
	return 0;
}

static int check_environment(const struct option_list *list, struct error *error)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strchr(list->values[i], '=') || list->values[i][0] == '=')
			return error_set(error, EINVAL, "--env wants NAME=VALUE, not '%s'",
					 list->values[i]);
	return 0;
}

/* What a snapshot has in it cannot be chosen any more. */
static int refuse_choices(const struct launch_values *values, const struct operands *operands,
			  struct error *error)
{
	const char *what = NULL;
	if (operands->count > 1)
		what = "arguments";
	else if (values->environment.count)
		what = "--env";
	else if (values->memory)
		what = "--memory";
	else if (values->warm_up)
		what = "--warm-up";
	if (!what)
		return 0;
	return error_set(error, EINVAL,
			 "%s is a snapshot: its program has started already, so that %s cannot be "
			 "given any more; give it to mayfly snapshot",
			 operands->words[0], what);
}

static int read_warm_up(const char *path, uint8_t **data, size_t *length, struct error *error)
{
	int result = file_read(path, WARM_UP_MAX, data, length, error);
	if (result)
		return error_wrap(error, "--warm-up");
	if (!*length)
		return error_set(error, EINVAL, "--warm-up: %s is empty", path);
	return 0;
}

int launch_monitor(struct monitor **monitor, const struct launch_values *values,
		   const struct operands *operands, struct error *error)
{
	char path[PATH_MAX];
	int result = check_environment(&values->environment, error);
	if (!result)
		result = find_program(operands->words[0], values->root, path, sizeof(path), error);
	if (result)
		return result;
	const char *environment[OPTION_LIST_MAX + 1] = {0};
	memcpy(environment, values->environment.values,
	       values->environment.count * sizeof(environment[0]));
	cleanup_free const char **arguments = calloc(operands->count + 1, sizeof(*arguments));
	if (!arguments)
		return error_set(error, ENOMEM, "no memory for arguments");
	memcpy(arguments, operands->words, operands->count * sizeof(*arguments));
	uint64_t memory = values->memory;
	if (!memory)
		memory = values->root ? MEMORY_WITH_ROOT : MEMORY_DEFAULT;
	struct monitor_options options = {
	    .program = path,
	    .arguments = arguments,
	    .environment = environment,
	    .isolation = launch_isolations[values->isolation],
	    .memory = memory,
	    .root = values->root,
	    .debug = log_level_now >= LOG_DEBUG,
	};
	if (!values->root && monitor_is_snapshot(path)) {
		result = refuse_choices(values, operands, error);
		return result ? result : monitor_open_snapshot(monitor, &options, error);
	}
	cleanup_free uint8_t *warm_up = NULL;
	if (values->warm_up)
		result = read_warm_up(values->warm_up, &warm_up, &options.warm_up_length, error);
	options.warm_up = warm_up;
	return result ? result : monitor_open(monitor, &options, error);
}

int launch_tell_outcome(const struct launch_values *values, const char *name,
			const struct request_result *result)
{
	switch (result->outcome) {
	case OUTCOME_EXITED:
		return result->status;
	case OUTCOME_SIGNALED:
		log_error("%s ended itself by signal %d (%s)", name, result->status,
			  strsignal(result->status));
		return STATUS_SIGNAL + result->status;
	case OUTCOME_CRASHED:
		log_error("%s", result->report);
		return STATUS_SIGNAL + result->status;
	case OUTCOME_DEADLINE:
		log_error("%s was stopped: it took longer than %.6g s; give more with --timeout",
			  name, (double)values->timeout_ns / 1e9);
		return STATUS_DEADLINE;
	case OUTCOME_LOST:
		break;
	}
	log_error("the machine of %s was killed from outside", name);
	return STATUS_SIGNAL + SIGKILL;
}

/* A log that cannot be written does not fail the request. */
void launch_pass_log(void *context, const void *data, size_t length)
{
	file_write_all(STDERR_FILENO, data, length);
}
