/* Signals: what the program arranges, who gets a signal, and what waits for its turn.
 * signal_frame.c lets handlers run.
 *
 * No signal comes from outside of the guest: the program's own, its timers', and its faults. One
 * signal of a number waits at a time, with what came last. */
#include "signals.h"

#include <errno.h>
#include <sys/mman.h>

#include "calls.h"
#include "text.h"

#define SIGNAL_SET_SIZE 8
#define SMALLEST_STACK	2048 /* MINSIGSTKSZ of the kernel; the C library computes its own */

static struct signal_action actions[SIGNAL_COUNT + 1];

/* Sent to the process while all threads blocked it. */
static struct {
	uint64_t pending;
	struct signal_cause causes[SIGNAL_COUNT + 1];
} process;

/* Exceptions whose signals have handlers; the control page of each clone must have them. */
static uint64_t upcalls;

static const char signal_channel;

static const uint64_t never_blocked = SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP);
static const uint64_t harmless = SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) |
				 SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) |
				 SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU);

const struct signal_action *signal_action(int signal)
{
	return &actions[signal];
}

bool signal_is_ignored(int signal)
{
	uint64_t handler = actions[signal].handler;
	return handler == (uint64_t)SIG_IGN ||
	       (handler == (uint64_t)SIG_DFL && harmless & SIGNAL_BIT(signal));
}

void signal_reset_action(int signal)
{
	actions[signal].handler = (uint64_t)SIG_DFL;
}

/* ── sending ─────────────────────────────────────────────────────────────────────────────────── */

/* Notes the signal for a thread that does not block it. */
static void give(struct thread *thread, int signal, const struct signal_cause *cause)
{
	if (signal_is_ignored(signal))
		return;
	if (actions[signal].handler == (uint64_t)SIG_DFL)
		machine_abort(signal);
	thread->pending |= SIGNAL_BIT(signal);
	thread->causes[signal] = *cause;
	thread_resume(thread, -EINTR);
}

void signal_send_thread(struct thread *thread, int signal, const struct signal_cause *cause)
{
	if (!(thread->blocked & SIGNAL_BIT(signal))) {
		give(thread, signal, cause);
		return;
	}
	thread->pending |= SIGNAL_BIT(signal);
	thread->causes[signal] = *cause;
	thread_wake(&signal_channel);
}

void signal_send_process(int signal, const struct signal_cause *cause)
{
	/* As on Linux the main thread comes first. */
	struct thread *thread = thread_first();
	do {
		if (thread->state != THREAD_ENDED && !(thread->blocked & SIGNAL_BIT(signal))) {
			give(thread, signal, cause);
			return;
		}
		thread = thread->next;
	} while (thread != thread_first());
	process.pending |= SIGNAL_BIT(signal);
	process.causes[signal] = *cause;
	do {
		if (thread->channel == &signal_channel)
			thread_resume(thread, 0);
		thread = thread->next;
	} while (thread != thread_first());
}

void signal_raise(int signal)
{
	const struct signal_cause cause = {.code = SI_USER, .sender = PROCESS_ID};
	signal_send_thread(thread_current(), signal, &cause);
}

bool signal_is_due(void)
{
	const struct thread *thread = thread_current();
	return (thread->pending | process.pending) & ~thread->blocked;
}

int signal_take(uint64_t set, struct signal_cause *cause)
{
	struct thread *thread = thread_current();
	uint64_t found = thread->pending & set;
	uint64_t *pending = found ? &thread->pending : &process.pending;
	const struct signal_cause *causes = found ? thread->causes : process.causes;
	if (!found)
		found = process.pending & set;
	if (!found)
		return 0;
	int signal = __builtin_ctzl(found) + 1;
	*cause = causes[signal];
	*pending &= ~SIGNAL_BIT(signal);
	return signal;
}

/* What a change of the mask lets through: what would end the program does so at once, handlers run
 * on the way back to the program. */
void signal_set_mask(uint64_t mask)
{
	struct thread *thread = thread_current();
	thread->blocked = mask & ~never_blocked;
	uint64_t due = (thread->pending | process.pending) & ~thread->blocked;
	for (; due; due &= due - 1) {
		int signal = __builtin_ctzl(due) + 1;
		struct signal_cause cause;
		if (!signal_is_ignored(signal) && actions[signal].handler == (uint64_t)SIG_DFL &&
		    signal_take(SIGNAL_BIT(signal), &cause))
			machine_abort(signal);
	}
}

void signal_set_mask_for_wait(uint64_t mask)
{
	struct thread *thread = thread_current();
	thread->saved_mask = thread->blocked;
	thread->restore_mask = true;
	signal_set_mask(mask);
}

int signal_read_mask_for_wait(uint64_t address, uint64_t size)
{
	uint64_t mask;
	if (!address)
		return 0;
	if (size != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&mask, address, sizeof(mask));
	if (!error)
		signal_set_mask_for_wait(mask);
	return error;
}

/* ── exceptions ──────────────────────────────────────────────────────────────────────────────── */

int signal_of_exception(uint64_t vector)
{
	static const uint8_t signals[] = {
	    [0] = SIGFPE,   [1] = SIGTRAP,  [3] = SIGTRAP, [4] = SIGSEGV, [5] = SIGSEGV,
	    [6] = SIGILL,   [10] = SIGSEGV, [11] = SIGBUS, [12] = SIGBUS, [13] = SIGSEGV,
	    [14] = SIGSEGV, [16] = SIGFPE,  [17] = SIGBUS, [19] = SIGFPE,
	};
	return vector < sizeof(signals) ? signals[vector] : 0;
}

static void update_upcalls(void)
{
	upcalls = 0;
	for (uint64_t vector = 0; vector < GUEST_VECTOR_TICK; vector++) {
		int signal = signal_of_exception(vector);
		uint64_t handler = signal ? actions[signal].handler : 0;
		if (handler != (uint64_t)SIG_DFL && handler != (uint64_t)SIG_IGN)
			upcalls |= 1UL << vector;
	}
	machine_control()->upcalls = upcalls;
}

void signals_resume(void)
{
	machine_control()->upcalls = upcalls;
}

/* ── system calls ────────────────────────────────────────────────────────────────────────────── */

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
	if (arguments[1]) {
		actions[signal] = action;
		update_upcalls();
	}
	return 0;
}

int64_t call_rt_sigprocmask(const uint64_t arguments[6])
{
	uint64_t blocked = thread_current()->blocked, set = 0, changed = blocked;
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
	if (changed != blocked)
		signal_set_mask(changed);
	return 0;
}

int64_t call_rt_sigpending(const uint64_t arguments[6])
{
	uint64_t pending = thread_current()->pending | process.pending;
	return arguments[1] > SIGNAL_SET_SIZE ? -EINVAL
					      : user_copy_out(arguments[0], &pending, arguments[1]);
}

int64_t call_rt_sigtimedwait(const uint64_t arguments[6])
{
	uint64_t set, timeout_ns = 0, deadline_ns = THREAD_NO_DEADLINE;
	struct signal_cause cause;
	int signal;
	if (arguments[3] != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&set, arguments[0], sizeof(set));
	if (!error && arguments[2])
		error = time_read_timespec(arguments[2], &timeout_ns);
	if (error)
		return error;
	if (arguments[2])
		deadline_ns = time_deadline_ns(timeout_ns);
	while (!(signal = signal_take(set, &cause))) {
		error = thread_wait(&signal_channel, deadline_ns, "a signal");
		if (error)
			return error == -ETIMEDOUT ? -EAGAIN : error;
	}
	if (arguments[1]) {
		siginfo_t information;
		signal_describe(signal, &cause, &information);
		error = user_copy_out(arguments[1], &information, sizeof(information));
		if (error)
			return error;
	}
	return signal;
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

bool signal_on_alternate_stack(const struct thread *thread, uint64_t stack_pointer)
{
	const stack_t *stack = &thread->alternate_stack;
	return !(stack->ss_flags & SS_DISABLE) &&
	       stack_pointer - (uint64_t)stack->ss_sp - 1 < stack->ss_size;
}

int64_t call_sigaltstack(const uint64_t arguments[6])
{
	struct thread *thread = thread_current();
	stack_t wanted, old = thread->alternate_stack;
	bool in_use = signal_on_alternate_stack(thread, thread_frame()->rsp);
	if (arguments[0]) {
		int error = user_copy_in(&wanted, arguments[0], sizeof(wanted));
		if (error)
			return error;
		if (in_use)
			return -EPERM;
		if (wanted.ss_flags & ~(SS_DISABLE | SS_ONSTACK))
			return -EINVAL;
		wanted.ss_flags &= SS_DISABLE;
		if (!(wanted.ss_flags & SS_DISABLE) && wanted.ss_size < SMALLEST_STACK)
			return -ENOMEM;
	}
	if (arguments[1]) {
		if (in_use)
			old.ss_flags |= SS_ONSTACK;
		int error = user_copy_out(arguments[1], &old, sizeof(old));
		if (error)
			return error;
	}
	if (arguments[0])
		thread->alternate_stack = wanted;
	return 0;
}

/* 0 and -1 name the program's group, and everybody that it may reach but itself. */
int64_t call_kill(const uint64_t arguments[6])
{
	const struct signal_cause cause = {.code = SI_USER, .sender = PROCESS_ID};
	int32_t target = (int32_t)arguments[0];
	uint32_t signal = (uint32_t)arguments[1];
	if (signal > SIGNAL_COUNT)
		return -EINVAL;
	if (target != 0 && target != PROCESS_ID && target != -PROCESS_ID)
		return -ESRCH;
	if (signal)
		signal_send_process((int)signal, &cause);
	return 0;
}

static int64_t send_to_thread(uint64_t target, uint64_t signal)
{
	const struct signal_cause cause = {.code = SI_TKILL, .sender = PROCESS_ID};
	signal = (uint32_t)signal;
	if ((int32_t)target <= 0 || signal > SIGNAL_COUNT)
		return -EINVAL;
	struct thread *thread = thread_find((int32_t)target);
	if (!thread)
		return -ESRCH;
	if (signal)
		signal_send_thread(thread, (int)signal, &cause);
	return 0;
}

int64_t call_tkill(const uint64_t arguments[6])
{
	return send_to_thread(arguments[0], arguments[1]);
}

int64_t call_tgkill(const uint64_t arguments[6])
{
	if ((int32_t)arguments[0] <= 0)
		return -EINVAL;
	if ((uint32_t)arguments[0] != PROCESS_ID)
		return -ESRCH;
	return send_to_thread(arguments[1], arguments[2]);
}
