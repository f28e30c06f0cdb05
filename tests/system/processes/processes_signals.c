/* Signals between processes: who gets them, with what, and what becomes of those who wait. */
#include <sys/time.h>
#include <time.h>

#include "processes.h"

static volatile sig_atomic_t caught_count, last_signal;
static siginfo_t last_info;

static void caught(int signal, siginfo_t *info, void *context)
{
	(void)context;
	last_signal = signal;
	last_info = *info;
	caught_count++;
}

static void handle(int signal, int flags)
{
	const struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | flags};
	sigaction(signal, &action, NULL);
}

static void block(int signal, int how)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(how, &set, NULL);
}

static void print_info(const char *what, const siginfo_t *info, pid_t sender)
{
	printf("%s: signal %d, code %d, sender %d, user %d, value %d\n", what, info->si_signo,
	       info->si_code, info->si_pid == sender, info->si_uid == getuid(), info->si_int);
}

static pid_t start_waiting(void)
{
	pid_t child;
	START(child, for (;;) pause());
	return child;
}

/* ── one sender, one receiver ────────────────────────────────────────────────────────────────── */

static void test_kill(void)
{
	struct gate ready = gate_make();
	const pid_t parent = getpid();
	pid_t child;
	handle(SIGUSR1, 0);
	START(child, block(SIGUSR1, SIG_BLOCK); gate_open(&ready); sigset_t none;
	      sigemptyset(&none); sigsuspend(&none); print_info("child", &last_info, parent);
	      kill(parent, SIGUSR1); _exit(caught_count));
	gate_wait(&ready);
	TRY(kill(child, 0));
	kill(child, SIGUSR1);
	print_status("caught by the child", await(child));
	printf("by the parent: %d\n", caught_count);
	print_info("parent", &last_info, child);
	TRY(kill(4194303, 0));
	TRY(kill(4194303, SIGTERM));
	TRY(kill(-4194303, SIGTERM));
	TRY(kill(child = start_waiting(), 65));
	TRY(kill(child, -1));
	TRY(kill(child, SIGTERM));
	print_status("terminated", await(child));
	/* What the child does with signals is its own. */
	START(child, signal(SIGUSR1, SIG_IGN); signal(SIGUSR2, SIG_DFL); gate_open(&ready);
	      pause());
	gate_wait(&ready);
	handle(SIGUSR2, 0);
	kill(child, SIGUSR1);
	kill(child, SIGUSR2);
	print_status("not by the parent's handler", await(child));
	caught_count = 0;
	raise(SIGUSR1);
	raise(SIGUSR2);
	printf("still handled: %d\n", caught_count);
	/* Pending signals and timers are not inherited, blocked ones are. */
	block(SIGUSR1, SIG_BLOCK);
	raise(SIGUSR1);
	const struct itimerval soon = {.it_value = {100, 0}};
	setitimer(ITIMER_REAL, &soon, NULL);
	IN_CHILD("inherits", sigset_t set; sigpending(&set);
		 printf("pending: %d\n", sigismember(&set, SIGUSR1)); sigprocmask(0, NULL, &set);
		 printf("blocked: %d\n", sigismember(&set, SIGUSR1)); struct itimerval left;
		 getitimer(ITIMER_REAL, &left); printf("left: %ld\n", (long)left.it_value.tv_sec));
	caught_count = 0;
	block(SIGUSR1, SIG_UNBLOCK);
	printf("pending in the parent: %d\n", caught_count);
	const struct itimerval never = {0};
	setitimer(ITIMER_REAL, &never, NULL);
	gate_close(&ready);
}

static void test_queue(void)
{
	struct gate ready = gate_make(), go = gate_make();
	const pid_t parent = getpid();
	const int real_time = 40;
	pid_t child;
	START(
	    child, sigset_t set; sigemptyset(&set); sigaddset(&set, real_time);
	    sigaddset(&set, SIGUSR1); sigprocmask(SIG_BLOCK, &set, NULL); gate_open(&ready);
	    gate_wait(&go); for (int i = 0; i < 5; i++) {
		    siginfo_t info;
		    sigwaitinfo(&set, &info);
		    print_info("queued", &info, parent);
	    } const struct timespec now = {0};
	    siginfo_t info; TRY(sigtimedwait(&set, &info, &now)));
	gate_wait(&ready);
	for (int i = 1; i < 5; i++)
		TRY(sigqueue(child, real_time, (union sigval){.sival_int = i}));
	TRY(sigqueue(child, SIGUSR1, (union sigval){.sival_int = 10}));
	TRY(sigqueue(child, SIGUSR1, (union sigval){.sival_int = 11}));
	TRY(sigqueue(child, 0, (union sigval){.sival_int = 0}));
	TRY(sigqueue(4194303, SIGUSR1, (union sigval){.sival_int = 0}));
	gate_open(&go);
	print_status("queue", await(child));
	siginfo_t forged = {.si_code = SI_USER, .si_signo = SIGUSR1};
	child = start_waiting();
	TRY(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &forged));
	forged.si_code = SI_TKILL;
	TRY(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &forged));
	TRY(syscall(SYS_tgkill, child, child, 0));
	TRY(syscall(SYS_tgkill, getpid(), child, 0));
	TRY(syscall(SYS_tgkill, child, getpid(), SIGTERM));
	TRY(syscall(SYS_tkill, child, SIGTERM));
	print_status("one thread's", await(child));
	gate_close(&ready);
	gate_close(&go);
}

/* ── groups ──────────────────────────────────────────────────────────────────────────────────── */

/* In a session of its own: whom it reaches is known. */
static void signal_groups(void)
{
	enum { CHILDREN = 6 };
	pid_t children[CHILDREN];
	struct gate ready = gate_make();
	setsid();
	handle(SIGTERM, 0);
	for (int i = 0; i < CHILDREN; i++) {
		START(children[i], signal(SIGTERM, SIG_DFL); gate_open(&ready); for (;;) pause());
		if (i % 2)
			setpgid(children[i], children[1]);
	}
	for (int i = 0; i < CHILDREN; i++)
		gate_wait(&ready);
	TRY(kill(-1, 0));
	TRY(killpg(children[1], 0));
	TRY(killpg(children[1], SIGTERM));
	for (int i = 1; i < CHILDREN; i += 2)
		print_status("of its group", await(children[i]));
	TRY(waitpid(-1, NULL, WNOHANG));
	TRY(killpg(children[1], 0));
	caught_count = 0;
	TRY(kill(0, SIGTERM));
	for (int i = 0; i < CHILDREN; i += 2)
		print_status("of the own group", await(children[i]));
	printf("and the sender: %d\n", caught_count);
	print_info("sender", &last_info, getpid());
	TRY(kill(-getpgrp(), SIGTERM));
	printf("again: %d\n", caught_count);
	gate_close(&ready);
}

/* ── stopping ────────────────────────────────────────────────────────────────────────────────── */

static void test_stopped(void)
{
	volatile unsigned *counter = map_shared(4096);
	siginfo_t info;
	pid_t child;
	signal(SIGUSR1, SIG_DFL);
	START(
	    child, for (;;) {
		    counter[0]++;
		    usleep(500);
	    });
	while (counter[0] < 5)
		usleep(500);
	kill(child, SIGSTOP);
	waitid(P_PID, (id_t)child, &info, WSTOPPED);
	const unsigned before = counter[0];
	usleep(20000);
	printf("does not run: %d\n", counter[0] == before);
	kill(child, SIGCONT);
	for (unsigned i = 0; i < 20000 && counter[0] == before; i++)
		usleep(500);
	printf("runs: %d\n", counter[0] > before);
	/* Signals wait while it is stopped. */
	kill(child, SIGSTOP);
	waitid(P_PID, (id_t)child, &info, WSTOPPED);
	kill(child, SIGUSR1);
	kill(child, SIGCONT);
	print_status("afterwards", await(child));
	/* A handler of SIGCONT runs as well. */
	handle(SIGCONT, 0);
	struct gate ready = gate_make();
	caught_count = 0;
	START(child, gate_open(&ready); while (!caught_count) usleep(1000); _exit(last_signal));
	gate_wait(&ready);
	kill(child, SIGSTOP);
	waitid(P_PID, (id_t)child, &info, WSTOPPED);
	kill(child, SIGCONT);
	print_status("SIGCONT", await(child));
	/* SIGTSTP can be caught, and SIGSTOP takes SIGCONT away. */
	handle(SIGTSTP, 0);
	START(child, gate_open(&ready); while (!caught_count) usleep(1000); _exit(last_signal));
	gate_wait(&ready);
	kill(child, SIGTSTP);
	print_status("SIGTSTP", await(child));
	signal(SIGCONT, SIG_DFL);
	signal(SIGTSTP, SIG_DFL);
	gate_close(&ready);
	munmap((void *)counter, 4096);
}

/* ── who waits ───────────────────────────────────────────────────────────────────────────────── */

static void test_interrupting(void)
{
	int ends[2];
	char byte;
	const pid_t parent = getpid();
	pid_t child;
	pipe(ends);
	handle(SIGUSR1, 0);
	START(
	    child, for (;;) {
		    usleep(5000);
		    kill(parent, SIGUSR1);
	    });
	TRY(read(ends[0], &byte, 1));
	TRY(waitpid(child, NULL, 0));
	TRY(pause());
	handle(SIGUSR1, SA_RESTART);
	kill(child, SIGKILL);
	await(child);
	caught_count = 0;
	START(child, usleep(5000); kill(parent, SIGUSR1); usleep(20000); write(ends[1], "x", 1));
	TRY(read(ends[0], &byte, 1));
	print_status("restarted", await(child));
	printf("caught: %d\n", caught_count);
	/* An alarm of the child's is the child's. */
	IN_CHILD("alarm", signal(SIGALRM, SIG_DFL); ualarm(5000, 0); pause());
	IN_CHILD("alarm", handle(SIGALRM, 0); ualarm(5000, 5000); TRY(pause()));
	close(ends[0]);
	close(ends[1]);
}

static void test_pipe_signal(void)
{
	int ends[2];
	pid_t reader, writer;
	pipe(ends);
	START(writer, close(ends[0]); for (;;) write(ends[1], "line\n", 5));
	START(reader, close(ends[1]); char text[50]; read(ends[0], text, 50));
	close(ends[0]);
	close(ends[1]);
	print_status("reader", await(reader));
	print_status("writer", await(writer));
}

/* ── vfork ───────────────────────────────────────────────────────────────────────────────────── */

static volatile int handled_in_child;

static void test_vfork(void)
{
	pid_t killer;
	const pid_t parent = getpid();
	handle(SIGUSR1, 0);
	caught_count = 0;
	/* The parent is signalled while it waits for the child, which has not let it go. */
	pid_t child = vfork();
	if (!child) {
		kill(parent, SIGUSR1);
		handled_in_child = caught_count;
		_exit(4);
	}
	printf("before and after: %d %d\n", handled_in_child, caught_count);
	print_status("vfork", await(child));
	child = vfork();
	if (!child) {
		kill(getpid(), SIGTERM); /* raise() would name the thread that waits, with musl */
		_exit(5);
	}
	print_status("ended in vfork", await(child));
	/* Killed by another while its parent waits. */
	volatile pid_t *id = map_shared(4096);
	START(killer, while (!*id) usleep(1000); kill(*id, SIGKILL));
	child = vfork();
	if (!child) {
		*id = getpid();
		for (;;)
			pause();
	}
	print_status("killed in vfork", await(child));
	print_status("killer", await(killer));
}

/* A timer signals threads of its own process only. */
static void test_timer_of_others(void)
{
	pid_t child;
	timer_t timer;
	START(child, for (;;) pause());
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	/* Behind the signal and the kind; C libraries have other names for it. */
	memcpy((char *)&event + sizeof(union sigval) + 2 * sizeof(int), &child, sizeof(child));
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	kill(child, SIGKILL);
	print_status("not signalled", await(child));
}

int main(void)
{
	begin();
	signal(SIGTERM, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	test_kill();
	test_queue();
	IN_CHILD("groups", signal_groups());
	test_stopped();
	test_interrupting();
	test_pipe_signal();
	test_vfork();
	test_timer_of_others();
	return 0;
}
