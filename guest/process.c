/* System calls on the one process: its end, its thread pointers, its name, its attempts to have
 * company. */
#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "calls.h"
#include "libos.h"
#include "pool.h"
#include "signals.h"
#include "text.h"

#define NAME_SIZE 16 /* of PR_SET_NAME, with its NUL */

int64_t process_deadlock(const char *waiting_for)
{
	machine_debug("the program waits for %s, and has no other thread: EDEADLK", waiting_for);
	return -EDEADLK;
}

int64_t call_exit_group(const uint64_t arguments[6])
{
	machine_exit((int)arguments[0]);
}

static int64_t set_base(uint64_t which, uint64_t base)
{
	if (base >= GUEST_USER_END)
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

char *process_name(void)
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
	bool rest = arguments[2] || arguments[3] || arguments[4];
	switch ((uint32_t)arguments[0]) {
	case PR_SET_NAME:
		return set_name(arguments[1]);
	case PR_GET_NAME:
		return user_copy_out(arguments[1], process_name(), NAME_SIZE);
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

void process_out_of_memory(void)
{
	machine_tell("out of memory: %lu of %lu KiB are in use, and one page more is wanted; give "
		     "more with --memory",
		     (pool_total_pages() - pool_free_pages()) * GUEST_PAGE_SIZE / 1024,
		     pool_total_pages() * GUEST_PAGE_SIZE / 1024);
	machine_abort(SIGKILL);
}

/* A clone of a machine is the only way to a second process, and the monitor's to make. */
int64_t process_refuse(const char *call)
{
	static bool told;
	if (!told)
		machine_tell("%s: a guest has one process and one program (ENOSYS)", call);
	told = true;
	return -ENOSYS;
}

int64_t call_fork(const uint64_t arguments[6])
{
	return process_refuse("fork");
}

int64_t call_vfork(const uint64_t arguments[6])
{
	return process_refuse("vfork");
}

/* C libraries then make the same thread by clone(). */
int64_t call_clone3(const uint64_t arguments[6])
{
	return -ENOSYS;
}

int64_t call_execve(const uint64_t arguments[6])
{
	return process_refuse("execve");
}

int64_t call_execveat(const uint64_t arguments[6])
{
	return process_refuse("execveat");
}

int64_t call_wait4(const uint64_t arguments[6])
{
	const uint64_t known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
	return (uint32_t)arguments[2] & ~known ? -EINVAL : -ECHILD;
}

int64_t call_waitid(const uint64_t arguments[6])
{
	const uint64_t kinds = WEXITED | WSTOPPED | WCONTINUED;
	const uint64_t known = kinds | WNOHANG | WNOWAIT | __WNOTHREAD | __WCLONE | __WALL;
	uint32_t options = (uint32_t)arguments[3];
	if (options & ~known || !(options & kinds) || (uint32_t)arguments[0] > P_PIDFD)
		return -EINVAL;
	return -ECHILD;
}
