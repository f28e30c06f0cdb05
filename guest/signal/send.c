/* System calls that send signals: kill and its kind. */
#include <errno.h>

#include "guest/lib/system_call.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "signals.h"

static siginfo_t describe(int signal, int code)
{
	return (siginfo_t){.si_signo = signal, .si_code = code, .si_pid = (pid_t)process_id()};
}

/* 0 and -1 name the program's group, and everybody that it may reach but itself. */
SYSTEM_CALL(kill)
{
	int32_t target = (int32_t)arguments[0];
	uint32_t signal = (uint32_t)arguments[1];
	if (target != 0 && !process_has_id((uint32_t)target) &&
	    !process_has_id(0 - (uint32_t)target))
		return -ESRCH;
	if (signal > SIGNAL_COUNT)
		return -EINVAL;
	const siginfo_t information = describe((int)signal, SI_USER);
	return signal ? signal_send_process(process_current(), &information) : 0;
}

static int64_t send_to_thread(uint64_t target, const siginfo_t *information)
{
	if ((int32_t)target <= 0)
		return -EINVAL;
	struct thread *thread = thread_find((int32_t)target);
	if (!thread)
		return -ESRCH;
	if ((uint32_t)information->si_signo > SIGNAL_COUNT)
		return -EINVAL;
	return information->si_signo ? signal_send_thread(thread, information) : 0;
}

SYSTEM_CALL(tkill)
{
	const siginfo_t information = describe((int)arguments[1], SI_TKILL);
	return send_to_thread(arguments[0], &information);
}

static int64_t send_in_process(uint64_t process, uint64_t target, const siginfo_t *information)
{
	if ((int32_t)process <= 0 || (int32_t)target <= 0)
		return -EINVAL;
	if (!process_has_id(process))
		return -ESRCH;
	return send_to_thread(target, information);
}

SYSTEM_CALL(tgkill)
{
	const siginfo_t information = describe((int)arguments[2], SI_TKILL);
	return send_in_process(arguments[0], arguments[1], &information);
}

/* What sigqueue() makes: the program describes the signal. To itself it may send any
 * description. */
static int read_information(siginfo_t *information, uint64_t signal, uint64_t address)
{
	int error = user_copy_in(information, address, sizeof(*information));
	information->si_signo = (int)signal;
	return error;
}

SYSTEM_CALL(rt_sigqueueinfo)
{
	siginfo_t information;
	int error = read_information(&information, arguments[1], arguments[2]);
	if (error)
		return error;
	if (!process_has_id(arguments[0]))
		return -ESRCH;
	if ((uint32_t)information.si_signo > SIGNAL_COUNT)
		return -EINVAL;
	return information.si_signo ? signal_send_process(process_current(), &information) : 0;
}

SYSTEM_CALL(rt_tgsigqueueinfo)
{
	siginfo_t information;
	int error = read_information(&information, arguments[2], arguments[3]);
	return error ? error : send_in_process(arguments[0], arguments[1], &information);
}
