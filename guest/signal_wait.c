/* System calls that wait for signals, or look at what waits. */
#include <errno.h>

#include "calls.h"
#include "signals.h"

int64_t call_rt_sigpending(const uint64_t arguments[6])
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

int64_t call_rt_sigtimedwait(const uint64_t arguments[6])
{
	uint64_t set, timeout_ns = 0;
	siginfo_t information;
	if (arguments[3] != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&set, arguments[0], sizeof(set));
	if (!error && arguments[2])
		error = time_read_timespec(arguments[2], &timeout_ns);
	if (error)
		return error;
	set &= ~SIGNALS_NEVER_BLOCKED;
	int signal = wait_for_set(
	    set, arguments[2] ? time_deadline_ns(timeout_ns) : THREAD_NO_DEADLINE, &information);
	if (signal > 0 && arguments[1])
		error = user_copy_out(arguments[1], &information, sizeof(information));
	return error ? error : signal;
}

static int64_t wait_for_handler(void)
{
	for (;;) {
		int error = thread_wait(&signal_channel, THREAD_NO_DEADLINE, "a signal");
		if (error)
			return error;
	}
}

int64_t call_rt_sigsuspend(const uint64_t arguments[6])
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

int64_t call_pause(const uint64_t arguments[6])
{
	return wait_for_handler();
}
