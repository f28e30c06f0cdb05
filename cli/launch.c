/* The program that a verb is to run; see launch.h. */
#include "cli/launch.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cli/image_command.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"

#define WARM_UP_MAX	 (256UL << 20)
#define MEMORY_DEFAULT	 (128UL << 20)
#define MEMORY_WITH_ROOT (256UL << 20) /* interpreters, and what they import */

const char *const launch_isolations[] = {"auto", "kvm", "process", NULL};

/* What the operands name. */
struct target {
	char path[PATH_MAX]; /* of the program, in the root where there is one */
	const char *root;
	bool snapshot;
	struct image_command command; /* of a root image that was given as the program */
};

static void target_release(struct target *target)
{
	image_command_release(&target->command);
}

/* The host's file: a path where it has a slash; else an installed function; else a snapshot or root
 * image in this directory. */
static int find_file(const char *name, char *path, size_t size, struct error *error)
{
	char part[PATH_MAX];
	bool is_path = strchr(name, '/');
	if (!*name)
		return error_set(error, EINVAL,
				 "which program? Give its path or the name of a function");
	if ((size_t)snprintf(part, sizeof(part), "functions/%s", name) >= sizeof(part))
		return error_set(error, ENAMETOOLONG, "the program's name is too long");
	if (!is_path && !paths_part(path, size, part, NULL))
		return 0;
	if ((size_t)snprintf(path, size, "%s", name) >= size)
		return error_set(error, ENAMETOOLONG, "the program's path is too long");
	if (is_path && access(path, F_OK))
		return error_set_errno(error, errno, "cannot find program %s", name);
	if (is_path || monitor_is_snapshot(name) || image_command_recognise(name))
		return 0;
	if (access(name, R_OK) && errno == EACCES)
		return error_set_errno(error, EACCES, "cannot read %s", name);
	return error_set(error, ENOENT,
			 "no function is called '%s': mayfly help run names those that come with "
			 "Mayfly; for a program give its path, for example ./%s",
			 name, name);
}

static int find_target(struct target *target, const char *name, const char *root,
		       struct error *error)
{
	*target = (struct target){.root = root};
	if (root) {
		if ((size_t)snprintf(target->path, sizeof(target->path), "%s", name) >=
		    sizeof(target->path))
			return error_set(error, ENAMETOOLONG, "the program's path is too long");
		return 0;
	}
	int result = find_file(name, target->path, sizeof(target->path), error);
	if (result)
		return result;
	target->snapshot = monitor_is_snapshot(target->path);
	if (target->snapshot || !image_command_recognise(target->path))
		return 0;
	result = image_command_read(&target->command, target->path, error);
	if (result)
		return result;
	target->root = name;
	if ((size_t)snprintf(target->path, sizeof(target->path), "%s", target->command.words[0]) >=
	    sizeof(target->path))
		return error_set(error, ENAMETOOLONG, "%s: its command's path is too long", name);
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

/* The program's arguments: what the image's command says, then what the user adds to it. */
static const char **join_arguments(const struct target *target, const struct operands *operands)
{
	const struct image_command *command = &target->command;
	const char **all = calloc(command->word_count + operands->count + 1, sizeof(*all));
	if (!all)
		return NULL;
	size_t skipped = command->word_count ? 1 : 0; /* the image's own name */
	memcpy(all, command->words, command->word_count * sizeof(*all));
	memcpy(all + command->word_count, operands->words + skipped,
	       (operands->count - skipped) * sizeof(*all));
	return all;
}

/* The user's variables come first: the first of a name is the one that counts. */
static const char **join_environment(const struct target *target, const struct option_list *list)
{
	const struct image_command *command = &target->command;
	const char **all = calloc(list->count + command->environment_count + 1, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, list->values, list->count * sizeof(*all));
	memcpy(all + list->count, command->environment, command->environment_count * sizeof(*all));
	return all;
}

static int open_target(struct monitor **monitor, const struct target *target,
		       const struct launch_values *values, const struct operands *operands,
		       struct error *error)
{
	cleanup_free const char **arguments = join_arguments(target, operands);
	cleanup_free const char **environment = join_environment(target, &values->environment);
	if (!arguments || !environment)
		return error_set(error, ENOMEM, "no memory for arguments");
	uint64_t memory = values->memory;
	if (!memory)
		memory = target->root ? MEMORY_WITH_ROOT : MEMORY_DEFAULT;
	struct monitor_options options = {
	    .program = target->path,
	    .arguments = arguments,
	    .environment = environment,
	    .isolation = launch_isolations[values->isolation],
	    .memory = memory,
	    .root = target->root,
	    .debug = log_level_now >= LOG_DEBUG,
	};
	if (target->snapshot)
		return monitor_open_snapshot(monitor, &options, error);
	cleanup_free uint8_t *warm_up = NULL;
	int result = 0;
	if (values->warm_up)
		result = read_warm_up(values->warm_up, &warm_up, &options.warm_up_length, error);
	options.warm_up = warm_up;
	return result ? result : monitor_open(monitor, &options, error);
}

int launch_monitor(struct monitor **monitor, const struct launch_values *values,
		   const struct operands *operands, struct error *error)
{
	cleanup(target_release) struct target target = {0};
	int result = check_environment(&values->environment, error);
	if (!result)
		result = find_target(&target, operands->words[0], values->root, error);
	if (!result && target.snapshot)
		result = refuse_choices(values, operands, error);
	return result ? result : open_target(monitor, &target, values, operands, error);
}

uint64_t launch_memory_written(int fd, uint64_t limit)
{
	struct stat status;
	struct statfs system;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode) || fstatfs(fd, &system))
		return 0;
	return system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC ? limit : 0;
}

int launch_tell_outcome(const struct launch_values *values, const char *name,
			const struct request_result *result)
{
	switch (result->outcome) {
	case OUTCOME_EXITED:
		if (*result->report)
			log_error("%s", result->report);
		return result->status;
	case OUTCOME_SIGNALED:
		log_error("%s ended itself by signal %d (%s)", name, result->status,
			  strsignal(result->status));
		return STATUS_SIGNAL + result->status;
	case OUTCOME_CRASHED:
		log_error("%s", result->report);
		return STATUS_SIGNAL + result->status;
	case OUTCOME_DEADLINE:
		if (*result->report)
			log_error("%s was stopped: it took longer than %.6g s (--timeout gives "
				  "more): %s",
				  name, (double)values->timeout_ns / 1e9, result->report);
		else
			log_error("%s was stopped: it took longer than %.6g s; give more with "
				  "--timeout",
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
