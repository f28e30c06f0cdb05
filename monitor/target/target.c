/* Finding what a user names; see target.h. */
#include "monitor/target/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel/usual_memory.h"
#include "monitor/guests/recognise.h"
#include "monitor/target/program_name.h"
#include "monitor/target/registry_hint.h"
#include "root/pack.h"
#include "util/cleanup.h"
#include "util/paths.h"

/* The host's file: a path where it has a slash; else an installed function; else a snapshot or root
 * image in this directory. */
static int find_file(const char *name, char *path, size_t size, struct error *error)
{
	char part[PATH_MAX];
	if (!name || !*name)
		return error_set(error, EINVAL,
				 "which program? Give its path or the name of a function");
	bool is_path = strchr(name, '/');
	if ((size_t)snprintf(part, sizeof(part), "functions/%s", name) >= sizeof(part))
		return error_set(error, ENAMETOOLONG, "the program's name is too long");
	if (!is_path) {
		struct error missing = {0};
		int result = paths_part(path, size, part, &missing);
		if (result == -EPERM && error)
			*error = missing;
		if (!result || result == -EPERM)
			return result;
	}
	if ((size_t)snprintf(path, size, "%s", name) >= size)
		return error_set(error, ENAMETOOLONG, "the program's path is too long");
	if (is_path && !access(path, F_OK))
		return 0;
	const struct guest_format *format = is_path ? NULL : guest_format_of(name);
	if (format && format->needs_no_path)
		return 0;
	if (!is_path && access(name, R_OK) && errno == EACCES)
		return error_set_errno(error, EACCES, "cannot read %s", name);
	return program_name_missing(name, error);
}

static int name_program(struct target *target, const char *name, struct error *error)
{
	if ((size_t)snprintf(target->path, sizeof(target->path), "%s", name) >=
	    sizeof(target->path))
		return error_set(error, ENAMETOOLONG, "the program's path is too long");
	return 0;
}

/* What the image runs, where the user names no program. */
static int name_own_program(struct target *target, struct error *error)
{
	const struct image_command *command = &target->command;
	int result = image_command_check(command, target->root, error);
	if (result)
		return result;
	return name_program(target, command->word_count ? command->words[0] : command->arguments[0],
			    error);
}

/* Where this process is, as a path in the root directory; NULL where that is not below it. */
static const char *place_below(const char *root, char here[PATH_MAX])
{
	cleanup_free char *top = realpath(root, NULL);
	if (!top || !getcwd(here, PATH_MAX))
		return NULL;
	size_t length = strcmp(top, "/") != 0 ? strlen(top) : 0;
	return !strncmp(here, top, length) && here[length] == '/' ? here + length : NULL;
}

/* Where the program starts: the user's word, else the image's, else where the user is. */
static int choose_directory(struct target *target, const char *wanted, struct error *error)
{
	char here[PATH_MAX];
	const char *usual = target->command.directory;
	if (target->root && root_is_directory(target->root))
		usual = place_below(target->root, here);
	target->directory_optional = !wanted && usual != target->command.directory;
	const char *start = wanted && *wanted != '/' ? (usual ? usual : "") : "";
	if ((size_t)snprintf(target->directory, sizeof(target->directory), "%s%s%s", start,
			     *start ? "/" : "",
			     wanted  ? wanted
			     : usual ? usual
				     : "") >= sizeof(target->directory))
		return error_set(error, ENAMETOOLONG, "--workdir: the path is too long");
	return 0;
}

/* `name` is NULL where the user names no program. */
static int find_in_root(struct target *target, const char *name, struct error *error)
{
	int result = registry_hint(target->root, error);
	if (result)
		return result;
	if (!root_is_directory(target->root))
		result = image_command_read(&target->command, target->root, error);
	else if (!name)
		return error_set(error, EINVAL, "which program of %s? Give its path in it",
				 target->root);
	if (result)
		return result;
	if (!name)
		return name_own_program(target, error);
	/* Of the image's own program nothing is left but where and as whom it runs. */
	target->command.word_count = target->command.argument_count = 0;
	return name_program(target, name, error);
}

static int find_without_root(struct target *target, const char *name, struct error *error)
{
	int result = find_file(name, target->path, sizeof(target->path), error);
	if (result)
		return result;
	const struct guest_format *format = guest_format_of(target->path);
	target->snapshot = format == &guest_format_snapshot;
	if (format != &guest_format_root_image)
		return 0;
	target->root = name;
	target->is_image = true;
	result = image_command_read(&target->command, target->path, error);
	return result ? result : name_own_program(target, error);
}

/* What a snapshot has in it cannot be chosen any more. */
static int refuse_choices(const struct description *description, struct error *error)
{
	const char *what = NULL;
	if (description->arguments[0])
		what = "arguments";
	else if (description->environment[0])
		what = "--env";
	else if (description->memory)
		what = "--memory";
	else if (description->warm_up)
		what = "--warm-up";
	else if (description->directory)
		what = "--workdir";
	else if (description->files_size)
		what = "files";
	else if (description->flags & DESCRIPTION_USER)
		what = "a user";
	else if (description->host_name)
		what = "a host name";
	if (!what)
		return 0;
	return error_set(error, EINVAL,
			 "%s is a snapshot: its program has started already, so that %s cannot be "
			 "given any more; give it to mayfly snapshot",
			 description->program, what);
}

static size_t count_words(const char *const *words)
{
	size_t count = 0;
	while (words[count])
		count++;
	return count;
}

/* The program's arguments: its name, and what the user gives; or for what an image runs, what the
 * image's command says, then what the user gives, or else what the image has for that. */
static const char **join_arguments(const struct target *target,
				   const struct description *description)
{
	const struct image_command *command = &target->command;
	const bool named = description->program && !target->is_image;
	const size_t given = count_words(description->arguments);
	const size_t own = given || named ? 0 : command->argument_count;
	const char **all = calloc(command->word_count + given + own + 2, sizeof(*all));
	if (!all)
		return NULL;
	size_t count = 0;
	if (named)
		all[count++] = description->program;
	memcpy(all + count, command->words, command->word_count * sizeof(*all));
	count += command->word_count;
	memcpy(all + count, description->arguments, given * sizeof(*all));
	memcpy(all + count + given, command->arguments, own * sizeof(*all));
	return all;
}

static bool is_given(const char *const *list, const char *variable)
{
	size_t length = strcspn(variable, "=") + 1;
	for (; *list; list++)
		if (!strncmp(*list, variable, length))
			return true;
	return false;
}

/* The user's variables, and those of the image that he gives no other value. */
static const char **join_environment(const struct target *target, const char *const *list)
{
	const struct image_command *command = &target->command;
	size_t count = count_words(list);
	const char **all = calloc(count + command->environment_count + 1, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, list, count * sizeof(*all));
	for (size_t i = 0; i < command->environment_count; i++)
		if (!is_given(list, command->environment[i]))
			all[count++] = command->environment[i];
	return all;
}

int target_find(struct target *target, const struct description *description, struct error *error)
{
	*target = (struct target){.root = description->root};
	int result = target->root ? find_in_root(target, description->program, error)
				  : find_without_root(target, description->program, error);
	if (!result)
		result = choose_directory(target, description->directory, error);
	if (!result && target->snapshot)
		result = refuse_choices(description, error);
	if (result)
		return result;
	target->arguments = join_arguments(target, description);
	target->environment = join_environment(target, description->environment);
	return target->arguments && target->environment
		   ? 0
		   : error_set(error, ENOMEM, "no memory for arguments");
}

void target_release(struct target *target)
{
	image_command_release(&target->command);
	free(target->arguments);
	free(target->environment);
}

static enum usual_memory_root root_of(const struct target *target)
{
	if (!target->root)
		return USUAL_MEMORY_NO_ROOT;
	return root_is_directory(target->root) ? USUAL_MEMORY_DIRECTORY : USUAL_MEMORY_IMAGE;
}

int target_open(struct monitor **monitor, const struct target *target,
		const struct description *description, const struct accel_dialer *dialer,
		const struct root_reviver *reviver, const struct vsock_dialer *vsock_dialer,
		struct error *error)
{
	const bool given = description->flags & DESCRIPTION_USER;
	const struct monitor_options options = {
	    .guest.program = target->path,
	    .guest.arguments = target->arguments,
	    .guest.environment = target->environment,
	    .isolation = description->isolation,
	    .guest.memory =
		description->memory ? description->memory : usual_memory(root_of(target)),
	    .guest.request_variables = description->request_variables,
	    .guest.files = description->files,
	    .guest.files_size = description->files_size,
	    .guest.devices = description->devices,
	    .guest.root = target->root,
	    .guest.directory = *target->directory ? target->directory : NULL,
	    .guest.directory_optional = target->directory_optional,
	    .guest.user = given ? description->user : target->command.user,
	    .guest.group = given ? description->group : target->command.group,
	    .guest.host_name = description->host_name,
	    .debug = description->flags & DESCRIPTION_DEBUG,
	    .fresh = description->flags & DESCRIPTION_FRESH,
	    .reuse = description->reuse,
	    .warm_up = description->warm_up,
	    .warm_up_length = description->warm_up_length,
	    .dialer = dialer,
	    .guest.reviver = reviver,
	    .guest.vsock_dialer = vsock_dialer,
	};
	return target->snapshot ? monitor_open_snapshot(monitor, &options, error)
				: monitor_open(monitor, &options, error);
}
