/* Edges of asking and changing who the program is and what it may use. */
#include <asm/prctl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "errors.h"

static char buffer[256];

static void test_process(void)
{
	TRY(getpgid(-1));
	TRY(getpgid(INT_MAX));
	TRY(getsid(-1));
	TRY(getsid(INT_MAX));
	TRY(setpgid(-1, 0));
	TRY(setpgid(0, -1));
	TRY(setpgid(INT_MAX, 0));
	TRY(getpgid(0) == getpgrp());
	TRY(getpgid(getpid()) == getpgrp());
	TRY(syscall(SYS_wait4, -1, NULL, 0, NULL));
	TRY(syscall(SYS_wait4, -1, NULL, WNOHANG, NULL));
	TRY(syscall(SYS_wait4, 12345678, NULL, WNOHANG, NULL));
	TRY(syscall(SYS_wait4, -1, NULL, 0x100, NULL));
	TRY(waitid(P_ALL, 0, NULL, WEXITED | WNOHANG));
	TRY(waitid(P_ALL, 0, NULL, 0));
	TRY(waitid(77, 0, NULL, WEXITED));
	TRY(setsid() == -1 && errno == EPERM ? 1 : 1);
}

static void test_ids(bool root)
{
	TRY(getgroups(-1, NULL));
	TRY(setuid(-1));
	TRY(setgid(-1));
	if (!root)
		return;
	TRY(getuid() | geteuid() | getgid() | getegid());
	TRY(setgid(5));
	TRY(getgid());
	TRY(setuid(7));
	TRY(geteuid());
	TRY(setuid(0));
	TRY(setgid(0));
	TRY(setuid(7));
}

static void test_limits(void)
{
	struct rlimit limit;
	struct rusage usage;
	TRY(getrlimit(99, &limit));
	TRY(getrlimit(-1, &limit));
	TRY(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 5;
	limit.rlim_max = 4;
	TRY(setrlimit(RLIMIT_CORE, &limit));
	TRY(setrlimit(99, &limit));
	TRY(syscall(SYS_prlimit64, INT_MAX, RLIMIT_CORE, NULL, NULL));
	TRY(syscall(SYS_prlimit64, -1, RLIMIT_CORE, NULL, NULL));
	TRY(syscall(SYS_prlimit64, 0, 99, NULL, NULL));
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, NULL));
	TRY(getrusage(RUSAGE_SELF, &usage));
	TRY(getrusage(RUSAGE_CHILDREN, &usage));
	TRY(getrusage(77, &usage));
	TRY(getpriority(77, 0));
	TRY(getpriority(PRIO_PROCESS, INT_MAX));
	TRY(setpriority(77, 0, 0));
	TRY(setpriority(PRIO_PROCESS, INT_MAX, 0));
}

static void test_processors(void)
{
	uint64_t none = 0, first = 1;
	TRY(syscall(SYS_sched_getaffinity, INT_MAX, 8, &none));
	TRY(syscall(SYS_sched_getaffinity, -1, 8, &none));
	TRY(syscall(SYS_sched_getaffinity, 0, 7, &none));
	TRY(syscall(SYS_sched_getaffinity, 0, 0, &none));
	TRY(syscall(SYS_sched_getaffinity, 0, 12, &none));
	none = 0;
	TRY(syscall(SYS_sched_setaffinity, 0, 8, &none));
	TRY(syscall(SYS_sched_setaffinity, INT_MAX, 8, &first));
	TRY(syscall(SYS_sched_setaffinity, 0, 0, &first));
	TRY(syscall(SYS_sched_setaffinity, 0, 8, &first));
	TRY(syscall(SYS_getcpu, NULL, NULL, NULL));
}

static void test_controls(void)
{
	TRY(prctl(9999, 0, 0, 0, 0));
	TRY(prctl(PR_SET_NAME, "a long name of a thread", 0, 0, 0));
	TRY(prctl(PR_GET_NAME, buffer, 0, 0, 0));
	printf("name %s\n", buffer);
	TRY(prctl(PR_SET_PDEATHSIG, 65, 0, 0, 0));
	TRY(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
	TRY(prctl(PR_SET_DUMPABLE, 7, 0, 0, 0));
	TRY(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	TRY(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(syscall(SYS_arch_prctl, 0, buffer));
	TRY(syscall(SYS_arch_prctl, ARCH_SET_GS, -1L));
	TRY(syscall(SYS_arch_prctl, ARCH_SET_GS, 1L << 47));
	TRY(syscall(SYS_arch_prctl, ARCH_SET_GS, 0L));
	TRY(getrandom(buffer, 10, 0));
	TRY(getrandom(buffer, 0, 0));
	TRY(getrandom(buffer, 10, GRND_NONBLOCK | GRND_RANDOM));
	TRY(getrandom(buffer, 10, GRND_INSECURE | GRND_RANDOM));
	TRY(getrandom(buffer, 10, 64));
}

int main(int argc, char **argv)
{
	test_process();
	test_limits();
	test_processors();
	test_controls();
	test_ids(is_root(argc, argv));
	return 0;
}
