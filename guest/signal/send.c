/* System calls that send signals: kill and its kind. Everybody may send signals to everybody: all
 * processes work for the one request. */
#include <errno.h>

#include "guest/lib/system_call.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/identity.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "signals.h"

/* linux/pidfd.h of Linux 6.9; headers may be older. */
#define PIDFD_SIGNAL_THREAD	   1U
#define PIDFD_SIGNAL_THREAD_GROUP  2U
#define PIDFD_SIGNAL_PROCESS_GROUP 4U

static siginfo_t describe(int signal, int code)
{
	siginfo_t information = {.si_signo = signal, .si_code = code};
	information.si_pid = (pid_t)process_id();
	information.si_uid = process_current()->users.real;
	return information;
}

static bool is_in_group(const struct process *process, const uint32_t *group)
{
	if (group)
		return process->group == *group;
	return process != process_current();
}

static int send(struct process *process, const siginfo_t *information)
{
	if ((uint32_t)information->si_signo > SIGNAL_COUNT)
		return -EINVAL;
	return information->si_signo ? signal_send_process(process, information) : 0;
}

/* To all of a group; NULL: to all but the current process. */
static int64_t send_all(const uint32_t *group, const siginfo_t *information)
{
	int64_t result = -ESRCH;
	for (struct process *process = &process_first; process; process = process->next) {
		if (!is_in_group(process, group) || process->phase == PROCESS_GONE)
			continue;
		const int error = send(process, information);
		if (result)
			result = error;
	}
	return result;
}

static int64_t send_to_process(uint64_t id, const siginfo_t *information)
{
	struct process *process = process_find(id);
	return process && process->phase != PROCESS_GONE ? send(process, information) : -ESRCH;
}

static int64_t send_to_group(int32_t target, const siginfo_t *information)
{
	uint32_t group = process_current()->group;
	if (target) {
		const struct process *leader = process_find(0 - (uint32_t)target);
		group = leader ? leader->id : 0 - (uint32_t)target;
	}
	return send_all(&group, information);
}

/* Process 1 is the library OS: what it is sent changes nothing. */
SYSTEM_CALL(kill)
{
	const int32_t target = (int32_t)arguments[0];
	const siginfo_t information = describe((int)arguments[1], SI_USER);
	if (target == PROCESS_INIT_ID)
		return (uint32_t)information.si_signo > SIGNAL_COUNT ? -EINVAL : 0;
	if (target > 0)
		return send_to_process(arguments[0], &information);
	if (target == INT32_MIN)
		return -ESRCH;
	return target == -1 ? send_all(NULL, &information) : send_to_group(target, &information);
}

static int64_t send_to_thread(const struct process *process, uint64_t target,
			      const siginfo_t *information)
{
	if ((int32_t)target <= 0)
		return -EINVAL;
	struct thread *thread = thread_find((int32_t)target);
	if (!thread || (process && thread->process != process))
		return -ESRCH;
	if ((uint32_t)information->si_signo > SIGNAL_COUNT)
		return -EINVAL;
	return information->si_signo ? signal_send_thread(thread, information) : 0;
}

SYSTEM_CALL(tkill)
{
	const siginfo_t information = describe((int)arguments[1], SI_TKILL);
	return send_to_thread(NULL, arguments[0], &information);
}

static int64_t send_in_process(uint64_t id, uint64_t target, const siginfo_t *information)
{
	if ((int32_t)id <= 0 || (int32_t)target <= 0)
		return -EINVAL;
	const struct process *process = process_find(id);
	return process ? send_to_thread(process, target, information) : -ESRCH;
}

SYSTEM_CALL(tgkill)
{
	const siginfo_t information = describe((int)arguments[2], SI_TKILL);
	return send_in_process(arguments[0], arguments[1], &information);
}

/* What sigqueue() makes: the program describes the signal. To itself it may send any
 * description; to others none that looks as if the system, or kill(), had sent it. */
static int read_information(siginfo_t *information, uint64_t signal, uint64_t address)
{
	int error = user_copy_in(information, address, sizeof(*information));
	information->si_signo = (int)signal;
	return error;
}

static bool may_send(uint64_t id, const siginfo_t *information)
{
	return process_has_id(id) || (information->si_code < 0 && information->si_code != SI_TKILL);
}

SYSTEM_CALL(rt_sigqueueinfo)
{
	siginfo_t information;
	int error = read_information(&information, arguments[1], arguments[2]);
	if (error)
		return error;
	if (!may_send(arguments[0], &information))
		return -EPERM;
	return send_to_process(arguments[0], &information);
}

SYSTEM_CALL(rt_tgsigqueueinfo)
{
	siginfo_t information;
	int error = read_information(&information, arguments[2], arguments[3]);
	if (error)
		return error;
	if ((int32_t)arguments[0] <= 0 || (int32_t)arguments[1] <= 0)
		return -EINVAL;
	if (!may_send(arguments[0], &information))
		return -EPERM;
	return send_in_process(arguments[0], arguments[1], &information);
}

/* What the program says of the signal (0: nothing), or what kill() would say. */
static int describe_for(const struct process *process, bool to_group, const uint64_t arguments[6],
			siginfo_t *information)
{
	if (!arguments[2]) {
		*information = describe((int)arguments[1], SI_USER);
		return 0;
	}
	int error = user_copy_in(information, arguments[2], sizeof(*information));
	if (error)
		return error;
	if (information->si_signo != (int)arguments[1])
		return -EINVAL;
	const bool looks_sent = information->si_code >= 0 || information->si_code == SI_TKILL;
	return looks_sent && (to_group || process != process_current()) ? -EPERM : 0;
}

SYSTEM_CALL(pidfd_send_signal)
{
	const uint32_t scope = (uint32_t)arguments[3];
	const bool to_group = scope == PIDFD_SIGNAL_PROCESS_GROUP;
	siginfo_t information;
	struct process *process;
	bool never_waits;
	if (scope && scope != PIDFD_SIGNAL_THREAD && scope != PIDFD_SIGNAL_THREAD_GROUP &&
	    !to_group)
		return -EINVAL;
	int error = process_of_pidfd(arguments[0], &process, &never_waits);
	if (!error)
		error = describe_for(process, to_group, arguments, &information);
	if (error)
		return error;
	if (!process || process->phase == PROCESS_GONE)
		return -ESRCH;
	if (to_group)
		return send_all(&process->id, &information);
	return scope == PIDFD_SIGNAL_THREAD ? send_to_thread(process, process->id, &information)
					    : send(process, &information);
}
