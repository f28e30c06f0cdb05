/* System calls that wait for signals, or look at what waits. */
#include <errno.h>

#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/thread.h"
#include "guest/sched/timespec.h"
#include "signals.h"

SYSTEM_CALL(rt_sigpending)
{
	uint64_t pending = signal_pending() & thread_current()->blocked;
	return arguments[1] > SIGNAL_SET_SIZE ? -EINVAL
					      : user_copy_out(arguments[0], &pending, arguments[1]);
}

/* Signals of the set come here meanwhile, whether they are blocked or have handlers. */
static int wait_for_set(uint64_t set, uint64_t deadline_ns, siginfo_t *information)
{
	struct thread *self = thread_current();
	for (;;) {
		int signal = signal_take(set, information);
		if (signal)
			return signal;
		self->awaited = set;
		int error = thread_wait(&signal_channel, deadline_ns, "a signal");
		self->awaited = 0;
		if (!error)
			continue;
		signal = signal_take(set, information);
		return signal ? signal : error == -ETIMEDOUT ? -EAGAIN : error;
	}
}

SYSTEM_CALL(rt_sigtimedwait)
{
	uint64_t set, timeout_ns = 0;
	siginfo_t information;
	if (arguments[3] != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&set, arguments[0], sizeof(set));
	if (!error && arguments[2])
		error = timespec_read(arguments[2], &timeout_ns);
	if (error)
		return error;
	set &= ~SIGNALS_NEVER_BLOCKED;
	int signal = wait_for_set(set, arguments[2] ? clock_deadline_ns(timeout_ns) : NO_DEADLINE,
				  &information);
	if (signal > 0 && arguments[1])
		error = user_copy_out(arguments[1], &information, sizeof(information));
	return error ? error : signal;
}

static int64_t wait_for_handler(void)
{
	for (;;) {
		int error = thread_wait(&signal_channel, NO_DEADLINE, "a signal");
		if (error)
			return error;
	}
}

SYSTEM_CALL(rt_sigsuspend)
{
	uint64_t mask;
	if (arguments[1] != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&mask, arguments[0], sizeof(mask));
	if (error)
		return error;
	signal_set_mask_for_wait(mask);
	return wait_for_handler();
}

SYSTEM_CALL(pause)
{
	return wait_for_handler();
}
