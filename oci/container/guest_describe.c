/* What jobs and servers have in common as functions of libmayfly; see guest.h. */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "oci/container/guest.h"
#include "sizes/sizes.h"
#include "util/log.h"

#define MEMORY_MAX (64UL << 30) /* of a program */

/* All that engines send, but for those that stop a process or let it go on. SIGCHLD is not for the
 * program, and faults are this process' own. */
static const int caught[] = {SIGTERM, SIGINT,  SIGHUP, SIGQUIT,	 SIGUSR1, SIGUSR2,
			     SIGALRM, SIGPOLL, SIGPWR, SIGWINCH, SIGURG};

/* Does nothing by default. */
bool guest_signal_is_harmless(int signal)
{
	return signal == SIGWINCH || signal == SIGURG;
}

void guest_list_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		sigaddset(set, caught[i]);
	for (int real_time = SIGRTMIN; real_time <= SIGRTMAX; real_time++)
		sigaddset(set, real_time);
}

int guest_catch_signals(struct error *error)
{
	sigset_t set;
	guest_list_signals(&set);
	/* A reader that went away is an error of write(2). */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? error_set_errno(error, errno, "cannot wait for signals") : fd;
}

static uint64_t choose_memory(const struct guest_run *run)
{
	const uint64_t wanted = run->settings->memory ? run->settings->memory : run->memory_limit;
	return wanted < MEMORY_MAX ? wanted : MEMORY_MAX;
}

void guest_describe(const struct guest_run *run, struct mayfly_description *description)
{
	const struct oci_process *process = run->process;
	mayfly_description_init(description, sizeof(*description));
	description->program = process->arguments[0];
	description->arguments = process->arguments + 1;
	description->environment = process->environment;
	description->root = run->root;
	description->writable = run->parts->writable;
	description->read_only = run->parts->read_only;
	description->directory = process->directory;
	description->isolation = run->settings->isolation;
	description->memory = choose_memory(run);
	description->user = process->user.uid;
	description->group = process->user.gid;
	description->groups = process->user.groups;
	description->group_count = process->user.group_count;
	description->host_name = run->host_name;
	description->log = STDERR_FILENO;
	description->log_level = (int)log_level_now;
	description->flags = MAYFLY_STAY_IN_CGROUP | MAYFLY_AS_USER | MAYFLY_SIGNALS;
	/* Never this process' own host: it would be started in the container's control group. */
	if (*run->settings->accelerator)
		description->accelerator = run->settings->accelerator;
	else
		description->flags |= MAYFLY_NO_ACCELERATION;
}
