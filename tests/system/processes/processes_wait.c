/* Children that end, stop and go on, and who learns of it: wait4(2), waitid(2), SIGCHLD. */
#include <sys/resource.h>
#include <sys/time.h>

#include "processes.h"

#define NO_PROCESS 4194303 /* an id that no process has: the last one of all */

static volatile int *volatile nowhere = (volatile int *)8;

/* What raw calls say; the C library would tell the same. */
static long wait_raw(long which, int *status, int options, struct rusage *usage)
{
	return syscall(SYS_wait4, which, status, options, usage);
}

static void end_with(int status)
{
	_exit(status);
}

static pid_t start_ending(int status)
{
	pid_t child;
	START(child, end_with(status));
	return child;
}

static pid_t start_waiting(void)
{
	pid_t child;
	START(child, for (;;) pause());
	return child;
}

static void end_waiting(pid_t child)
{
	kill(child, SIGKILL);
	print_status("a waiting child", await(child));
}

/* Waits until the child has ended, and leaves it to be waited for. */
static void await_end(pid_t child)
{
	siginfo_t info;
	while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
}

/* ── how they end ────────────────────────────────────────────────────────────────────────────── */

static void test_endings(void)
{
	static const int signals[] = {SIGHUP,  SIGINT,	SIGQUIT, SIGILL,  SIGABRT, SIGFPE,
				      SIGKILL, SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1,
				      SIGUSR2, SIGSYS,	SIGXCPU, 40};
	const struct rlimit no_dumps = {0, 0};
	setrlimit(RLIMIT_CORE, &no_dumps);
	for (int status = 0; status < 600; status += 127) {
		const pid_t child = start_ending(status);
		print_status("exit", await(child));
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		pid_t child;
		START(child, signal(signals[i], SIG_DFL); raise(signals[i]); end_with(1));
		const int status = await(child);
		printf("signal %d: %#x\n", signals[i], status);
	}
	IN_CHILD("abort", abort());
	IN_CHILD("a fault", *nowhere = 0);
	IN_CHILD("no instruction", __builtin_trap());
	IN_CHILD("divided", volatile int none = 0; exit(1 / none));
	IN_CHILD("the end of main", exit(5));
	IN_CHILD("one thread ends", syscall(SYS_exit, 6));
}

/* ── whom to wait for ────────────────────────────────────────────────────────────────────────── */

static void test_selectors(void)
{
	int status = 77;
	TRY(wait_raw(-1, &status, 0, NULL));
	TRY(wait_raw(-1, &status, WNOHANG, NULL));
	TRY(wait_raw(NO_PROCESS, &status, 0, NULL));
	TRY(wait_raw(-NO_PROCESS, &status, 0, NULL));
	TRY(wait_raw(INT32_MIN, &status, 0, NULL));
	TRY(wait_raw(1, &status, WNOHANG, NULL));
	TRY(wait_raw(getpid(), &status, 0, NULL));
	TRY(wait_raw(0, &status, 0, NULL));
	TRY(wait_raw(-1, &status, 4, NULL));
	TRY(wait_raw(-1, &status, 0x100, NULL));
	printf("untouched: %d\n", status);
	const pid_t first = start_ending(1), second = start_ending(2);
	printf("second: %d\n", wait_raw(second, &status, 0, NULL) == second);
	print_status("second", status);
	TRY(wait_raw(second, &status, 0, NULL));
	printf("any: %d\n", wait_raw(-1, &status, 0, NULL) == first);
	print_status("first", status);
	const pid_t in_group = start_ending(3);
	printf("own group: %d\n", wait_raw(0, &status, 0, NULL) == in_group);
	const pid_t led = start_waiting();
	printf("lead: %d\n", setpgid(led, led));
	TRY(wait_raw(0, &status, 0, NULL));
	TRY(wait_raw(led, &status, WNOHANG, NULL));
	TRY(wait_raw(-led, &status, WNOHANG, NULL));
	kill(led, SIGTERM);
	printf("its group: %d\n", wait_raw(-led, &status, 0, NULL) == led);
	print_status("led", status);
	const pid_t child = start_ending(4);
	printf("no status: %d\n", wait_raw(child, NULL, 0, NULL) == child);
	const pid_t another = start_ending(5);
	await_end(another);
	TRY(wait_raw(another, (int *)8, 0, NULL));
	TRY(wait_raw(another, &status, 0, NULL));
	pid_t clone;
	START(clone, end_with(9));
	TRY(wait_raw(clone, &status, __WCLONE, NULL));
	printf("all: %d\n", wait_raw(clone, &status, __WALL, NULL) == clone);
	clone = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
	if (!clone)
		_exit(10);
	TRY(wait_raw(clone, &status, 0, NULL));
	printf("clone: %d\n", wait_raw(clone, &status, __WCLONE, NULL) == clone);
	print_status("without a signal", status);
}

static void print_info(const char *what, const siginfo_t *info, pid_t child)
{
	printf("%s: signal %d, code %d, child %d, user %d, status %d, errno %d\n", what,
	       info->si_signo, info->si_code, info->si_pid == child, info->si_uid == getuid(),
	       info->si_status, info->si_errno);
}

static void test_waitid(void)
{
	siginfo_t info;
	memset(&info, 'x', sizeof(info));
	TRY(waitid(P_ALL, 0, &info, WEXITED));
	TRY(waitid(P_PID, NO_PROCESS, &info, WEXITED));
	TRY(waitid(P_PID, 0, &info, WEXITED));
	TRY(waitid(P_PGID, NO_PROCESS, &info, WEXITED));
	TRY(waitid(P_PGID, 0, &info, WEXITED));
	TRY(waitid((idtype_t)17, 0, &info, WEXITED));
	TRY(waitid(P_ALL, 0, &info, 0));
	TRY(waitid(P_ALL, 0, &info, WNOHANG));
	TRY(waitid(P_ALL, 0, &info, WEXITED | 0x100));
	const pid_t waiting = start_waiting();
	memset(&info, 'x', sizeof(info));
	TRY(waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
	printf("nothing: %d %d\n", info.si_pid, info.si_signo);
	const pid_t child = start_ending(7);
	TRY(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
	print_info("kept", &info, child);
	TRY(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | WNOHANG));
	print_info("kept again", &info, child);
	TRY(waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG));
	TRY(waitid(P_PID, (id_t)child, &info, WEXITED));
	print_info("taken", &info, child);
	TRY(waitid(P_PID, (id_t)child, &info, WEXITED));
	kill(waiting, SIGUSR1);
	TRY(waitid(P_ALL, 0, &info, WEXITED));
	print_info("killed", &info, waiting);
	const pid_t another = start_ending(8);
	TRY(waitid(P_PGID, 0, NULL, WEXITED));
	TRY(waitid(P_PID, (id_t)another, NULL, WEXITED));
}

/* ── stopping ────────────────────────────────────────────────────────────────────────────────── */

static void test_stopping(void)
{
	static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	siginfo_t info;
	int status = 0;
	/* In a group that is no orphan's: only there the terminal's signals stop. */
	const pid_t child = start_waiting();
	setpgid(child, child);
	for (size_t i = 0; i < 4; i++) {
		TRY(kill(child, stops[i]));
		printf("stopped: %d\n", wait_raw(child, &status, WUNTRACED, NULL) == child);
		print_status("it", status);
		TRY(wait_raw(child, &status, WUNTRACED | WNOHANG, NULL));
		TRY(kill(child, SIGCONT));
		printf("continued: %d\n", wait_raw(child, &status, WCONTINUED, NULL) == child);
		print_status("it", status);
		TRY(wait_raw(child, &status, WCONTINUED | WNOHANG, NULL));
	}
	kill(child, SIGSTOP);
	TRY(waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT));
	print_info("stopped", &info, child);
	TRY(waitid(P_PID, (id_t)child, &info, WSTOPPED));
	print_info("stopped", &info, child);
	TRY(waitid(P_PID, (id_t)child, &info, WSTOPPED | WCONTINUED | WEXITED | WNOHANG));
	printf("nothing: %d\n", info.si_pid);
	kill(child, SIGCONT);
	TRY(waitid(P_PID, (id_t)child, &info, WCONTINUED | WNOWAIT));
	print_info("continued", &info, child);
	TRY(waitid(P_PID, (id_t)child, &info, WCONTINUED));
	print_info("continued", &info, child);
	/* While it is stopped, only SIGKILL and SIGCONT reach it. */
	kill(child, SIGSTOP);
	TRY(waitid(P_PID, (id_t)child, &info, WSTOPPED));
	kill(child, SIGTERM);
	usleep(10000);
	TRY(waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG));
	printf("nothing: %d\n", info.si_pid);
	kill(child, SIGCONT);
	print_status("terminated", await(child));
	const pid_t other = start_waiting();
	kill(other, SIGSTOP);
	TRY(waitid(P_PID, (id_t)other, &info, WSTOPPED));
	kill(other, SIGKILL);
	print_status("killed", await(other));
	struct gate gate = gate_make();
	pid_t itself;
	START(itself, raise(SIGSTOP); gate_open(&gate); end_with(3));
	printf("itself: %d\n", wait_raw(itself, &status, WUNTRACED, NULL) == itself);
	print_status("itself", status);
	kill(itself, SIGCONT);
	gate_wait(&gate);
	print_status("itself", await(itself));
	gate_close(&gate);
}

/* ── SIGCHLD ─────────────────────────────────────────────────────────────────────────────────── */

static volatile sig_atomic_t told;
static siginfo_t last_told;

static void child_ended(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	last_told = *info;
	told++;
}

static void handle_children(int flags)
{
	const struct sigaction action = {.sa_sigaction = child_ended,
					 .sa_flags = SA_SIGINFO | flags};
	sigaction(SIGCHLD, &action, NULL);
	told = 0;
}

static void await_telling(int count)
{
	for (unsigned i = 0; told < count && i < 20000; i++)
		usleep(1000);
}

static void test_telling(void)
{
	siginfo_t info;
	handle_children(0);
	pid_t child = start_ending(11);
	await_telling(1);
	print_info("told", &last_told, child);
	print_status("it", await(child));
	child = start_waiting();
	kill(child, SIGSTOP);
	await_telling(2);
	print_info("told", &last_told, child);
	kill(child, SIGCONT);
	await_telling(3);
	print_info("told", &last_told, child);
	kill(child, SIGKILL);
	await_telling(4);
	print_info("told", &last_told, child);
	end_waiting(child);
	handle_children(SA_NOCLDSTOP);
	child = start_waiting();
	kill(child, SIGSTOP);
	TRY(waitid(P_PID, (id_t)child, &info, WSTOPPED));
	kill(child, SIGCONT);
	TRY(waitid(P_PID, (id_t)child, &info, WCONTINUED));
	printf("told: %d\n", (int)told);
	kill(child, SIGTERM);
	await_telling(1);
	print_info("told", &last_told, child);
	end_waiting(child);
	/* It is waiting when the signal comes. */
	handle_children(SA_RESTART);
	child = start_ending(12);
	print_status("restarted", await(child));
	await_telling(1);
	printf("told: %d\n", (int)told);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child = start_ending(13);
	printf("taken: %d\n", sigwaitinfo(&set, &info));
	print_info("taken", &info, child);
	print_status("it", await(child));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
}

static void test_ignoring(void)
{
	int status = 55;
	signal(SIGCHLD, SIG_IGN);
	pid_t child = start_ending(14);
	TRY(wait_raw(child, &status, 0, NULL));
	start_ending(15), start_ending(16);
	TRY(wait_raw(-1, &status, 0, NULL));
	printf("untouched: %d\n", status);
	handle_children(SA_NOCLDWAIT);
	child = start_ending(17);
	TRY(waitid(P_PID, (id_t)child, NULL, WEXITED) == -1 ? errno : 0);
	await_telling(1);
	printf("told: %d\n", (int)told);
	signal(SIGCHLD, SIG_DFL);
	child = start_ending(18);
	await_end(child);
	signal(SIGCHLD, SIG_IGN);
	print_status("ended before that", await(child));
	signal(SIGCHLD, SIG_DFL);
}

/* ── families ────────────────────────────────────────────────────────────────────────────────── */

static void test_orphans(void)
{
	struct gate go = gate_make(), done = gate_make();
	const pid_t own = getpid();
	pid_t child;
	START(child, printf("its parent: %d\n", getppid() == own); pid_t orphan;
	      const pid_t parent = getpid();
	      START(orphan, printf("the orphan's parent: %d\n", getppid() == parent);
		    gate_open(&done); gate_wait(&go);
		    printf("has changed: %d\n", getppid() != parent);
		    printf("is not its grandparent: %d\n", getppid() != own); gate_open(&done));
	      gate_wait(&done); end_with(1));
	print_status("parent of an orphan", await(child));
	gate_open(&go);
	gate_wait(&done);
	TRY(wait_raw(-1, NULL, WNOHANG, NULL));
	/* Ended children of one that ends are nobody's here. */
	IN_CHILD("leaves a zombie", await_end(start_ending(1)));
	TRY(wait_raw(-1, NULL, 0, NULL));
	/* A zombie has an id, and can be signalled. */
	child = start_ending(2);
	await_end(child);
	TRY(kill(child, 0));
	TRY(kill(child, SIGKILL));
	print_status("it", await(child));
	printf("gone: %d\n", kill(child, 0) == -1 && errno == ESRCH);
	gate_close(&go);
	gate_close(&done);
}

static int burn(int milliseconds)
{
	struct rusage usage;
	do {
		for (volatile unsigned i = 0; i < 100000;)
			i++;
		getrusage(RUSAGE_SELF, &usage);
	} while (usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 < milliseconds);
	return 0;
}

static long user_ms(const struct rusage *usage)
{
	return usage->ru_utime.tv_sec * 1000 + usage->ru_utime.tv_usec / 1000;
}

static void test_usage(void)
{
	struct rusage usage, of_children;
	pid_t child;
	memset(&usage, 'x', sizeof(usage));
	START(child, end_with(burn(60)));
	TRY(wait_raw(child, NULL, 0, &usage) == child);
	printf("its time: %d\n", user_ms(&usage) >= 50 && user_ms(&usage) < 5000);
	TRY(getrusage(RUSAGE_CHILDREN, &of_children));
	printf("with others: %d\n", user_ms(&of_children) >= user_ms(&usage));
	/* Times of grandchildren come with their parent. */
	START(child, pid_t own; START(own, end_with(burn(40))); await(own); end_with(0));
	TRY(wait_raw(child, NULL, 0, &usage) == child);
	printf("grandchild's time: %d\n", user_ms(&usage) >= 30);
	IN_CHILD("a child", getrusage(RUSAGE_CHILDREN, &of_children);
		 printf("has no children's time: %ld\n", user_ms(&of_children));
		 getrusage(RUSAGE_SELF, &usage);
		 printf("nor its parent's: %d\n", user_ms(&usage) < 40));
	child = start_ending(0);
	await_end(child);
	TRY(wait_raw(child, NULL, 0, (struct rusage *)8));
	TRY(wait_raw(-1, NULL, WNOHANG, NULL));
}

int main(void)
{
	begin();
	test_endings();
	test_selectors();
	test_waitid();
	test_stopping();
	test_telling();
	test_ignoring();
	test_orphans();
	test_usage();
	return 0;
}
