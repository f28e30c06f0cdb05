/* Signals: what a program arranges is recorded, and what it sends itself is answered as its
 * arrangement says: ignored, kept while blocked, or fatal.
 *
 * No signal comes from outside of the guest. A handler for a signal that the program sends itself
 * does not run; where the default would be to end the program, it is ended. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "calls.h"
#include "libos.h"
#include "text.h"

#define SIGNAL_COUNT	64
#define SIGNAL_SET_SIZE 8
#define SMALLEST_STACK	2048 /* MINSIGSTKSZ of the kernel; the C library computes its own */
#define SIGNAL_BIT(n)	(1UL << ((n)-1))

/* As the kernel has it; the C library's differs. */
struct signal_action {
	uint64_t handler, flags, restorer, mask;
};

static struct signal_action actions[SIGNAL_COUNT + 1];
static uint64_t blocked, pending;
static stack_t alternate_stack = {.ss_flags = SS_DISABLE};

static const uint64_t never_blocked = SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP);
static const uint64_t harmless = SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) |
				 SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) |
				 SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU);

static void deliver(int signal)
{
	uint64_t handler = actions[signal].handler;
	if (handler == (uint64_t)SIG_IGN || harmless & SIGNAL_BIT(signal))
		return;
	if (handler != (uint64_t)SIG_DFL)
		machine_debug("signal %d: its handler does not run, the program ends", signal);
	machine_abort(signal);
}

void signal_raise(int signal)
{
	if (blocked & SIGNAL_BIT(signal))
		pending |= SIGNAL_BIT(signal);
	else
		deliver(signal);
}

/* Delivers what a change of the mask has let through. */
static void deliver_pending(void)
{
	for (int signal = 1; signal <= SIGNAL_COUNT; signal++) {
		if (!(pending & ~blocked & SIGNAL_BIT(signal)))
			continue;
		pending &= ~SIGNAL_BIT(signal);
		deliver(signal);
	}
}

int64_t call_rt_sigaction(const uint64_t arguments[6])
{
	struct signal_action action;
	uint64_t signal = (uint32_t)arguments[0];
	if (arguments[3] != SIGNAL_SET_SIZE || !signal || signal > SIGNAL_COUNT)
		return -EINVAL;
	if (arguments[1]) {
		int error = user_copy_in(&action, arguments[1], sizeof(action));
		if (error)
			return error;
		if (never_blocked & SIGNAL_BIT(signal))
			return -EINVAL;
	}
	if (arguments[2]) {
		int error = user_copy_out(arguments[2], &actions[signal], sizeof(action));
		if (error)
			return error;
	}
	if (arguments[1])
		actions[signal] = action;
	return 0;
}

int64_t call_rt_sigprocmask(const uint64_t arguments[6])
{
	uint64_t set = 0, changed = blocked;
	if (arguments[3] != SIGNAL_SET_SIZE)
		return -EINVAL;
	if (arguments[1]) {
		int error = user_copy_in(&set, arguments[1], sizeof(set));
		if (error)
			return error;
		switch ((uint32_t)arguments[0]) {
		case SIG_BLOCK:
			changed |= set;
			break;
		case SIG_UNBLOCK:
			changed &= ~set;
			break;
		case SIG_SETMASK:
			changed = set;
			break;
		default:
			return -EINVAL;
		}
	}
	if (arguments[2]) {
		int error = user_copy_out(arguments[2], &blocked, sizeof(blocked));
		if (error)
			return error;
	}
	blocked = changed & ~never_blocked;
	deliver_pending();
	return 0;
}

int64_t call_rt_sigpending(const uint64_t arguments[6])
{
	return arguments[1] > SIGNAL_SET_SIZE ? -EINVAL
					      : user_copy_out(arguments[0], &pending, arguments[1]);
}

/* Waiting for a signal: what is pending is the program's own, and nothing else will come. */
int64_t call_rt_sigtimedwait(const uint64_t arguments[6])
{
	uint64_t set, timeout_ns = 0;
	if (arguments[3] != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&set, arguments[0], sizeof(set));
	if (!error && arguments[2])
		error = time_read_timespec(arguments[2], &timeout_ns);
	if (error)
		return error;
	uint64_t found = pending & set;
	if (!found) {
		if (!arguments[2])
			return process_deadlock("a signal");
		time_sleep(timeout_ns);
		return -EAGAIN;
	}
	int signal = __builtin_ctzl(found) + 1;
	if (arguments[1]) {
		siginfo_t information = {.si_signo = signal, .si_code = SI_USER};
		information.si_pid = PROCESS_ID;
		error = user_copy_out(arguments[1], &information, sizeof(information));
		if (error)
			return error;
	}
	pending &= ~SIGNAL_BIT(signal);
	return signal;
}

int64_t call_rt_sigsuspend(const uint64_t arguments[6])
{
	uint64_t mask;
	if (arguments[1] != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&mask, arguments[0], sizeof(mask));
	return error ? error : process_deadlock("a signal");
}

int64_t call_pause(const uint64_t arguments[6])
{
	return process_deadlock("a signal");
}

int64_t call_sigaltstack(const uint64_t arguments[6])
{
	stack_t wanted;
	if (arguments[0]) {
		int error = user_copy_in(&wanted, arguments[0], sizeof(wanted));
		if (error)
			return error;
		if (wanted.ss_flags & ~SS_DISABLE)
			return -EINVAL;
		if (!(wanted.ss_flags & SS_DISABLE) && wanted.ss_size < SMALLEST_STACK)
			return -ENOMEM;
	}
	if (arguments[1]) {
		int error = user_copy_out(arguments[1], &alternate_stack, sizeof(alternate_stack));
		if (error)
			return error;
	}
	if (arguments[0])
		alternate_stack = wanted;
	return 0;
}

static int64_t send_signal(uint64_t target, uint64_t signal)
{
	signal = (uint32_t)signal;
	if (signal > SIGNAL_COUNT)
		return -EINVAL;
	if ((int32_t)target != PROCESS_ID)
		return -ESRCH;
	if (signal)
		signal_raise((int)signal);
	return 0;
}

/* 0 and -1 name the program's group, and everybody that it may reach but itself. */
int64_t call_kill(const uint64_t arguments[6])
{
	int32_t target = (int32_t)arguments[0];
	if (target == 0 || target == -PROCESS_ID)
		target = PROCESS_ID;
	return send_signal((uint32_t)target, arguments[1]);
}

int64_t call_tkill(const uint64_t arguments[6])
{
	return (int32_t)arguments[0] <= 0 ? -EINVAL : send_signal(arguments[0], arguments[1]);
}

int64_t call_tgkill(const uint64_t arguments[6])
{
	if ((int32_t)arguments[0] <= 0 || (int32_t)arguments[1] <= 0)
		return -EINVAL;
	if ((uint32_t)arguments[0] != PROCESS_ID)
		return -ESRCH;
	return send_signal(arguments[1], arguments[2]);
}
