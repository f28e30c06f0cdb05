/* Waiting for a container's process in the foreground; see relay.h. */
#include "oci/commands/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/container/guest.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define STATUS_SIGNAL 128

static void pass_signals(int signals, const struct spawn_process *process)
{
	struct signalfd_siginfo info;
	while (read(signals, &info, sizeof(info)) == sizeof(info))
		spawn_signal(process, (int)info.ssi_signo);
}

int relay_until_end(struct spawn_process *process, int *status, struct error *error)
{
	sigset_t set;
	guest_list_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	cleanup_close int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return error_set_errno(error, errno, "cannot wait for signals");
	for (;;) {
		struct pollfd wanted[] = {{.fd = process->pidfd, .events = POLLIN},
					  {.fd = signals, .events = POLLIN}};
		if (poll(wanted, ARRAY_SIZE(wanted), -1) < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for the process");
		if (wanted[1].revents)
			pass_signals(signals, process);
		if (wanted[0].revents)
			break;
	}
	int ended;
	const int result = spawn_wait(process, UINT64_MAX, &ended);
	if (result)
		return error_set_errno(error, -result, "cannot wait for the process");
	*status = WIFEXITED(ended) ? WEXITSTATUS(ended) : STATUS_SIGNAL + WTERMSIG(ended);
	return 0;
}
