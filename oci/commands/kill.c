/* mayfly-oci kill: send a signal to a container. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/cgroup/cgroup.h"
#include "oci/commands/command.h"
#include "util/cleanup.h"

struct kill_values {
	bool all;
};

static const struct option_spec options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct kill_values, all), NULL,
     "to all processes of the container, also where the first one has ended"},
};

/* A number, or a name with or without SIG. 0: neither. */
static int parse_signal(const char *text)
{
	char *end;
	if (isdigit((unsigned char)*text)) {
		const unsigned long number = strtoul(text, &end, 10);
		return *end || number > (unsigned long)SIGRTMAX ? 0 : (int)number;
	}
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int signal = 1; signal < NSIG; signal++) {
		const char *name = sigabbrev_np(signal);
		if (name && !strcasecmp(name, text))
			return signal;
	}
	return 0;
}

/* A container's processes hand signals on to their programs; their monitors, which are in the group, too,
 * would die of them. */
static void signal_process(pid_t pid, int signal, const struct stat *program)
{
	char path[32];
	struct stat status;
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (pidfd >= 0 && !stat(path, &status) && status.st_dev == program->st_dev &&
	    status.st_ino == program->st_ino)
		syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static int signal_all(const struct oci_cgroup *group, int signal, struct error *error)
{
	cleanup_free pid_t *pids = NULL;
	size_t count = 0;
	struct stat program;
	if (stat("/proc/self/exe", &program))
		return error_set_errno(error, errno, "cannot look at this program");
	int result = oci_cgroup_processes(group, &pids, &count, error);
	for (size_t i = 0; i < count && !result; i++)
		signal_process(pids[i], signal, &program);
	return result;
}

static int kill_all(const struct container *container, int signal, struct error *error)
{
	struct oci_cgroup group = {0};
	int result = oci_cgroup_open(container->cgroup, &group, error);
	if (!result)
		result = signal == SIGKILL ? oci_cgroup_kill(&group, signal, error)
					   : signal_all(&group, signal, error);
	oci_cgroup_close(&group);
	return result;
}

/* In version 1 of control groups a frozen process does not even die. */
static int thaw(const struct container *container, struct error *error)
{
	struct oci_cgroup group = {0};
	int result = oci_cgroup_open(container->cgroup, &group, error);
	if (!result && oci_cgroup_is_frozen(&group))
		result = oci_cgroup_freeze(&group, false, error);
	oci_cgroup_close(&group);
	return result;
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct kill_values *chosen = values;
	cleanup(container_close) struct container container = CONTAINER_NONE;
	const char *word = operands->count > 1 ? operands->words[1] : "TERM";
	const int signal = parse_signal(word);
	if (!signal)
		return error_set(error, EINVAL, "'%.32s' is no signal", word);
	int result = command_open(&container, globals, operands, error);
	if (result)
		return result;
	if (chosen->all)
		return kill_all(&container, signal, error);
	result = container_signal(&container, signal);
	if (!result && signal == SIGKILL)
		return thaw(&container, error);
	if (result == -ESRCH)
		return error_set(error, ESRCH, "container %s does not run", container.id);
	return result ? error_set_errno(error, -result, "cannot send a signal to container %s",
					container.id)
		      : 0;
}

const struct command command_kill = {
    .name = "kill",
    .usage = "ID [SIGNAL]",
    .summary = "send a signal (TERM) to a container",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct kill_values){0},
    .values_size = sizeof(struct kill_values),
    .least = 1,
    .most = 2,
    .follows = true,
    .run = run,
};
