/* Signals as events of a descriptor; see signals.h. */
#include "acceld/common/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

int signals_open(const int *numbers, size_t count, int flags, struct error *error)
{
	sigset_t signals;
	sigemptyset(&signals);
	for (size_t i = 0; i < count; i++)
		sigaddset(&signals, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return error_set_errno(error, errno, "cannot block signals");
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | flags);
	return fd >= 0 ? fd : error_set_errno(error, errno, "cannot make a signalfd");
}
