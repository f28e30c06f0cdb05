/* A container's process; see process.h. */
#include "oci/container/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/container/console.h"
#include "oci/container/guest.h"
#include "oci/container/hooks.h"
#include "oci/container/namespaces.h"
#include "oci/container/program.h"
#include "oci/container/serving.h"
#include "oci/container/sync.h"
#include "oci/root/parts.h"
#include "oci/root/root.h"
#include "util/cleanup.h"
#include "util/file.h"

static int read_text(char **text, size_t *length, struct error *error)
{
	struct stat status;
	if (fstat(PROCESS_TEXT, &status) || !S_ISREG(status.st_mode) ||
	    (uint64_t)status.st_size > OCI_CONFIG_SIZE_MAX)
		return error_set(error, EINVAL, "there is no process to run");
	*length = (size_t)status.st_size;
	*text = malloc(*length + 1);
	if (!*text)
		return error_set(error, ENOMEM, "no memory for a process");
	const ssize_t got = pread(PROCESS_TEXT, *text, *length, 0);
	if (got != (ssize_t)*length)
		return error_set(error, EIO, "cannot read the process to run");
	return 0;
}

/* Lowering it takes a right that engines in containers do not have, and which only changes whom the
 * kernel picks when memory is short; so it is tried. */
static void set_oom_score(const struct oci_process *process)
{
	char text[16];
	if (!process->oom_score_given)
		return;
	snprintf(text, sizeof(text), "%d", process->oom_score_adjustment);
	cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!write(fd, text, strlen(text));
}

static int take_console(bool console, const struct oci_process *process, struct error *error)
{
	int result = 0;
	if (console && process->terminal)
		result = console_take(PROCESS_CONSOLE, process, error);
	close(PROCESS_CONSOLE);
	return result;
}

static bool is_server(const struct oci_config *config)
{
	return config->settings.contract != OCI_CONTRACT_STDIO;
}

static int answer_start(void *context, const struct error *error)
{
	const int client = *(const int *)context;
	const int result = error ? sync_fail(client, error) : sync_send(client, SYNC_STARTED, NULL);
	/* The last word: whoever did not get it is not to wait for more. */
	shutdown(client, SHUT_WR);
	return result;
}

static int run_guest(const struct oci_config *config, const struct oci_process *process,
		     const char *root, const struct oci_parts *parts, bool serves, int client,
		     int *exit_status, struct error *error)
{
	const struct oci_limit_value *memory = &config->resources.limits[OCI_MEMORY_LIMIT];
	/* Of the UTS namespace, whoever named it. */
	char host_name[HOST_NAME_MAX + 1] = "";
	gethostname(host_name, sizeof(host_name) - 1);
	const struct guest_run run = {
	    .process = process,
	    .settings = &config->settings,
	    .memory_limit = memory->given && memory->value > 0 ? (uint64_t)memory->value : 0,
	    .root = root,
	    .parts = parts,
	    .host_name = *host_name ? host_name : NULL,
	    .started = answer_start,
	    .context = &client,
	};
	/* Whoever asked has gone, or is told by now: what happens later is the log's. */
	return serves ? serving_run(&run, exit_status, error) : guest_run(&run, exit_status, error);
}

/* A job is a container as engines know them: what it wrote is in its files. The machines of a server are
 * not to find what another one's request has left. */
static int find_parts(const struct oci_config *config, int root, bool serves,
		      struct oci_parts *parts, struct error *error)
{
	const enum oci_writes writes = config->settings.writes;
	const bool write_root =
	    writes == OCI_WRITES_WRITABLE || (writes == OCI_WRITES_USUAL && !serves);
	return oci_parts_find(config, root, write_root, parts, error);
}

/* The command prints it. */
static int tell_failure(const struct error *error, int *exit_status)
{
	sync_fail(PROCESS_SYNC, error);
	*exit_status = PROCESS_FAILED;
	return 0;
}

/* ── the first process ───────────────────────────────────────────────────────────────────────── */

static int build(const struct container *container, const struct oci_config *config, bool console,
		 struct oci_root *root, struct oci_parts *parts, struct error *error)
{
	struct sync_message message;
	int result = namespaces_enter(config, error);
	if (!result)
		result = sync_send(PROCESS_SYNC, SYNC_ENTERED, NULL);
	if (!result)
		result = sync_await(PROCESS_SYNC, SYNC_BUILD, &message, error);
	if (!result)
		result = oci_root_build(config, container->bundle, root, error);
	if (!result)
		result = hooks_run(config, OCI_HOOK_CREATE_CONTAINER, container, CONTAINER_CREATING,
				   error);
	if (!result)
		result = find_parts(config, root->directory, is_server(config), parts, error);
	if (!result)
		result = program_check(root->directory, &config->process, error);
	if (!result)
		result = take_console(console, &config->process, error);
	return result;
}

/* Waits for `start`: a connection on which that is said. */
static int await_start(const struct container *container, int control, int *client,
		       struct error *error)
{
	for (;;) {
		struct sync_message message;
		struct error reason = {0};
		cleanup_close int peer = accept4(control, NULL, NULL, SOCK_CLOEXEC);
		if (peer < 0 && errno != EINTR && errno != ECONNABORTED)
			return error_set_errno(error, errno, "cannot wait for `start`");
		if (peer < 0 || sync_await(peer, SYNC_START, &message, &reason))
			continue;
		/* From now on the container runs. */
		unlinkat(container->directory, "control", 0);
		*client = take_fd(&peer);
		return 0;
	}
}

int process_create(struct container *container, bool console, int *exit_status, struct error *error)
{
	struct sync_message message;
	cleanup(oci_config_release) struct oci_config config = {0};
	cleanup(oci_root_close) struct oci_root root = OCI_ROOT_NONE;
	struct oci_parts parts = {0};
	cleanup_close int control = -1;
	cleanup_close int client = -1;
	int result = sync_await(PROCESS_SYNC, SYNC_ENTER, &message, error);
	if (!result)
		result = container_read_config(container, &config, error);
	if (!result)
		result = build(container, &config, console, &root, &parts, error);
	if (!result) {
		set_oom_score(&config.process);
		control = sync_listen(container->directory, error);
		result = control < 0 ? control : 0;
	}
	if (result)
		return tell_failure(error, exit_status);
	result = sync_send(PROCESS_SYNC, SYNC_READY, root.path);
	close(PROCESS_SYNC);
	if (result)
		return error_set_errno(error, -result, "`create` has gone");
	result = await_start(container, control, &client, error);
	close(take_fd(&control));
	if (!result)
		result = run_guest(&config, &config.process, root.path, &parts, is_server(&config),
				   client, exit_status, error);
	return result;
}

/* ── further ones ────────────────────────────────────────────────────────────────────────────── */

static int enter(const struct container *container, struct error *error)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, container->pid, 0);
	if (pidfd < 0 || !container_is_alive(container))
		return error_set(error, ESRCH, "container %s does not run", container->id);
	return namespaces_join(pidfd, error);
}

/* The program, and what it may write. */
static int look_at_root(const struct container *container, const struct oci_config *config,
			const struct oci_process *process, struct oci_parts *parts,
			struct error *error)
{
	cleanup_close int root = open(container->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_set_errno(error, errno, "cannot open %s", container->rootfs);
	const int result = program_check(root, process, error);
	return result ? result : find_parts(config, root, false, parts, error);
}

int process_exec(struct container *container, bool console, int *exit_status, struct error *error)
{
	struct sync_message message;
	cleanup(oci_config_release) struct oci_config config = {0};
	cleanup(oci_process_release) struct oci_process process = {0};
	struct oci_parts parts = {0};
	cleanup_free char *text = NULL;
	size_t length = 0;
	int result = sync_await(PROCESS_SYNC, SYNC_ENTER, &message, error);
	if (!result)
		result = container_read_config(container, &config, error);
	if (!result)
		result = read_text(&text, &length, error);
	if (!result)
		result = oci_process_parse(text, length, &process, error);
	close(PROCESS_TEXT);
	if (!result)
		result = enter(container, error);
	if (!result)
		result = look_at_root(container, &config, &process, &parts, error);
	if (!result)
		result = take_console(console, &process, error);
	if (result)
		return tell_failure(error, exit_status);
	set_oom_score(&process);
	return run_guest(&config, &process, container->rootfs, &parts, false, PROCESS_SYNC,
			 exit_status, error);
}
