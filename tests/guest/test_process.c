/* The process, its signals, its limits and its time. */
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "guest/kernel/calls.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/pool.h"
#include "guest/sched/process.h"
#include "guest/sched/processor_time.h"
#include "host_machine.h"
#include "sizes/sizes.h"
#include "tests/check.h"

/* 0 where the call returned, else how it ended: 1 exit, 2 signal. */
#define ENDS(call)                                                                                 \
	({                                                                                         \
		host.ended = 0;                                                                    \
		if (!setjmp(host.at_end))                                                          \
			(void)(call);                                                              \
		host.ended;                                                                        \
	})

static void test_end(void)
{
	CHECK_NUMBER(ENDS(SYSTEM(exit_group, 3)), 1);
	CHECK_NUMBER(host.status, 3);
	CHECK_NUMBER(ENDS(SYSTEM(exit, 4)), 1);
	CHECK_NUMBER(host.status, 4);
}

static void test_signals(void)
{
	uint64_t *action = host_memory(32), *old = host_memory(32), *set = host_memory(8);
	CHECK_NUMBER(ENDS(SYSTEM(kill, PROCESS_FIRST_ID, SIGTERM)), 2);
	CHECK_NUMBER(host.status, SIGTERM);
	CHECK_NUMBER(ENDS(SYSTEM(tgkill, PROCESS_FIRST_ID, PROCESS_FIRST_ID, SIGABRT)), 2);
	CHECK_NUMBER(host.status, SIGABRT);
	CHECK_NUMBER(ENDS(SYSTEM(kill, PROCESS_FIRST_ID, SIGCHLD)), 0);
	CHECK_NUMBER(SYSTEM(kill, PROCESS_FIRST_ID, 0), 0);
	CHECK_NUMBER(SYSTEM(kill, PROCESS_FIRST_ID, 65), -EINVAL);
	CHECK_NUMBER(SYSTEM(kill, 77, SIGTERM), -ESRCH);
	action[0] = (uint64_t)SIG_IGN;
	CHECK_NUMBER(SYSTEM(rt_sigaction, SIGTERM, ADDRESS(action), 0, 8), 0);
	CHECK_NUMBER(SYSTEM(rt_sigaction, SIGTERM, 0, ADDRESS(old), 8), 0);
	CHECK_NUMBER(old[0], (uint64_t)SIG_IGN);
	CHECK_NUMBER(ENDS(SYSTEM(kill, 0, SIGTERM)), 0);
	CHECK_NUMBER(SYSTEM(rt_sigaction, SIGKILL, ADDRESS(action), 0, 8), -EINVAL);
	CHECK_NUMBER(SYSTEM(rt_sigaction, 0, 0, 0, 8), -EINVAL);
	CHECK_NUMBER(SYSTEM(rt_sigaction, SIGTERM, 0, 0, 16), -EINVAL);
	/* Blocked signals wait; they come with the unblocking. */
	*set = 1UL << (SIGUSR1 - 1) | 1UL << (SIGKILL - 1);
	CHECK_NUMBER(SYSTEM(rt_sigprocmask, SIG_BLOCK, ADDRESS(set), 0, 8), 0);
	CHECK_NUMBER(SYSTEM(rt_sigprocmask, SIG_BLOCK, 0, ADDRESS(old), 8), 0);
	CHECK_NUMBER(old[0], 1UL << (SIGUSR1 - 1));
	CHECK_NUMBER(ENDS(SYSTEM(kill, PROCESS_FIRST_ID, SIGUSR1)), 0);
	CHECK_NUMBER(SYSTEM(rt_sigpending, ADDRESS(old), 8), 0);
	CHECK_NUMBER(old[0], 1UL << (SIGUSR1 - 1));
	CHECK_NUMBER(SYSTEM(rt_sigtimedwait, ADDRESS(set), 0, 0, 8), SIGUSR1);
	CHECK_NUMBER(ENDS(SYSTEM(rt_sigtimedwait, ADDRESS(set), 0, 0, 8)), 2);
	CHECK_NUMBER(host.status, SIGKILL);
	CHECK_NUMBER(ENDS(SYSTEM(kill, PROCESS_FIRST_ID, SIGUSR1)), 0);
	CHECK_NUMBER(ENDS(SYSTEM(rt_sigprocmask, SIG_UNBLOCK, ADDRESS(set), 0, 8)), 2);
	CHECK_NUMBER(host.status, SIGUSR1);
	CHECK_NUMBER(SYSTEM(rt_sigprocmask, 9, ADDRESS(set), 0, 8), -EINVAL);
}

/* In a clone the process has another id; the one before still names it, and threads keep theirs. */
static void test_new_id(void)
{
	struct rlimit *limit = host_memory(sizeof(*limit));
	CHECK_NUMBER(SYSTEM(getpid, 0), PROCESS_FIRST_ID);
	const uint32_t draws[] = {0, 1, 4711, 1U << 22, (1U << 22) - 300 - 1, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(draws); i++) {
		process_renew_id(draws[i]);
		CHECK(process_id() >= 300 && process_id() < PROCESS_ID_MAX);
	}
	process_renew_id(4711);
	const uint32_t first = process_id();
	process_renew_id(4711); /* the thread has that id */
	CHECK(process_id() != first);
	const uint64_t names[] = {PROCESS_FIRST_ID, process_id()};
	CHECK_NUMBER(SYSTEM(getpid, 0), process_id());
	CHECK_NUMBER(SYSTEM(getpgrp, 0), process_id());
	CHECK_NUMBER(SYSTEM(gettid, 0), PROCESS_FIRST_ID);
	for (size_t i = 0; i < 2; i++) {
		const uint64_t id = names[i];
		CHECK_NUMBER(SYSTEM(getpgid, id), process_id());
		CHECK_NUMBER(SYSTEM(getsid, id), process_id());
		CHECK_NUMBER(SYSTEM(kill, id, 0), 0);
		CHECK_NUMBER(SYSTEM(kill, -id, 0), 0);
		CHECK_NUMBER(SYSTEM(tkill, id, 0), 0);
		CHECK_NUMBER(SYSTEM(tgkill, id, names[1 - i], 0), 0);
		CHECK_NUMBER(SYSTEM(prlimit64, id, RLIMIT_STACK, 0, ADDRESS(limit)), 0);
		CHECK_NUMBER(SYSTEM(getpriority, PRIO_PROCESS, id), 20);
		CHECK_NUMBER(SYSTEM(getpriority, PRIO_PGRP, id), 20);
	}
	CHECK_NUMBER(SYSTEM(kill, first, 0), -ESRCH);
	CHECK_NUMBER(SYSTEM(tkill, first, 0), -ESRCH);
	CHECK_NUMBER(SYSTEM(getsid, first), -ESRCH);
	CHECK_NUMBER(ENDS(SYSTEM(kill, process_id(), SIGHUP)), 2);
}

static void test_threads(void)
{
	uint32_t *word = host_memory(16);
	struct timespec *timeout = host_memory(sizeof(*timeout));
	*word = 5;
	CHECK_NUMBER(SYSTEM(futex, ADDRESS(word), FUTEX_WAIT, 4, 0), -EAGAIN);
	CHECK_NUMBER(ENDS(SYSTEM(futex, ADDRESS(word), FUTEX_WAIT, 5, 0)), 2);
	CHECK_NUMBER(host.status, SIGKILL);
	timeout->tv_nsec = 1000000000 - 1;
	host.slept_ns = 0;
	CHECK_NUMBER(SYSTEM(futex, ADDRESS(word), FUTEX_WAIT, 5, ADDRESS(timeout)), -ETIMEDOUT);
	CHECK(host.slept_ns && host.slept_ns < NANOSECONDS);
	CHECK_NUMBER(SYSTEM(futex, ADDRESS(word), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1), 0);
	CHECK_NUMBER(SYSTEM(futex, ADDRESS(word) + 1, FUTEX_WAKE, 1), -EINVAL);
	CHECK_NUMBER(SYSTEM(futex, ADDRESS(word), 77, 1), -ENOSYS);
	CHECK_NUMBER(SYSTEM(clone, CLONE_SIGHAND | SIGCHLD), -EINVAL);
	CHECK_NUMBER(SYSTEM(clone, CLONE_NEWPID | SIGCHLD), -EPERM);
	CHECK_NUMBER(SYSTEM(clone, CLONE_VM | 65), -EINVAL);
	CHECK_NUMBER(SYSTEM(clone, CLONE_THREAD | CLONE_VM), -EINVAL);
	CHECK_NUMBER(SYSTEM(wait4, (uint64_t)-1, 0, 0, 0), -ECHILD);
}

static void test_identity(void)
{
	struct utsname *names = host_memory(sizeof(*names));
	char *name = host_memory(16);
	CHECK_NUMBER(SYSTEM(getuid, 0), 0);
	CHECK_NUMBER(SYSTEM(setuid, 5), 0);
	CHECK_NUMBER(SYSTEM(geteuid, 0), 5);
	CHECK_NUMBER(SYSTEM(setuid, 0), -EPERM);
	CHECK_NUMBER(SYSTEM(uname, ADDRESS(names)), 0);
	CHECK_TEXT(names->sysname, "Linux");
	CHECK_TEXT(names->nodename, "mayfly");
	CHECK_NUMBER(SYSTEM(prctl, PR_GET_NAME, ADDRESS(name)), 0);
	CHECK_TEXT(name, "program");
	CHECK_NUMBER(SYSTEM(prctl, PR_SET_NAME, host_text("a name that is too long")), 0);
	CHECK_NUMBER(SYSTEM(prctl, PR_GET_NAME, ADDRESS(name)), 0);
	CHECK_TEXT(name, "a name that is ");
	CHECK_NUMBER(SYSTEM(getpgid, 9), -ESRCH);
	CHECK_NUMBER(SYSTEM(setsid, 0), -EPERM);
}

static void test_limits(void)
{
	struct rlimit *limit = host_memory(2 * sizeof(*limit));
	struct sysinfo *information = host_memory(sizeof(*information));
	uint64_t *processors = host_memory(16);
	CHECK_NUMBER(SYSTEM(prlimit64, 0, RLIMIT_STACK, 0, ADDRESS(limit)), 0);
	CHECK_NUMBER(limit->rlim_cur, 1 << 20);
	limit[1] = (struct rlimit){2, 1};
	CHECK_NUMBER(SYSTEM(setrlimit, RLIMIT_NOFILE, ADDRESS(&limit[1])), -EINVAL);
	CHECK_NUMBER(SYSTEM(getrlimit, 99, ADDRESS(limit)), -EINVAL);
	CHECK_NUMBER(SYSTEM(sysinfo, ADDRESS(information)), 0);
	CHECK_NUMBER(information->totalram, 256 * GUEST_PAGE_SIZE);
	CHECK_NUMBER(information->freeram, pool_free_pages() * GUEST_PAGE_SIZE);
	CHECK_NUMBER(SYSTEM(sched_getaffinity, 0, 16, ADDRESS(processors)), 8);
	CHECK_NUMBER(processors[0], 1);
	CHECK_NUMBER(SYSTEM(sched_getaffinity, 0, 4, ADDRESS(processors)), -EINVAL);
}

static uint64_t clock_ns(uint64_t clock)
{
	struct timespec *time = host_memory(sizeof(*time));
	CHECK_NUMBER(SYSTEM(clock_gettime, clock, ADDRESS(time)), 0);
	return (uint64_t)time->tv_sec * NANOSECONDS + (uint64_t)time->tv_nsec;
}

static void test_time(void)
{
	struct timespec *time = host_memory(2 * sizeof(*time));
	struct guest_clock *clock = (struct guest_clock *)&machine_control()->clock;
	/* A counter that stands: the clock is what the monitor wrote. */
	clock->tsc = UINT64_MAX;
	CHECK_NUMBER(clock_ns(CLOCK_REALTIME), 1700000000 * NANOSECONDS);
	CHECK_NUMBER(clock_ns(CLOCK_MONOTONIC), 5 * NANOSECONDS);
	clock->tsc = 0;
	uint64_t before = clock_ns(CLOCK_MONOTONIC);
	CHECK(clock_ns(CLOCK_MONOTONIC) >= before);
	CHECK(before > 5 * NANOSECONDS);
	clock_start();
	processor_time_start();
	CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) < NANOSECONDS);
	clock->multiplier = 0;
	CHECK_NUMBER(clock_ns(CLOCK_MONOTONIC), 5 * NANOSECONDS);
	CHECK_NUMBER(SYSTEM(clock_gettime, 99, ADDRESS(time)), -EINVAL);
	CHECK_NUMBER(SYSTEM(time, 0), 1700000000);
	host.slept_ns = 0;
	time[0] = (struct timespec){2, 5};
	CHECK_NUMBER(SYSTEM(nanosleep, ADDRESS(time), 0), 0);
	CHECK_NUMBER(host.slept_ns, 2 * NANOSECONDS + 5);
	time[0] = (struct timespec){0, 1000000000};
	CHECK_NUMBER(SYSTEM(nanosleep, ADDRESS(time), 0), -EINVAL);
	host.slept_ns = 0;
	time[0] = (struct timespec){7, 0};
	CHECK_NUMBER(SYSTEM(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, ADDRESS(time), 0), 0);
	CHECK_NUMBER(host.slept_ns, 2 * NANOSECONDS);
	time[0] = (struct timespec){1, 0};
	CHECK_NUMBER(SYSTEM(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, ADDRESS(time), 0), 0);
	CHECK_NUMBER(host.slept_ns, 2 * NANOSECONDS);
}

int main(void)
{
	host_start(256);
	test_end();
	test_signals();
	test_threads();
	test_identity();
	test_limits();
	test_time();
	test_new_id();
	return check_status();
}
