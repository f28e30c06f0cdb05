/* Starting other programs, and waiting for them; see spawn.h. */
#include "util/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

/* ── starting ────────────────────────────────────────────────────────────────────────────────── */

/* What can fail here returns a positive errno, as posix_spawn(3) does; spawn_start() a negative
 * one. */

static void close_all(const int copies[SPAWN_DESCRIPTORS_MAX])
{
	for (int i = 0; i < SPAWN_DESCRIPTORS_MAX; i++)
		if (copies[i] >= 0)
			close(copies[i]);
}

/* A descriptor whose number is also wanted for another one would be overwritten before it is its
 * turn: copies of those have numbers above all that are wanted. -1 where none is needed. */
static int make_copies(const struct spawn *spawn, int copies[SPAWN_DESCRIPTORS_MAX])
{
	const int count = (int)spawn->descriptor_count;
	for (int i = 0; i < SPAWN_DESCRIPTORS_MAX; i++)
		copies[i] = -1;
	for (int i = 0; i < count; i++) {
		const int from = spawn->descriptors[i];
		if (from < 0 || from >= count || from == i || fcntl(from, F_GETFD) < 0)
			continue;
		copies[i] = fcntl(from, F_DUPFD_CLOEXEC, count);
		if (copies[i] < 0) {
			const int code = errno;
			close_all(copies);
			return code;
		}
	}
	return 0;
}

static int add_descriptors(posix_spawn_file_actions_t *actions, const struct spawn *spawn,
			   const int copies[SPAWN_DESCRIPTORS_MAX])
{
	int code = 0;
	for (int i = 0; i < (int)spawn->descriptor_count && !code; i++) {
		const int from = copies[i] >= 0 ? copies[i] : spawn->descriptors[i];
		if (from < 0)
			code = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
		else if (fcntl(from, F_GETFD) < 0)
			code = posix_spawn_file_actions_addclose(actions, i);
		else
			code = posix_spawn_file_actions_adddup2(actions, from, i);
	}
	if (!code)
		code =
		    posix_spawn_file_actions_addclosefrom_np(actions, (int)spawn->descriptor_count);
	return code;
}

/* Setting flags and signals only writes to the attributes: it cannot fail. */
static void set_attributes(posix_spawnattr_t *attributes, const struct spawn *spawn)
{
	const enum spawn_kind kind = spawn->kind;
	sigset_t none, all;
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	if (kind == SPAWN_JOB) {
		if (spawn->blocked) {
			posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK);
			posix_spawnattr_setsigmask(attributes, spawn->blocked);
		}
		return;
	}
	if (kind == SPAWN_SERVER_GROUP)
		flags |= POSIX_SPAWN_SETPGROUP;
	if (kind == SPAWN_SERVER_SESSION)
		flags |= POSIX_SPAWN_SETSID;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setflags(attributes, flags);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
}

static int spawn_with(const struct spawn *spawn, const int copies[SPAWN_DESCRIPTORS_MAX],
		      posix_spawn_file_actions_t *actions, pid_t *pid)
{
	posix_spawnattr_t attributes;
	int code = add_descriptors(actions, spawn, copies);
	if (!code)
		code = posix_spawnattr_init(&attributes);
	if (code)
		return code;
	set_attributes(&attributes, spawn);
	char *const *environment = spawn->environment ? (char *const *)spawn->environment : environ;
	code = (spawn->kind == SPAWN_JOB ? posix_spawnp : posix_spawn)(
	    pid, spawn->program, actions, &attributes, (char *const *)spawn->arguments,
	    environment);
	posix_spawnattr_destroy(&attributes);
	return code;
}

static int spawn_child(const struct spawn *spawn, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int copies[SPAWN_DESCRIPTORS_MAX];
	int code = make_copies(spawn, copies);
	if (code)
		return code;
	code = posix_spawn_file_actions_init(&actions);
	if (!code) {
		code = spawn_with(spawn, copies, &actions, pid);
		posix_spawn_file_actions_destroy(&actions);
	}
	close_all(copies);
	return code;
}

int spawn_start(const struct spawn *spawn, struct spawn_process *process)
{
	*process = SPAWN_PROCESS_NONE;
	if (spawn->descriptor_count > SPAWN_DESCRIPTORS_MAX)
		return -E2BIG;
	pid_t pid;
	int code = spawn_child(spawn, &pid);
	if (code)
		return -code;
	process->pid = pid;
	/* It stays our child, whatever it does, until we wait for it: the number is still its. */
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process->pidfd >= 0)
		return 0;
	code = errno;
	spawn_kill(process);
	return -code;
}

/* ── waiting ─────────────────────────────────────────────────────────────────────────────────── */

int spawn_wait_end(int pidfd, uint64_t deadline_ns)
{
	return file_wait_ready(pidfd, POLLIN, deadline_ns);
}

/* As waitpid(2) would tell it. */
static int wait_status(const siginfo_t *end)
{
	if (end->si_code == CLD_EXITED)
		return W_EXITCODE(end->si_status, 0);
	return W_EXITCODE(0, end->si_status) | (end->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

/* 0 or an errno: ECHILD where somebody else has waited for it, or nobody has to (SIGCHLD is
 * ignored). Its number may be that of another child then, but its descriptor stays its own. */
static int take_away(struct spawn_process *process, int *status)
{
	siginfo_t end;
	int result;
	do
		result = process->pidfd >= 0 ? waitid(P_PIDFD, (id_t)process->pidfd, &end, WEXITED)
					     : waitid(P_PID, (id_t)process->pid, &end, WEXITED);
	while (result && errno == EINTR);
	const int code = result ? errno : 0;
	if (!result)
		*status = wait_status(&end);
	spawn_release(process);
	return code;
}

int spawn_wait(struct spawn_process *process, uint64_t deadline_ns, int *status)
{
	if (process->pid <= 0)
		return -ECHILD;
	int result = spawn_wait_end(process->pidfd, deadline_ns);
	return result ? result : -take_away(process, status);
}

void spawn_signal(const struct spawn_process *process, int signal)
{
	if (process->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0);
	else if (process->pid > 0)
		kill(process->pid, signal);
}

int spawn_adopt(int pidfd, struct spawn_process *process)
{
	siginfo_t end = {0};
	char path[64], line[128];
	pid_t pid = 0;
	*process = SPAWN_PROCESS_NONE;
	if (waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED | WNOHANG | WNOWAIT))
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	cleanup_fclose FILE *file = fopen(path, "re");
	while (file && pid <= 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, "Pid:", 4))
			pid = (pid_t)strtol(line + 4, NULL, 10);
	if (pid <= 0) {
		/* No descriptor is left to look it up: nobody could wait for it. */
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED);
		return -ESRCH;
	}
	*process = (struct spawn_process){.pid = pid, .pidfd = pidfd};
	return 0;
}

void spawn_kill(struct spawn_process *process)
{
	int status;
	if (process->pid <= 0)
		return;
	spawn_signal(process, SIGKILL);
	take_away(process, &status);
}

void spawn_release(struct spawn_process *process)
{
	if (process->pidfd >= 0)
		close(process->pidfd);
	*process = SPAWN_PROCESS_NONE;
}
