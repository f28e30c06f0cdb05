/* System calls on the one process and its one thread: its end, its thread pointer, its name, its
 * attempts to have company. */
#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/prctl.h>

#include "calls.h"
#include "libos.h"
#include "text.h"

#define USER_LIMIT (1UL << 47) /* user addresses lie below */
#define NAME_SIZE  16	       /* of PR_SET_NAME, with its NUL */

int64_t process_deadlock(const char *waiting_for)
{
	machine_debug("the program waits for %s, and has no other thread: EDEADLK", waiting_for);
	return -EDEADLK;
}

int64_t call_exit(const uint64_t arguments[6])
{
	machine_exit((int)arguments[0]);
}

int64_t call_exit_group(const uint64_t arguments[6])
{
	machine_exit((int)arguments[0]);
}

int64_t call_set_tid_address(const uint64_t arguments[6])
{
	return PROCESS_ID;
}

/* The list is for threads that die with a lock held; the only thread takes everything with it. */
int64_t call_set_robust_list(const uint64_t arguments[6])
{
	const uint64_t head_size = 24;
	return arguments[1] == head_size ? 0 : -EINVAL;
}

static int64_t set_base(uint64_t which, uint64_t base)
{
	if (base >= USER_LIMIT)
		return -EPERM;
	if (which == ARCH_SET_FS)
		__asm__ volatile("wrfsbase %0" : : "r"(base));
	else
		__asm__ volatile("wrgsbase %0" : : "r"(base));
	return 0;
}

static int64_t report_base(uint64_t which, uint64_t address)
{
	uint64_t base;
	if (which == ARCH_GET_FS)
		__asm__ volatile("rdfsbase %0" : "=r"(base));
	else
		__asm__ volatile("rdgsbase %0" : "=r"(base));
	return user_copy_out(address, &base, sizeof(base));
}

int64_t call_arch_prctl(const uint64_t arguments[6])
{
	switch (arguments[0]) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return set_base(arguments[0], arguments[1]);
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		return report_base(arguments[0], arguments[1]);
	default:
		return -EINVAL;
	}
}

/* The name that PR_SET_NAME set; until then the program's file name. */
static char *process_name(void)
{
	static char name[NAME_SIZE];
	if (name[0])
		return name;
	const char *base = libos_start_info.program;
	for (const char *next = base; *next; next++)
		if (*next == '/')
			base = next + 1;
	size_t length = strlen(base);
	memcpy(name, base, length < NAME_SIZE ? length : NAME_SIZE - 1);
	return name;
}

static int64_t set_name(uint64_t address)
{
	char name[NAME_SIZE];
	int error = user_string(address, name, sizeof(name));
	if (error == -EFAULT)
		return error;
	name[NAME_SIZE - 1] = 0;
	size_t length = strlen(name);
	memset(process_name(), 0, NAME_SIZE);
	memcpy(process_name(), name, length);
	return 0;
}

int64_t call_prctl(const uint64_t arguments[6])
{
	switch ((uint32_t)arguments[0]) {
	case PR_SET_NAME:
		return set_name(arguments[1]);
	case PR_GET_NAME:
		return user_copy_out(arguments[1], process_name(), NAME_SIZE);
	case PR_GET_DUMPABLE:
	case PR_GET_NO_NEW_PRIVS:
		return 1;
	case PR_SET_DUMPABLE:
	case PR_SET_NO_NEW_PRIVS:
	case PR_SET_PDEATHSIG:
	case PR_SET_TIMERSLACK:
		return 0;
	default:
		return -EINVAL;
	}
}

/* With one thread nobody can change what is waited for, and nobody waits to be woken. */
static int64_t futex_wait(uint64_t address, uint32_t expected, bool absolute, bool realtime,
			  uint64_t timeout)
{
	uint32_t value;
	uint64_t duration;
	int error = user_copy_in(&value, address, sizeof(value));
	if (error)
		return error;
	if (timeout) {
		error = time_read_timespec(timeout, &duration);
		if (error)
			return error;
	}
	if (value != expected)
		return -EAGAIN;
	if (!timeout)
		return process_deadlock("a futex");
	if (absolute) {
		uint64_t now = time_now_ns(realtime);
		duration = duration > now ? duration - now : 0;
	}
	time_sleep(duration);
	return -ETIMEDOUT;
}

int64_t call_futex(const uint64_t arguments[6])
{
	uint64_t address = arguments[0], operation = arguments[1];
	uint32_t value = (uint32_t)arguments[2];
	bool realtime = operation & FUTEX_CLOCK_REALTIME;
	if (address % sizeof(uint32_t))
		return -EINVAL;
	switch (operation & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		return futex_wait(address, value, false, false, arguments[3]);
	case FUTEX_WAIT_BITSET:
		if (!(uint32_t)arguments[5])
			return -EINVAL;
		return futex_wait(address, value, true, realtime, arguments[3]);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_REQUEUE:
		return user_readable(address, sizeof(uint32_t)) ? 0 : -EFAULT;
	default:
		return -ENOSYS;
	}
}

/* A clone of a machine is the only way to a second process, and the monitor's to make. */
static int64_t refuse_process(const char *call)
{
	static bool told;
	if (!told)
		machine_debug("%s: a guest has one process and one thread (ENOSYS)", call);
	told = true;
	return -ENOSYS;
}

int64_t call_fork(const uint64_t arguments[6])
{
	return refuse_process("fork");
}

int64_t call_vfork(const uint64_t arguments[6])
{
	return refuse_process("vfork");
}

int64_t call_clone(const uint64_t arguments[6])
{
	int64_t error = refuse_process("clone");
	/* What pthread_create(3) says of a system that has no more threads to give. */
	return arguments[0] & CLONE_THREAD ? -EAGAIN : error;
}

int64_t call_clone3(const uint64_t arguments[6])
{
	return refuse_process("clone3");
}

int64_t call_execve(const uint64_t arguments[6])
{
	return refuse_process("execve");
}

int64_t call_execveat(const uint64_t arguments[6])
{
	return refuse_process("execveat");
}

int64_t call_wait4(const uint64_t arguments[6])
{
	return -ECHILD;
}

int64_t call_waitid(const uint64_t arguments[6])
{
	return -ECHILD;
}

/* There is no network in here. */
int64_t call_socket(const uint64_t arguments[6])
{
	return -EAFNOSUPPORT;
}

int64_t call_socketpair(const uint64_t arguments[6])
{
	return -EAFNOSUPPORT;
}
