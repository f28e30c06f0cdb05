/* The ends of threads and processes. A thread ends in its own turn, in its process' memory; the last
 * one takes leave of what the process had. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "arch/thread_state.h"
#include "guest/fs/descriptors.h"
#include "guest/fs/path.h"
#include "guest/fs/syscalls/transfer.h"
#include "guest/lib/system_call.h"
#include "guest/machine/machine.h"
#include "guest/mm/space.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/futex.h"
#include "guest/sched/futex_lock.h"
#include "guest/sched/process.h"
#include "guest/sched/processor_time.h"
#include "guest/sched/thread.h"
#include "guest/signal/children.h"
#include "guest/signal/queue.h"
#include "guest/signal/signals.h"
#include "guest/time/timers.h"

/* A child of the one that ends gets another parent, which may be glad to hear of its end. */
static void give_away(struct process *child, struct process *heir)
{
	child->parent = heir;
	child->exit_signal = SIGCHLD;
	if (child->phase == PROCESS_ENDED)
		signal_tell_end(child);
	if (child->phase == PROCESS_GONE)
		process_forget(child);
}

static bool has_stopped(uint32_t group)
{
	for (const struct process *one = &process_first; one; one = one->next)
		if (one->group == group && one->stopped_by)
			return true;
	return false;
}

/* Who is stopped in a group that nobody is left for to let it go on is woken, and told. */
static void wake_orphans(uint32_t group)
{
	const siginfo_t hang_up = {.si_signo = SIGHUP, .si_code = SI_KERNEL};
	const siginfo_t go_on = {.si_signo = SIGCONT, .si_code = SI_KERNEL};
	if (!has_stopped(group) || !process_group_is_orphaned(group))
		return;
	for (struct process *one = &process_first; one; one = one->next) {
		if (one->group != group)
			continue;
		signal_send_process(one, &hang_up);
		signal_send_process(one, &go_on);
	}
}

/* A process whose parent could let its group go on. One of the two goes; only then may the group have
 * become an orphan's: it may have been that before, as the machine's first one is. */
static bool holds_group(const struct process *parent, const struct process *process)
{
	return parent && parent->group != process->group && parent->session == process->session;
}

static void leave_children(const struct process *process)
{
	struct process *heir = process_heir(process), *next;
	for (struct process *child = process_first.next; child; child = next) {
		next = child->next;
		if (child->parent != process)
			continue;
		const int signal = child->death_signal;
		const siginfo_t information = {.si_signo = signal, .si_pid = (pid_t)process_id()};
		const uint32_t group = child->group;
		const bool was_held = holds_group(process, child);
		if (signal)
			signal_send_process(child, &information);
		give_away(child, heir);
		if (was_held)
			wake_orphans(group);
	}
}

static void end_process(struct process *process)
{
	thread_free_ended();
	process_give_memory_back();
	timers_release(process);
	descriptors_release(process);
	paths_release(process);
	transfers_release(process);
	signal_actions_release(process);
	signal_queue_drop(&process->signals, UINT64_MAX);
	process->used_ns = processor_time();
	process->phase = PROCESS_ENDED;
	leave_children(process);
	if (holds_group(process->parent, process))
		wake_orphans(process->group);
	signal_tell_end(process);
	process_tell_pidfds(process);
	address_space_leave_soon(process->memory);
}

/* Somebody goes on in the process' memory. */
static bool is_seen(const struct process *process)
{
	return process->thread_count > 1 || process->memory->references > 1;
}

void thread_end(void)
{
	struct thread *self = thread_current();
	const int32_t none = 0;
	futex_release_robust(self);
	futex_release_locks(self);
	if (self->clear_id && is_seen(self->process) &&
	    !user_copy_out(self->clear_id, &none, sizeof(none)))
		futex_wake(self->clear_id, 1, UINT32_MAX);
	signal_leave_thread(self);
	if (self->process->thread_count == 1)
		end_process(self->process);
	thread_leave_ring();
}

void process_end_by_signal(int signal)
{
	/* It may look at another process, which goes on, or be in its memory. */
	process_look_as(NULL);
	process_begin_end(process_current(), signal);
	thread_state_abandon(&thread_current()->processor, thread_end);
}

SYSTEM_CALL(exit)
{
	struct process *process = process_current();
	if (process->thread_count == 1)
		process_begin_end(process, W_EXITCODE((int)arguments[0] & 255, 0));
	thread_end();
}

SYSTEM_CALL(exit_group)
{
	process_begin_end(process_current(), W_EXITCODE((int)arguments[0] & 255, 0));
	thread_end();
}
