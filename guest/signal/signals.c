/* Signals: what the program arranges, who gets a signal, and what waits for its turn.
 * signal_frame.c lets handlers run, send.c and wait.c have the system calls that send
 * and wait.
 *
 * No signal comes from outside of the guest: the processes' own, their timers', and their faults. */
#include "signals.h"

#include <errno.h>
#include <sys/mman.h>

#include "arch/registers.h"
#include "arch/signals.h"
#include "guest/lib/large_data.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "queue.h"

#define SMALLEST_STACK 2048 /* MINSIGSTKSZ of the kernel; the C library computes its own */

/* Page faults: most are memory that is touched for the first time. */
#define ALWAYS_TAKEN (1UL << GUEST_VECTOR_PAGE_FAULT)

struct signal_actions {
	struct signal_action actions[SIGNAL_COUNT + 1];
	uint32_t others; /* processes that share them, but for one */
};

LARGE_DATA struct signal_actions signal_actions_of_first;

/* Exceptions that the library OS takes: those, and where their signals have handlers. The control
 * page of each clone must have them. */
static uint64_t upcalls = ALWAYS_TAKEN;

/* There was a second process: whichever ends by an exception, the machine must go on. */
static bool takes_all;

const char signal_channel;

static const uint64_t harmless =
    SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH);
static const uint64_t of_terminals =
    SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU);
static const uint64_t stopping = of_terminals | SIGNAL_BIT(SIGSTOP);

static struct signal_action *action_of(const struct process *process, int signal)
{
	return &process->signal_actions->actions[signal];
}

const struct signal_action *signal_action_of(const struct process *process, int signal)
{
	return action_of(process, signal);
}

const struct signal_action *signal_action(int signal)
{
	return action_of(process_current(), signal);
}

static bool is_ignored(const struct process *process, int signal)
{
	const uint64_t handler = action_of(process, signal)->handler;
	return handler == (uint64_t)SIG_IGN ||
	       (handler == (uint64_t)SIG_DFL && harmless & SIGNAL_BIT(signal));
}

bool signal_is_ignored(int signal)
{
	return is_ignored(process_current(), signal);
}

/* ── sending ─────────────────────────────────────────────────────────────────────────────────── */

/* The thread is in sigtimedwait for it: blocked or not, handled or not, it goes there. */
static bool awaits(const struct thread *thread, int signal)
{
	return thread->state == THREAD_WAITING && thread->awaited & SIGNAL_BIT(signal);
}

static bool blocks(const struct thread *thread, int signal)
{
	return thread->blocked & SIGNAL_BIT(signal);
}

/* Signals that were noted; files of signals tell by it that another one came. */
static uint32_t noted;

uint32_t signal_activity(void)
{
	return noted;
}

/* Puts a signal into a queue, where files of signals find it. */
static int note(struct signal_queue *queue, const siginfo_t *information, bool for_process)
{
	int error = signal_queue_add(queue, information, for_process);
	noted += !error;
	if (!error)
		thread_wake(&thread_files_channel);
	return error;
}

/* Drops signals wherever they wait in the process. */
static void drop_all(struct process *process, uint64_t set)
{
	struct thread *thread = NULL;
	signal_queue_drop(&process->signals, set);
	while ((thread = thread_next_of(process, thread)))
		signal_queue_drop(&thread->signals, set);
}

/* What a signal does when it is sent, whether it is taken or not. */
static void prepare(struct process *process, int signal)
{
	if (signal == SIGCONT) {
		drop_all(process, stopping);
		process_continue(process);
	} else if (stopping & SIGNAL_BIT(signal)) {
		drop_all(process, SIGNAL_BIT(SIGCONT));
	}
}

void signal_do_default(struct process *process, int signal)
{
	if (!(stopping & SIGNAL_BIT(signal)))
		process_begin_end(process, signal);
	else if (signal == SIGSTOP || !process_group_is_orphaned(process->group))
		process_stop(process, signal);
}

/* A signal that would end a stopped process waits until it goes on. */
static bool waits_for_going_on(const struct process *process, int signal)
{
	return process->stopped_by && signal != SIGKILL && !(stopping & SIGNAL_BIT(signal));
}

/* Notes the signal for a thread. */
static int give(struct thread *thread, const siginfo_t *information, bool for_process)
{
	int signal = information->si_signo;
	bool awaited = awaits(thread, signal), blocked = blocks(thread, signal);
	if (!awaited && !blocked && is_ignored(thread->process, signal))
		return 0;
	if (!awaited && !blocked && !waits_for_going_on(thread->process, signal) &&
	    action_of(thread->process, signal)->handler == (uint64_t)SIG_DFL) {
		signal_do_default(thread->process, signal);
		return 0;
	}
	int error = note(&thread->signals, information, for_process);
	if (error)
		return error;
	if (awaited)
		thread_resume(thread, 0);
	else if (!blocked)
		thread_resume(thread, -EINTR);
	return 0;
}

int signal_send_thread(struct thread *thread, const siginfo_t *information)
{
	if (thread->process->phase != PROCESS_LIVES)
		return 0;
	prepare(thread->process, information->si_signo);
	return give(thread, information, false);
}

int signal_send_process(struct process *process, const siginfo_t *information)
{
	/* As on Linux the main thread comes first. */
	int signal = information->si_signo;
	struct thread *thread = NULL;
	if (process->phase != PROCESS_LIVES)
		return 0;
	prepare(process, signal);
	while ((thread = thread_next_of(process, thread)))
		if (!blocks(thread, signal) || awaits(thread, signal))
			return give(thread, information, true);
	return note(&process->signals, information, true);
}

void signal_raise(int signal)
{
	const siginfo_t information = {
	    .si_signo = signal, .si_code = SI_USER, .si_pid = (pid_t)process_id()};
	signal_send_thread(thread_current(), &information);
}

void signal_force_fault(void)
{
	struct thread *thread = thread_current();
	const siginfo_t information = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};
	if (!signal_has_handler(SIGSEGV) || thread->blocked & SIGNAL_BIT(SIGSEGV) ||
	    signal_send_thread(thread, &information))
		process_begin_end(thread->process, SIGSEGV);
}

uint64_t signal_pending(void)
{
	const struct thread *thread = thread_current();
	return thread->signals.pending | thread->process->signals.pending;
}

int signal_take(uint64_t set, siginfo_t *information)
{
	struct thread *thread = thread_current();
	int signal = signal_queue_take(&thread->signals, set, information);
	return signal ? signal : signal_queue_take(&thread->process->signals, set, information);
}

siginfo_t *signal_of_timer(struct process *process, struct thread *thread, int signal, int timer)
{
	if (thread)
		return signal_queue_of_timer(&thread->signals, signal, timer);
	siginfo_t *found = signal_queue_of_timer(&process->signals, signal, timer);
	while (!found && (thread = thread_next_of(process, thread)))
		found = signal_queue_of_timer(&thread->signals, signal, timer);
	return found;
}

void signal_forget_timers(void)
{
	signal_queue_drop_timers(&process_current()->signals);
	signal_queue_drop_timers(&thread_current()->signals);
}

/* The thread will not take these signals, but others may. */
static void send_others(struct thread *thread, uint64_t set)
{
	siginfo_t information;
	while (signal_queue_take_back(&thread->signals, set, &information))
		signal_send_process(thread->process, &information);
}

void signal_leave_thread(struct thread *thread)
{
	thread->state = THREAD_ENDED;
	send_others(thread, UINT64_MAX);
	signal_queue_drop(&thread->signals, UINT64_MAX);
}

/* Delivers what a change of the mask lets through: signals that end the program do so at once,
 * handlers run on the way back to it. */
void signal_set_mask(uint64_t mask)
{
	struct thread *thread = thread_current();
	thread->blocked = mask & ~SIGNALS_NEVER_BLOCKED;
	if (__builtin_expect((thread->signals.pending & thread->blocked) != 0, 0))
		send_others(thread, thread->blocked);
	uint64_t due = signal_pending() & ~thread->blocked;
	for (; due; due &= due - 1) {
		int signal = __builtin_ctzl(due) + 1;
		siginfo_t information;
		if (!signal_is_ignored(signal) &&
		    signal_action(signal)->handler == (uint64_t)SIG_DFL &&
		    signal_take(SIGNAL_BIT(signal), &information))
			signal_do_default(thread->process, signal);
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

bool signal_has_handler(int signal)
{
	const uint64_t handler = signal_action(signal)->handler;
	return handler != (uint64_t)SIG_DFL && handler != (uint64_t)SIG_IGN;
}

static void update_upcalls(void)
{
	upcalls = ALWAYS_TAKEN;
	for (uint64_t vector = 0; vector < GUEST_VECTOR_TICK; vector++) {
		int signal = exception_signal(vector);
		if (signal && (takes_all || signal_has_handler(signal)))
			upcalls |= 1UL << vector;
	}
	machine_control()->upcalls = upcalls;
}

void signal_reset_action(int signal)
{
	action_of(process_current(), signal)->handler = (uint64_t)SIG_DFL;
	update_upcalls();
}

int signal_actions_copy(struct process *child, bool shared)
{
	struct signal_actions *own = process_current()->signal_actions;
	if (shared) {
		own->others++;
		child->signal_actions = own;
	} else {
		child->signal_actions = heap_allocate(sizeof(*own));
		if (!child->signal_actions)
			return -ENOMEM;
		memcpy(child->signal_actions->actions, own->actions, sizeof(own->actions));
	}
	if (!takes_all) {
		takes_all = true;
		update_upcalls();
	}
	return 0;
}

static void release(struct signal_actions *actions)
{
	if (actions->others)
		actions->others--;
	else if (actions != &signal_actions_of_first)
		heap_free(actions, sizeof(*actions));
}

void signal_actions_release(struct process *process)
{
	if (process->signal_actions)
		release(process->signal_actions);
	process->signal_actions = NULL;
}

int signal_actions_unshare(void)
{
	struct process *process = process_current();
	struct signal_actions *shared = process->signal_actions;
	if (!shared->others)
		return 0;
	int error = signal_actions_copy(process, false);
	if (error)
		process->signal_actions = shared;
	else
		release(shared);
	return error;
}

void signal_actions_forget_handlers(struct process *process)
{
	for (int signal = 1; signal <= SIGNAL_COUNT; signal++) {
		struct signal_action *action = action_of(process, signal);
		const bool ignored = action->handler == (uint64_t)SIG_IGN;
		*action = (struct signal_action){.handler = ignored ? (uint64_t)SIG_IGN
								    : (uint64_t)SIG_DFL};
	}
}

void signals_start_program(void)
{
	signal_actions_forget_handlers(process_current());
	thread_current()->alternate_stack = (stack_t){.ss_flags = SS_DISABLE};
	update_upcalls();
}

/* ── signals from outside ────────────────────────────────────────────────────────────────────── */

/* They are looked for where timers are: before threads have their turns. */
static uint64_t outside_next_ns(void)
{
	return machine_control()->signals ? 0 : NO_DEADLINE;
}

static void outside_take(uint64_t now_ns)
{
	uint64_t *place = (uint64_t *)&machine_control()->signals;
	if (!__atomic_load_n(place, __ATOMIC_SEQ_CST))
		return;
	uint64_t left = __atomic_exchange_n(place, 0, __ATOMIC_SEQ_CST);
	while (left) {
		const int signal = __builtin_ctzl(left) + 1;
		const siginfo_t information = {.si_signo = signal, .si_code = SI_USER};
		left &= left - 1;
		if (signal <= SIGNAL_COUNT && process_first.phase == PROCESS_LIVES)
			signal_send_process(&process_first, &information);
	}
}

static struct thread_timers outside = {.next_ns = outside_next_ns, .expire = outside_take};

void signals_resume(void)
{
	machine_control()->upcalls = upcalls;
	if (machine_control()->signals_may_come)
		thread_add_timers(&outside);
}

/* ── system calls ────────────────────────────────────────────────────────────────────────────── */

SYSTEM_CALL(rt_sigaction)
{
	struct signal_action action;
	uint64_t signal = (uint32_t)arguments[0];
	if (arguments[3] != SIGNAL_SET_SIZE || !signal || signal > SIGNAL_COUNT)
		return -EINVAL;
	if (arguments[1]) {
		int error = user_copy_in(&action, arguments[1], sizeof(action));
		if (error)
			return error;
		if (SIGNALS_NEVER_BLOCKED & SIGNAL_BIT(signal))
			return -EINVAL;
	}
	if (arguments[2]) {
		int error = user_copy_out(arguments[2], signal_action((int)signal), sizeof(action));
		if (error)
			return error;
	}
	if (arguments[1]) {
		action.mask &= ~SIGNALS_NEVER_BLOCKED;
		*action_of(process_current(), (int)signal) = action;
		update_upcalls();
		if (signal_is_ignored((int)signal))
			drop_all(process_current(), SIGNAL_BIT(signal));
	}
	return 0;
}

SYSTEM_CALL(rt_sigprocmask)
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

/* ── alternate stacks ────────────────────────────────────────────────────────────────────────── */

bool signal_stack_contains(const stack_t *stack, uint64_t address)
{
	return address - (uint64_t)stack->ss_sp - 1 < stack->ss_size;
}

bool signal_on_alternate_stack(const struct thread *thread, uint64_t stack_pointer)
{
	const stack_t *stack = &thread->alternate_stack;
	return !(stack->ss_flags & (int)SS_AUTODISARM) &&
	       signal_stack_contains(stack, stack_pointer);
}

/* What the call tells of the thread's stack. */
static int alternate_stack_flags(const struct thread *thread, uint64_t stack_pointer)
{
	const stack_t *stack = &thread->alternate_stack;
	const int own = stack->ss_flags & (int)SS_AUTODISARM;
	if (!stack->ss_size)
		return own | SS_DISABLE;
	return own | (signal_on_alternate_stack(thread, stack_pointer) ? SS_ONSTACK : 0);
}

int signal_set_alternate_stack(const stack_t *wanted, uint64_t stack_pointer)
{
	struct thread *thread = thread_current();
	const int mode = wanted->ss_flags & ~(int)SS_AUTODISARM;
	if (signal_on_alternate_stack(thread, stack_pointer))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
		return -EINVAL;
	if (mode != SS_DISABLE && wanted->ss_size < SMALLEST_STACK)
		return -ENOMEM;
	thread->alternate_stack = *wanted;
	if (mode == SS_DISABLE) {
		thread->alternate_stack.ss_sp = NULL;
		thread->alternate_stack.ss_size = 0;
	}
	return 0;
}

SYSTEM_CALL(sigaltstack)
{
	const struct thread *thread = thread_current();
	const uint64_t stack_pointer = frame_stack_pointer(thread_frame());
	stack_t wanted, old = {
			    .ss_sp = thread->alternate_stack.ss_sp,
			    .ss_size = thread->alternate_stack.ss_size,
			    .ss_flags = alternate_stack_flags(thread, stack_pointer),
			};
	int error = 0;
	if (arguments[0])
		error = user_copy_in(&wanted, arguments[0], sizeof(wanted));
	if (arguments[0] && !error)
		error = signal_set_alternate_stack(&wanted, stack_pointer);
	if (arguments[1] && !error)
		error = user_copy_out(arguments[1], &old, sizeof(old));
	return error;
}
