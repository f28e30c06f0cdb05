/* What all guest processes of a monitor share; see host.h. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/filter_export.h"
#include "guest.h"
#include "util/paths.h"

#define HELPER_PART	  "monitor/process_guest"
#define HWCAP2_FSGSBASE	  2UL /* asm/hwcap2.h */
#define HELPER_STACK_SIZE 16384

int process_host_probe(struct error *error)
{
	/* Tries the call by switching off what is off already. */
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0))
		return error_set(error, ENOTSUP,
				 "the kernel has no syscall user dispatch; Linux 5.11 or newer "
				 "has it");
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return error_set(error, ENOTSUP, "the kernel has no seccomp filters");
	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
		return error_set(error, ENOTSUP,
				 "programs may not use the FSGSBASE instructions here; processors "
				 "since 2012 with Linux 5.9 or newer may");
	char path[PATH_MAX];
	return paths_part(path, sizeof(path), HELPER_PART, error);
}

int process_host_open(struct isolation_host **host, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_part(path, sizeof(path), HELPER_PART, error);
	if (result)
		return result;
	struct process_host *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for guest processes");
	confine_filter_prepare(); /* each process gets a filter, and the monitor has one then */
	self->processes = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	self->helper = open(path, O_PATH | O_CLOEXEC);
	if (self->helper < 0) {
		result = error_set_errno(error, errno, "cannot open %s", path);
		process_host_close((struct isolation_host *)self);
		return result;
	}
	*host = (struct isolation_host *)self;
	return 0;
}

void process_host_close(struct isolation_host *host)
{
	struct process_host *self = (struct process_host *)host;
	if (!self)
		return;
	if (self->helper >= 0)
		close(self->helper);
	if (self->processes >= 0)
		close(self->processes);
	free(self);
}

/* In a namespace of its own, its children have other numbers than in the /proc that is open; and a
 * way into a file system is not to be kept anyhow. */
int process_host_adopt(struct isolation_host *host, struct error *error)
{
	struct process_host *self = (struct process_host *)host;
	if (self->processes >= 0)
		close(self->processes);
	self->processes = -1;
	return 0;
}

int process_host_helper(const struct isolation_host *host)
{
	return process_host(host)->helper;
}

int process_host_keep(const struct isolation_host *host, struct descriptors_kept *kept)
{
	return descriptors_keep(kept, process_host(host)->helper);
}

/* What the child needs to become the helper; it shares the monitor's memory until then. */
struct start {
	int helper, socket;
	int error; /* why it could not */
};

/* The socket as descriptor 0 and no other, no signal blocked, a process group of its own (the
 * terminal's signals are the monitor's to judge). System calls only, since the memory is not its
 * own. The monitor's handlers do not survive the start, and a signal that is ignored makes no
 * difference to the helper. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static int become_helper(void *context)
{
	struct start *start = context;
	char name[] = "process_guest";
	char *const arguments[] = {name, NULL}, *const environment[] = {NULL};
	sigset_t none;
	sigemptyset(&none);
	if (!setpgid(0, 0) && dup2(start->socket, PROCESS_SOCKET) == PROCESS_SOCKET &&
	    !close_range(PROCESS_SOCKET + 1, ~0U, CLOSE_RANGE_CLOEXEC) &&
	    !sigprocmask(SIG_SETMASK, &none, NULL))
		execveat(start->helper, "", arguments, environment, AT_EMPTY_PATH);
	start->error = errno;
	_exit(1);
}

int process_host_spawn(const struct process_host *host, int socket, pid_t *pid)
{
	char stack[HELPER_STACK_SIZE] __attribute__((aligned(16)));
	struct start start = {.helper = host->helper, .socket = socket};
	sigset_t all, before;
	sigfillset(&all);
	/* A handler must not run in the child, in the monitor's memory. */
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return EINVAL;
	/* What vfork(2) does, on a stack of its own. spawn_start() will not do: a monitor sees no
	 * file system and may start nothing but this one descriptor (rights.c), and a process is
	 * started for every request. */
	*pid =
	    clone(become_helper, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
	int code = *pid < 0 ? errno : start.error;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (*pid > 0 && code) {
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return code;
}
