/* System calls that wait for children: for their ends, and for their being stopped and going on. */
#include "wait.h"

#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/user_memory.h"
#include "limits.h"
#include "process.h"
#include "processor_time.h"
#include "thread.h"

const char process_wait_channel;

/* What is waited for. */
struct selection {
	idtype_t kind;
	uint32_t id; /* of a process or a group; as the list of processes has it */
	uint32_t options;
	bool is_eagain; /* that there is none, by a descriptor that never waits */
};

/* What has become of a child. */
struct news {
	const struct process *process;
	int status; /* as wait4(2) tells it */
};

static bool is_meant(const struct process *process, const struct selection *selection)
{
	if (process->parent != process_current())
		return false;
	if (selection->kind == P_PID && process->id != selection->id)
		return false;
	if (selection->kind == P_PGID && process->group != selection->id)
		return false;
	/* Those that do not send SIGCHLD at their end are `clone' children. */
	const bool is_clone = process->exit_signal != SIGCHLD;
	return selection->options & __WALL || is_clone == !!(selection->options & __WCLONE);
}

static bool has_news(struct process *process, uint32_t options, struct news *news)
{
	const bool takes = !(options & WNOWAIT);
	news->process = process;
	if (options & WEXITED && process->phase == PROCESS_ENDED) {
		news->status = process->wait_status;
	} else if (options & WSTOPPED && process->stop_is_news) {
		news->status = W_STOPCODE(process->stopped_by);
		process->stop_is_news &= !takes;
	} else if (options & WCONTINUED && process->resume_is_news) {
		news->status = WAIT_CONTINUED;
		process->resume_is_news &= !takes;
	} else {
		return false;
	}
	return true;
}

/* 0: there is none; -ECHILD: there never will be. */
static int look(const struct selection *selection, struct news *news)
{
	int result = -ECHILD;
	for (struct process *process = process_first.next; process; process = process->next) {
		if (process->phase == PROCESS_GONE || !is_meant(process, selection))
			continue;
		if (has_news(process, selection->options, news))
			return 1;
		/* The end of one that has ended comes no more. */
		if (process->phase < PROCESS_ENDED)
			result = 0;
	}
	return result;
}

/* 1: *news has come. 0: there is none, and the call shall not wait. */
static int wait_for(const struct selection *selection, struct news *news)
{
	bool interrupted = false;
	for (;;) {
		const int result = look(selection, news);
		if (result || selection->options & WNOHANG)
			return result;
		/* A handler of SIGCHLD runs after the call that brings the news. */
		if (interrupted)
			return -RESTART_CALL;
		interrupted = thread_wait(&process_wait_channel, NO_DEADLINE, "a child") == -EINTR;
	}
}

/* A group or a process, as the list of processes has it. */
static uint32_t list_id(uint32_t number)
{
	const struct process *process = process_find(number);
	return process ? process->id : number;
}

static int report_usage(uint64_t address, const struct process *process)
{
	struct rusage usage;
	if (!address)
		return 0;
	limits_describe_usage(&usage, processor_time_of_process(process) + process->children_ns);
	return user_copy_out(address, &usage, sizeof(usage));
}

static void take(const struct news *news, uint32_t options)
{
	struct process *process = process_find(news->process->id);
	if (process->phase == PROCESS_ENDED && !(options & WNOWAIT))
		process_forget(process);
}

SYSTEM_CALL(wait4)
{
	const uint32_t known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
	const int32_t number = (int32_t)arguments[0];
	struct selection selection = {.options = (uint32_t)arguments[2]};
	struct news news;
	if (selection.options & ~known)
		return -EINVAL;
	if (number == INT32_MIN)
		return -ESRCH;
	selection.options |= WEXITED;
	if (number == -1) {
		selection.kind = P_ALL;
	} else if (number > 0) {
		selection.kind = P_PID;
		selection.id = list_id((uint32_t)number);
	} else {
		selection.kind = P_PGID;
		selection.id = number ? list_id((uint32_t)-number) : process_current()->group;
	}
	int result = wait_for(&selection, &news);
	if (result <= 0)
		return result;
	const uint32_t id = process_id_of(news.process);
	int error = arguments[1] ? user_copy_out(arguments[1], &news.status, sizeof(int)) : 0;
	if (!error)
		error = report_usage(arguments[3], news.process);
	take(&news, selection.options);
	return error ? error : (int64_t)id;
}

void wait_describe(siginfo_t *information, const struct process *process, int status)
{
	*information = (siginfo_t){.si_signo = SIGCHLD};
	information->si_pid = (pid_t)process_id_of(process);
	information->si_uid = process->users.real;
	information->si_utime = (clock_t)(processor_time_of_process(process) / CLOCK_TICK_NS);
	if (status == WAIT_CONTINUED) {
		information->si_code = CLD_CONTINUED;
		information->si_status = SIGCONT;
	} else if (WIFSTOPPED(status)) {
		information->si_code = CLD_STOPPED;
		information->si_status = WSTOPSIG(status);
	} else if (WIFSIGNALED(status)) {
		information->si_code = CLD_KILLED;
		information->si_status = WTERMSIG(status);
	} else {
		information->si_code = CLD_EXITED;
		information->si_status = WEXITSTATUS(status);
	}
}

/* Who is gone has a number that no process has. */
static int select_by_pidfd(uint64_t descriptor, struct selection *selection)
{
	struct process *process;
	bool never_waits;
	if (process_of_pidfd(descriptor, &process, &never_waits))
		return -EBADF;
	selection->kind = P_PID;
	selection->id = process ? process->id : 0;
	selection->is_eagain = never_waits && !(selection->options & WNOHANG);
	if (never_waits)
		selection->options |= WNOHANG;
	return 0;
}

/* 0: *selection says what is waited for. */
static int read_selection(uint64_t kind, uint64_t id, struct selection *selection)
{
	const int32_t number = (int32_t)id;
	switch ((uint32_t)kind) {
	case P_ALL:
		break;
	case P_PID:
		if (number <= 0)
			return -EINVAL;
		selection->id = list_id((uint32_t)number);
		break;
	case P_PGID:
		if (number < 0)
			return -EINVAL;
		selection->id = number ? list_id((uint32_t)number) : process_current()->group;
		break;
	case P_PIDFD:
		return number < 0 ? -EINVAL : select_by_pidfd(id, selection);
	default:
		return -EINVAL;
	}
	selection->kind = (idtype_t)kind;
	return 0;
}

/* As Linux does it: these members only, and zeros where there is no news, or an error. */
static int report_information(uint64_t address, const siginfo_t *information)
{
	const size_t first = offsetof(siginfo_t, si_code) + sizeof(information->si_code);
	const size_t second = offsetof(siginfo_t, si_pid);
	const size_t end = offsetof(siginfo_t, si_status) + sizeof(information->si_status);
	int error = user_copy_out(address, information, first);
	return error ? error
		     : user_copy_out(address + second, (const char *)information + second,
				     end - second);
}

SYSTEM_CALL(waitid)
{
	const uint32_t kinds = WEXITED | WSTOPPED | WCONTINUED;
	const uint32_t known = kinds | WNOHANG | WNOWAIT | __WNOTHREAD | __WCLONE | __WALL;
	struct selection selection = {.options = (uint32_t)arguments[3]};
	struct news news;
	siginfo_t information = {0};
	if (selection.options & ~known || !(selection.options & kinds))
		return -EINVAL;
	int result = read_selection(arguments[0], arguments[1], &selection);
	if (!result)
		result = wait_for(&selection, &news);
	if (!result && selection.is_eagain)
		result = -EAGAIN;
	int error = 0;
	if (result > 0) {
		wait_describe(&information, news.process, news.status);
		error = report_usage(arguments[4], news.process);
		take(&news, selection.options);
	}
	if (arguments[2] && !error)
		error = report_information(arguments[2], &information);
	return error ? error : result < 0 ? result : 0;
}
