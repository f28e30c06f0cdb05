/* Starting a container's processes; see launch.h. */
#include "oci/container/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/cgroup/cgroup.h"
#include "oci/container/console.h"
#include "oci/container/delegate.h"
#include "oci/container/hooks.h"
#include "oci/container/process.h"
#include "oci/container/sync.h"
#include "oci/root/root.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

/* How long a container's process may take to end when it is killed. */
#define END_LIMIT_NS (10 * NANOSECONDS_PER_SECOND)

/* ── a process ───────────────────────────────────────────────────────────────────────────────── */

/* Starts this program again as a container's process. *sync: this end of its socket. */
static int spawn_process(const struct container *container, const char *what,
			 const struct launch_options *options, int text, int *sync,
			 struct spawn_process *process, struct error *error)
{
	char program[PATH_MAX];
	int sockets[2];
	const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length < 0)
		return error_set_errno(error, errno, "cannot find this program");
	program[length] = 0;
	cleanup_close int console = -1;
	if (options->console) {
		console = console_connect(options->console, error);
		if (console < 0)
			return console;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return error_set_errno(error, errno, "cannot make a socket");
	*sync = sockets[0];
	cleanup_close int its = sockets[1];
	const int descriptors[PROCESS_DESCRIPTORS] = {
	    STDIN_FILENO,
	    STDOUT_FILENO,
	    STDERR_FILENO,
	    [PROCESS_SYNC] = its,
	    [PROCESS_CONSOLE] = console,
	    [PROCESS_TEXT] = text,
	};
	const char *const arguments[] = {"mayfly-oci",	"--root",
					 options->root, "process",
					 what,		console >= 0 ? "terminal" : "streams",
					 container->id, NULL};
	const struct spawn spawn = {
	    .program = program,
	    .arguments = arguments,
	    .descriptors = descriptors,
	    .descriptor_count = PROCESS_DESCRIPTORS,
	    .kind = SPAWN_SERVER_SESSION,
	};
	int result = spawn_start(&spawn, process);
	return result ? error_set_errno(error, -result, "cannot start %s", program) : 0;
}

/* Lets a process go on, and awaits its answer. */
static int step(int sync, enum sync_step go, enum sync_step answer, struct sync_message *message,
		struct error *error)
{
	const int result = sync_send(sync, go, NULL);
	/* If it has gone, its last word is there. */
	if (result && result != -EPIPE)
		return error_set_errno(error, -result, "cannot reach the container's process");
	return sync_await(sync, answer, message, error);
}

static int write_pid_file(const char *path, pid_t pid, struct error *error)
{
	char text[16];
	if (!path)
		return 0;
	snprintf(text, sizeof(text), "%d", pid);
	return file_replace(path, text, strlen(text), error);
}

static int add_to_group(const char *path, pid_t pid, struct error *error)
{
	struct oci_cgroup group = {0};
	int result = oci_cgroup_open(path, &group, error);
	if (!result)
		result = oci_cgroup_add(&group, pid, error);
	oci_cgroup_close(&group);
	return result;
}

static int require_console(const struct oci_process *process, const struct launch_options *options,
			   bool detached, struct error *error)
{
	if (process->terminal && detached && !options->console)
		return error_set(error, EINVAL,
				 "the process wants a terminal: --console-socket says who gets it");
	if (!process->terminal && options->console)
		return error_set(error, EINVAL,
				 "--console-socket, but the process has no terminal");
	return 0;
}

/* ── create ──────────────────────────────────────────────────────────────────────────────────── */

struct creation {
	struct container *container;
	const struct launch_options *options;
	struct oci_config config;
	struct spawn_process *process;
	int sync;
	bool has_group, hooks_run;
};

static void release_creation(struct creation *creation)
{
	oci_config_release(&creation->config);
	if (creation->sync >= 0)
		close(creation->sync);
}

static int find_bundle(struct container *container, const char *bundle, struct error *error)
{
	struct stat status;
	if (!realpath(bundle ? bundle : ".", container->bundle))
		return error_set_errno(error, errno, "there is no bundle %s",
				       bundle ? bundle : ".");
	if (stat(container->bundle, &status) || !S_ISDIR(status.st_mode))
		return error_set(error, ENOTDIR, "the bundle %s is no directory",
				 container->bundle);
	return 0;
}

static int prepare(struct creation *creation, struct error *error)
{
	struct container *container = creation->container;
	const struct launch_options *options = creation->options;
	struct oci_config *config = &creation->config;
	int result = find_bundle(container, options->bundle, error);
	if (!result)
		result = container_keep_config(container, config, error);
	if (!result && config->hooks[OCI_HOOK_START_CONTAINER].count)
		result = error_set(error, ENOTSUP,
				   "hooks startContainer are programs of the image that are to run "
				   "outside of a machine: Mayfly runs none there");
	if (!result)
		result = require_console(&config->process, options, true, error);
	if (!result)
		result = oci_root_check(config, container->bundle, error);
	if (!result)
		result = container_note_annotations(container, config, error);
	if (!result)
		result = oci_cgroup_path(config->cgroups_path, options->systemd, container->id,
					 container->cgroup, error);
	/* From here on something is made, and `delete` is to find it. */
	return result ? result : container_save(container, error);
}

static int make_group(struct creation *creation, struct error *error)
{
	struct oci_cgroup group = {0};
	const char *path = creation->container->cgroup;
	const struct oci_resources *resources = &creation->config.resources;
	const pid_t pid = creation->process->pid;
	int result = creation->options->systemd
			 ? oci_cgroup_make_scope(path, pid, resources, &group, error)
			 : oci_cgroup_make(path, resources, &group, error);
	creation->has_group = !result;
	if (!result && !creation->options->systemd)
		result = oci_cgroup_add(&group, pid, error);
	oci_cgroup_close(&group);
	return result;
}

static int start_process(struct creation *creation, struct error *error)
{
	struct container *container = creation->container;
	int result = spawn_process(container, "create", creation->options, -1, &creation->sync,
				   creation->process, error);
	if (!result)
		result = make_group(creation, error);
	if (result)
		return result;
	container->pid = creation->process->pid;
	container->began = container_process_began(container->pid);
	/* Without it nobody would believe later that the process is this container's. */
	if (!container->began)
		return error_set(error, ESRCH, "cannot see when the container's process began");
	return container_save(container, error);
}

static int run_runtime_hooks(struct creation *creation, struct error *error)
{
	creation->hooks_run = true;
	int result = hooks_run(&creation->config, OCI_HOOK_PRESTART, creation->container,
			       CONTAINER_CREATING, error);
	return result ? result
		      : hooks_run(&creation->config, OCI_HOOK_CREATE_RUNTIME, creation->container,
				  CONTAINER_CREATING, error);
}

static int create(struct creation *creation, struct error *error)
{
	struct sync_message message;
	struct container *container = creation->container;
	int result = prepare(creation, error);
	if (!result && creation->options->may_delegate &&
	    delegate_is_wanted(container, &creation->config)) {
		result = container_save(container, error);
		return result ? result : delegate_create(container, creation->options, error);
	}
	if (!result)
		result = start_process(creation, error);
	if (!result)
		result = step(creation->sync, SYNC_ENTER, SYNC_ENTERED, &message, error);
	if (!result)
		result = run_runtime_hooks(creation, error);
	if (!result)
		result = step(creation->sync, SYNC_BUILD, SYNC_READY, &message, error);
	if (result)
		return result;
	memcpy(container->rootfs, message.text, sizeof(container->rootfs));
	container->ready = true;
	result = container_save(container, error);
	return result ? result : write_pid_file(creation->options->pid_file, container->pid, error);
}

static void undo(struct creation *creation)
{
	struct container *container = creation->container;
	struct oci_cgroup group = {0};
	struct error error = {0};
	spawn_kill(creation->process);
	if (creation->has_group && !oci_cgroup_open(container->cgroup, &group, &error)) {
		if (!oci_cgroup_kill(&group, SIGKILL, &error))
			oci_cgroup_remove(&group, &error);
		oci_cgroup_close(&group);
	}
	if (creation->hooks_run)
		hooks_run_all(&creation->config, OCI_HOOK_POSTSTOP, container, CONTAINER_STOPPED);
	if (container_remove(container, &error))
		log_warn("%s", error.text);
}

int launch_create(struct container *container, const char *id, const struct launch_options *options,
		  struct spawn_process *process, struct error *error)
{
	cleanup(release_creation) struct creation creation = {
	    .container = container, .options = options, .process = process, .sync = -1};
	*process = SPAWN_PROCESS_NONE;
	int result = container_make(container, options->root, id, error);
	if (result)
		return result;
	result = create(&creation, error);
	if (result)
		undo(&creation);
	return result;
}

/* ── start ───────────────────────────────────────────────────────────────────────────────────── */

int launch_start(const struct container *container, struct error *error)
{
	struct sync_message message;
	const enum container_status status = container_find_status(container);
	if (status != CONTAINER_CREATED)
		return error_set(error, EINVAL, "container %s is %s, and not created",
				 container->id, container_status_names[status]);
	cleanup_close int socket = sync_connect(container->directory);
	int result = socket < 0 ? socket : sync_send(socket, SYNC_START, NULL);
	if (result)
		return error_set_errno(error, -result, "cannot reach the container's process");
	result = sync_await(socket, SYNC_STARTED, &message, error);
	if (result)
		return result;
	cleanup(oci_config_release) struct oci_config config = {0};
	result = container_read_config(container, &config, error);
	if (!result)
		hooks_run_all(&config, OCI_HOOK_POSTSTART, container, CONTAINER_RUNNING);
	return result;
}

/* ── exec ────────────────────────────────────────────────────────────────────────────────────── */

/* A file that has the text. */
static int keep_text(const char *text, struct error *error)
{
	cleanup_close int fd = memfd_create("process", MFD_CLOEXEC);
	int result = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
	return result ? error_set_errno(error, -result, "cannot keep the process to run")
		      : take_fd(&fd);
}

int launch_exec(const struct container *container, const char *text,
		const struct launch_options *options, struct spawn_process *process,
		struct error *error)
{
	struct sync_message message;
	cleanup_close int sync = -1;
	*process = SPAWN_PROCESS_NONE;
	cleanup_close int kept = keep_text(text, error);
	if (kept < 0)
		return kept;
	int result = spawn_process(container, "exec", options, kept, &sync, process, error);
	if (!result)
		result = add_to_group(container->cgroup, process->pid, error);
	if (!result)
		result = step(sync, SYNC_ENTER, SYNC_STARTED, &message, error);
	if (!result)
		result = write_pid_file(options->pid_file, process->pid, error);
	if (result)
		spawn_kill(process);
	return result;
}

/* ── delete ──────────────────────────────────────────────────────────────────────────────────── */

/* Its first process and all that is in its group. */
static int end_processes(const struct container *container, struct error *error)
{
	struct oci_cgroup group = {0};
	container_signal(container, SIGKILL);
	if (!*container->cgroup)
		return 0;
	int result = oci_cgroup_open(container->cgroup, &group, error);
	if (!result)
		result = oci_cgroup_kill(&group, SIGKILL, error);
	if (!result)
		result = oci_cgroup_remove(&group, error);
	oci_cgroup_close(&group);
	return result;
}

static void await_end(const struct container *container)
{
	const uint64_t until_ns = clock_now_ns() + END_LIMIT_NS;
	while (container_is_alive(container) && clock_now_ns() < until_ns)
		usleep(1000);
}

int launch_delete(struct container *container, struct error *error)
{
	int result = end_processes(container, error);
	if (result)
		return result;
	await_end(container);
	cleanup(oci_config_release) struct oci_config config = {0};
	if (container->ready && !container_read_config(container, &config, NULL))
		hooks_run_all(&config, OCI_HOOK_POSTSTOP, container, CONTAINER_STOPPED);
	return container_remove(container, error);
}
