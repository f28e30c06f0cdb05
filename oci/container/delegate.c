/* Containers that are left to another runtime; see delegate.h. */
#include "oci/container/delegate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/spawn.h"

/* How CRI plug-ins say what a container is, and the name of its pod, which is that of the pod's own
 * container. */
static const struct {
	const char *kind, *pod;
} marks[] = {
    {"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
    {"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"},
};

#define STATUS_SIGNAL 128

static bool is_installed(const char *name)
{
	const char *path = getenv("PATH");
	char program[PATH_MAX];
	while (path && *path) {
		const size_t length = strcspn(path, ":");
		if (length && length < sizeof(program) - NAME_MAX) {
			snprintf(program, sizeof(program), "%.*s/%s", (int)length, path, name);
			if (!access(program, X_OK))
				return true;
		}
		path += length + (path[length] == ':');
	}
	return false;
}

/* Whoever writes a pod may write annotations, too, also those of another engine, and must not get out
 * of a machine by them. He does not know the name that his container will have; and a kind that the
 * engine itself writes is its last word. */
static bool is_sandbox(const struct container *container, const struct oci_config *config)
{
	bool found = false;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *kind = oci_config_annotation(config, marks[i].kind);
		const char *pod = oci_config_annotation(config, marks[i].pod);
		if (kind && strcmp(kind, "sandbox") != 0)
			return false;
		found |= kind && pod && !strcmp(pod, container->id);
	}
	return found;
}

bool delegate_is_wanted(struct container *container, const struct oci_config *config)
{
	/* crun is faster, but refuses machines that have control groups of both versions. */
	const bool hybrid = !access("/sys/fs/cgroup/unified", F_OK);
	const char *const names[] = {hybrid ? "runc" : "crun", hybrid ? "crun" : "runc"};
	if (!is_sandbox(container, config))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!is_installed(names[i]))
			continue;
		snprintf(container->runtime, sizeof(container->runtime), "%s", names[i]);
		return true;
	}
	return false;
}

int delegate_run(const struct container *container, const struct launch_options *options,
		 const char *const *words, int *status, struct error *error)
{
	char root[PATH_MAX];
	size_t count = 0, used = 0;
	struct spawn_process process;
	if ((size_t)snprintf(root, sizeof(root), "%s/runtime", container->path) >= sizeof(root))
		return error_set(error, ENAMETOOLONG, "the path of %s is too long",
				 container->path);
	while (words[count])
		count++;
	cleanup_free const char **arguments = calloc(count + 10, sizeof(*arguments));
	if (!arguments)
		return error_set(error, ENOMEM, "no memory for arguments");
	arguments[used++] = container->runtime;
	arguments[used++] = "--root";
	arguments[used++] = root;
	if (options->log) {
		arguments[used++] = "--log";
		arguments[used++] = options->log;
		arguments[used++] = "--log-format";
		arguments[used++] = options->log_json ? "json" : "text";
	}
	if (options->systemd)
		arguments[used++] = "--systemd-cgroup";
	memcpy(arguments + used, words, count * sizeof(*words));
	const int descriptors[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	const struct spawn spawn = {
	    .program = container->runtime,
	    .arguments = arguments,
	    .descriptors = descriptors,
	    .descriptor_count = ARRAY_SIZE(descriptors),
	    .kind = SPAWN_JOB,
	};
	int ended = 0;
	int result = spawn_start(&spawn, &process);
	if (!result)
		result = spawn_wait(&process, UINT64_MAX, &ended);
	if (result)
		return error_set_errno(error, -result, "cannot run %s", container->runtime);
	*status = WIFEXITED(ended) ? WEXITSTATUS(ended) : STATUS_SIGNAL + WTERMSIG(ended);
	return 0;
}

int delegate_create(const struct container *container, const struct launch_options *options,
		    struct error *error)
{
	const char *words[10] = {"create", "--bundle", container->bundle};
	size_t used = 3;
	int status = 0;
	if (options->pid_file) {
		words[used++] = "--pid-file";
		words[used++] = options->pid_file;
	}
	if (options->console) {
		words[used++] = "--console-socket";
		words[used++] = options->console;
	}
	words[used] = container->id;
	const int result = delegate_run(container, options, words, &status, error);
	if (!result && status)
		return error_set(error, ECHILD, "%s could not create container %s (status %d)",
				 container->runtime, container->id, status);
	return result;
}
