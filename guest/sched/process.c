/* The one process; and system calls on it: its end, its name, and its attempts to make others. */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "arch/registers.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/heap.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"

static uint32_t own_id = PROCESS_FIRST_ID;

uint32_t process_id(void)
{
	return own_id;
}

void process_keep_id_for(uint64_t start, uint64_t end)
{
	process_current()->knowing = start;
	process_current()->knowing_end = end;
}

uint32_t process_id_for(uint64_t caller)
{
	const struct process *process = process_current();
	if (caller < process->knowing || caller >= process->knowing_end)
		return process_id();
	return process == &process_first ? PROCESS_FIRST_ID : process->id;
}

bool process_has_id(uint64_t id)
{
	return (uint32_t)id == own_id || (uint32_t)id == PROCESS_FIRST_ID;
}

void process_renew_id(uint32_t random)
{
	const uint32_t lowest = 300; /* where Linux continues after the highest id */
	uint32_t id = lowest + random % (PROCESS_ID_MAX - lowest);
	/* There are fewer threads than ids. */
	while (thread_find((int32_t)id))
		id = id + 1 < PROCESS_ID_MAX ? id + 1 : lowest;
	own_id = id;
}

void process_end_by_signal(int signal)
{
	machine_abort(signal);
}

uint64_t process_stack_pointer(void)
{
	return frame_stack_pointer(thread_frame());
}

SYSTEM_CALL(exit_group)
{
	machine_exit((int)arguments[0]);
}

static void set_name(const char *text)
{
	char *name = process_current()->name;
	const size_t length = strlen(text);
	memset(name, 0, PROCESS_NAME_SIZE);
	memcpy(name, text, length < PROCESS_NAME_SIZE ? length : PROCESS_NAME_SIZE - 1);
}

char *process_name(void)
{
	char *name = process_current()->name;
	if (name[0])
		return name;
	const char *base = libos_start_info.program;
	for (const char *next = base; *next; next++)
		if (*next == '/')
			base = next + 1;
	set_name(base);
	return name;
}

static int64_t rename_process(uint64_t address)
{
	char text[PROCESS_NAME_SIZE];
	int error = user_string(address, text, sizeof(text));
	if (error == -EFAULT)
		return error;
	text[PROCESS_NAME_SIZE - 1] = 0;
	set_name(text);
	return 0;
}

/* ── another program ─────────────────────────────────────────────────────────────────────────── */

void process_tell_executable(void)
{
	char *told = (char *)machine_control()->program;
	if (process_first.executable)
		text_print(told, GUEST_PROGRAM_NAME_SIZE, "%s", process_first.executable);
}

void process_start_program(const char *executable, const char *called)
{
	struct process *process = process_current();
	const size_t size = strlen(executable) + 1;
	set_name(called);
	process_keep_id_for(0, 0);
	process->program_count++;
	if (process->executable)
		heap_free(process->executable, strlen(process->executable) + 1);
	process->executable = heap_allocate(size);
	if (process->executable)
		memcpy(process->executable, executable, size);
	process_tell_executable();
}

const char *process_executable(void)
{
	const char *executable = process_current()->executable;
	return executable ? executable : libos_start_info.program;
}

SYSTEM_CALL(prctl)
{
	bool rest = arguments[2] || arguments[3] || arguments[4];
	switch ((uint32_t)arguments[0]) {
	case PR_SET_NAME:
		return rename_process(arguments[1]);
	case PR_GET_NAME:
		return user_copy_out(arguments[1], process_name(), PROCESS_NAME_SIZE);
	case PR_GET_DUMPABLE:
		return 1;
	case PR_GET_NO_NEW_PRIVS:
		return arguments[1] || rest ? -EINVAL : 1;
	case PR_SET_DUMPABLE:
		return arguments[1] > 1 ? -EINVAL : 0;
	case PR_SET_NO_NEW_PRIVS:
		return arguments[1] != 1 || rest ? -EINVAL : 0;
	case PR_SET_PDEATHSIG:
		return arguments[1] > SIGNAL_COUNT ? -EINVAL : 0;
	case PR_SET_TIMERSLACK:
		return 0;
	default:
		return -EINVAL;
	}
}

/* There is only one process in a machine: only the monitor can clone that. */
int64_t process_refuse(const char *call)
{
	static bool told;
	if (!told)
		machine_tell("%s: " GUEST_HAS_ONE_PROCESS " (ENOSYS)", call);
	told = true;
	return -ENOSYS;
}

SYSTEM_CALL(fork)
{
	return process_refuse("fork");
}

SYSTEM_CALL(vfork)
{
	return process_refuse("vfork");
}

/* ENOSYS: C libraries then make the same thread by clone(). */
SYSTEM_CALL(clone3)
{
	return -ENOSYS;
}

SYSTEM_CALL(wait4)
{
	const uint64_t known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
	if ((uint32_t)arguments[2] & ~known)
		return -EINVAL;
	return (int32_t)arguments[0] == INT32_MIN ? -ESRCH : -ECHILD;
}

SYSTEM_CALL(waitid)
{
	const uint64_t kinds = WEXITED | WSTOPPED | WCONTINUED;
	const uint64_t known = kinds | WNOHANG | WNOWAIT | __WNOTHREAD | __WCLONE | __WALL;
	uint32_t options = (uint32_t)arguments[3];
	if (options & ~known || !(options & kinds) || (uint32_t)arguments[0] > P_PIDFD)
		return -EINVAL;
	switch ((uint32_t)arguments[0]) {
	case P_PID:
		return (int32_t)arguments[1] <= 0 ? -EINVAL : -ECHILD;
	case P_PGID:
		return (int32_t)arguments[1] < 0 ? -EINVAL : -ECHILD;
	default:
		return -ECHILD;
	}
}
