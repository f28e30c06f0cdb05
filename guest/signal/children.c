/* Processes that stop, go on and end, and what their parents are told. */
#include "children.h"

#include <sys/wait.h>

#include "guest/sched/process.h"
#include "guest/sched/wait.h"
#include "signals.h"

static const struct signal_action *parents_action(const struct process *process)
{
	return signal_action_of(process->parent, SIGCHLD);
}

static void tell_parent(const struct process *process, int signal, int status)
{
	siginfo_t information;
	wait_describe(&information, process, status);
	information.si_signo = signal;
	signal_send_process(process->parent, &information);
}

/* To the parent, unless that does not want to hear of children that stop and go on. */
static void tell_change(const struct process *process, int status)
{
	const struct process *parent = process->parent;
	if (parent && parent->phase == PROCESS_LIVES &&
	    !(parents_action(process)->flags & SA_NOCLDSTOP))
		tell_parent(process, SIGCHLD, status);
	process_tell_waiters();
}

void signal_tell_end(struct process *process)
{
	const struct process *parent = process->parent;
	if (!parent || parent->phase != PROCESS_LIVES) {
		process->phase = PROCESS_GONE;
		return;
	}
	const struct signal_action *action = parents_action(process);
	const bool ignored = action->handler == (uint64_t)SIG_IGN;
	if (process->exit_signal == SIGCHLD && (ignored || action->flags & SA_NOCLDWAIT))
		process->phase = PROCESS_GONE;
	if (process->exit_signal && !(process->exit_signal == SIGCHLD && ignored))
		tell_parent(process, process->exit_signal, process->wait_status);
	process_tell_waiters();
}

void process_stop(struct process *process, int signal)
{
	/* Nobody could let the machine's only process go on. */
	if (process->phase != PROCESS_LIVES || process->stopped_by || process_count() == 1)
		return;
	process->stopped_by = signal;
	process->halted = true;
	process->stop_is_news = true;
	process->resume_is_news = false;
	tell_change(process, W_STOPCODE(signal));
}

void process_continue(struct process *process)
{
	if (!process->stopped_by)
		return;
	process->stopped_by = 0;
	/* Threads that are to end still are; see thread_end_others(). */
	process->halted = process->phase != PROCESS_LIVES || process->goes_on_alone;
	process->stop_is_news = false;
	process->resume_is_news = true;
	tell_change(process, WAIT_CONTINUED);
}
