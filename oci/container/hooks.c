/* Hooks; see hooks.h. */
#include "oci/container/hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/spawn.h"

const char *const hook_names[OCI_HOOKS] = {
    [OCI_HOOK_PRESTART] = "prestart",
    [OCI_HOOK_CREATE_RUNTIME] = "createRuntime",
    [OCI_HOOK_CREATE_CONTAINER] = "createContainer",
    [OCI_HOOK_START_CONTAINER] = "startContainer",
    [OCI_HOOK_POSTSTART] = "poststart",
    [OCI_HOOK_POSTSTOP] = "poststop",
};

/* A file with the state, to be read from its start. A descriptor or a negative errno. */
static int write_state(const struct container *container, enum container_status status)
{
	json_t *tree = container_describe(container, status, false);
	cleanup_free char *text = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
	json_decref(tree);
	if (!text)
		return -ENOMEM;
	cleanup_close int fd = memfd_create("state", MFD_CLOEXEC);
	int result = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
	if (!result && lseek(fd, 0, SEEK_SET) < 0)
		result = -errno;
	return result ? result : take_fd(&fd);
}

static int judge(const struct oci_hook *hook, int status, struct error *error)
{
	if (WIFSIGNALED(status))
		return error_set(error, ECHILD, "%s was ended by signal %d (%s)", hook->path,
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return error_set(error, ECHILD, "%s failed with status %d", hook->path,
				 WEXITSTATUS(status));
	return 0;
}

static int run(const struct oci_hook *hook, int state, struct error *error)
{
	struct spawn_process process;
	int status;
	const int descriptors[] = {state, STDERR_FILENO, STDERR_FILENO};
	const struct spawn spawn = {
	    .program = hook->path,
	    .arguments = hook->arguments,
	    .environment = hook->environment,
	    .descriptors = descriptors,
	    .descriptor_count = 3,
	    .kind = SPAWN_SERVER_GROUP,
	};
	const uint64_t limit_ns = hook->timeout_s * NANOSECONDS_PER_SECOND;
	int result = spawn_start(&spawn, &process);
	if (result)
		return error_set_errno(error, -result, "cannot run %s", hook->path);
	result = spawn_wait(&process, limit_ns ? clock_now_ns() + limit_ns : UINT64_MAX, &status);
	if (!result)
		return judge(hook, status, error);
	/* It has not been waited for: its number, and so the group's, is still its own. */
	kill(-process.pid, SIGKILL);
	spawn_kill(&process);
	if (result == -ETIMEDOUT)
		return error_set(error, ETIMEDOUT, "%s took longer than its %u s", hook->path,
				 hook->timeout_s);
	return error_set_errno(error, -result, "cannot wait for %s", hook->path);
}

int hooks_run(const struct oci_config *config, enum oci_hook_kind kind,
	      const struct container *container, enum container_status status, struct error *error)
{
	const struct oci_hooks *hooks = &config->hooks[kind];
	for (size_t i = 0; i < hooks->count; i++) {
		cleanup_close int state = write_state(container, status);
		int result = state < 0 ? error_set_errno(error, -state, "cannot write the state")
				       : run(&hooks->hooks[i], state, error);
		if (result)
			return error_wrap(error, "hook %s", hook_names[kind]);
	}
	return 0;
}

void hooks_run_all(const struct oci_config *config, enum oci_hook_kind kind,
		   const struct container *container, enum container_status status)
{
	const struct oci_hooks *hooks = &config->hooks[kind];
	for (size_t i = 0; i < hooks->count; i++) {
		struct error error = {0};
		cleanup_close int state = write_state(container, status);
		int result = state < 0 ? error_set_errno(&error, -state, "cannot write the state")
				       : run(&hooks->hooks[i], state, &error);
		if (result)
			log_warn("hook %s: %s", hook_names[kind], error.text);
	}
}
