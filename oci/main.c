/* mayfly-oci: an OCI runtime whose containers are machines. Finds the command, and is the one place
 * that prints errors. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/commands/command.h"
#include "oci/log.h"
#include "options/option_help.h"
#include "util/cleanup.h"
#include "util/log.h"

#define FAILED 1

static const struct command *find_command(const char *name)
{
	for (const struct command *const *next = commands; *next; next++)
		if (!strcmp((*next)->name, name))
			return *next;
	return NULL;
}

static void print_version(void)
{
	printf("mayfly-oci version %s\nspec: %s\n", MAYFLY_VERSION, OCI_VERSION);
}

static void print_help(const struct command *command)
{
	if (command) {
		printf("usage: mayfly-oci [OPTION...] %s [OPTION...] %s\n\n%s\n\n", command->name,
		       command->usage, command->summary);
		help_print_options(stdout, command->options, command->option_count, NULL);
		return;
	}
	puts("usage: mayfly-oci [OPTION...] COMMAND [OPTION...] [ID]\n\n"
	     "An OCI runtime: each container is a machine of its own. Commands are:\n");
	for (const struct command *const *next = commands; *next; next++)
		if (!(*next)->hidden)
			help_print_entry(stdout, (*next)->name, (*next)->summary);
	puts("\nOptions of all commands:\n");
	help_print_options(stdout, global_options, global_option_count, NULL);
}

/* The process of a container has no directory of its own to start from. */
static int find_root(struct globals *globals, struct error *error)
{
	char here[PATH_MAX] = "";
	const char *root = globals->root ? globals->root : CONTAINER_ROOT;
	if (*root != '/' && !getcwd(here, sizeof(here)))
		return error_set_errno(error, errno, "cannot find the present directory");
	if ((size_t)snprintf(globals->root_path, PATH_MAX, "%s%s%s", here, *root == '/' ? "" : "/",
			     root) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "the path of --root is too long");
	globals->root = globals->root_path;
	return 0;
}

static int check_operands(const struct command *command, const struct operands *operands,
			  struct error *error)
{
	if (operands->count < command->least)
		return error_set(error, EINVAL, "something is missing: give %s", command->usage);
	if (operands->count > command->most && !command->stop_at_operand)
		return error_set(error, EINVAL, "too much: '%.64s'",
				 operands->words[command->most]);
	return 0;
}

static int prepare(struct globals *globals, struct error *error)
{
	if (globals->debug)
		log_set_level(LOG_DEBUG);
	if (globals->cgroup_manager && !strcmp(globals->cgroup_manager, "systemd"))
		globals->systemd_cgroup = true;
	int result = find_root(globals, error);
	if (!result && globals->log && *globals->log)
		result = oci_log_open(globals->log, globals->log_format == LOG_FORMAT_JSON, error);
	return result;
}

/* Parsing changes their order. */
static const char **keep_words(const struct operands *operands)
{
	const char **words = calloc(operands->count + 1, sizeof(*words));
	if (words)
		memcpy(words, operands->words, operands->count * sizeof(*words));
	return words;
}

static int parse_and_run(const struct command *command, struct globals *globals,
			 struct operands *operands, struct error *error)
{
	cleanup_free void *values = calloc(1, command->values_size + 1);
	if (!values)
		return error_set(error, ENOMEM, "no memory for options");
	if (command->defaults)
		memcpy(values, command->defaults, command->values_size);
	const struct option_set sets[] = {
	    {command->options, command->option_count, values},
	    {global_options, global_option_count, globals},
	};
	struct operands own;
	cleanup_free const char **words = keep_words(operands);
	if (!words)
		return error_set(error, ENOMEM, "no memory for arguments");
	int result = options_parse(sets, ARRAY_SIZE(sets), command->stop_at_operand,
				   (int)operands->count - 1, operands->words + 1, &own, error);
	/* Where the log is known, this error belongs there, too. */
	struct error reason = {0};
	const int prepared = prepare(globals, result ? &reason : error);
	if (result || prepared)
		return result ? result : prepared;
	if (globals->help)
		return print_help(command), 0;
	result = check_operands(command, &own, error);
	if (!result)
		result = command_follow(command, globals, &own, words, error);
	return result != -ENOENT ? result : command->run(values, globals, &own, error);
}

static int run(int argc, char **argv, struct error *error)
{
	struct globals globals = {0};
	const struct option_set set = {global_options, global_option_count, &globals};
	struct operands operands;
	int result = options_parse(&set, 1, true, argc, argv, &operands, error);
	if (result)
		return result;
	if (globals.version)
		return print_version(), 0;
	if (!operands.count) {
		print_help(NULL);
		return globals.help ? 0 : FAILED;
	}
	const struct command *command = find_command(operands.words[0]);
	if (!command)
		return error_set(error, EINVAL, "there is no command '%.64s'", operands.words[0]);
	return parse_and_run(command, &globals, &operands, error);
}

/* A file that is opened must not get the number of a standard stream that is closed. */
static int fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -EBADF;
	return 0;
}

int main(int argc, char **argv)
{
	struct error error = {0};
	if (fill_standard_streams())
		return FAILED;
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	log_setup_from_environment("mayfly-oci", LOG_WARN);
	const bool named = argc > 0;
	const int status = run(argc - named, argv + named, &error);
	if (status < 0) {
		/* Engines read both. */
		oci_log_error(error.text);
		log_tell("%s", error.text);
		return FAILED;
	}
	if (fflush(stdout) || ferror(stdout))
		return FAILED;
	return status;
}
