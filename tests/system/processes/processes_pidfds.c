/* Descriptors of processes: pidfd_open(2), waitid(2) and signals by them, clone(2) and clone3(2) that
 * make them. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <time.h>

#include "processes.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

/* As clone3(2) has it; not all C libraries know it. */
struct wanted_clone {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
	    set_tid_size, cgroup;
};

#define NO_PROCESS 4194303 /* an id that no process has */

/* Raw calls, as some C libraries have none. */
static int open_process(pid_t id, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, id, flags);
}

static int send_signal(int pidfd, int signal, const siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, info, flags);
}

static int get_descriptor(int pidfd, int descriptor, unsigned flags)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, descriptor, flags);
}

static int wait_by(int pidfd, siginfo_t *info, int options)
{
	memset(info, 0, sizeof(*info));
	return (int)syscall(SYS_waitid, P_PIDFD, pidfd, info, options, NULL);
}

static pid_t start_waiting(void)
{
	pid_t child;
	START(child, for (;;) pause());
	return child;
}

static pid_t start_ending(int status)
{
	pid_t child;
	START(child, _exit(status));
	return child;
}

static void print_info(const char *what, const siginfo_t *info, pid_t child)
{
	printf("%s: signal %d, code %d, status %d, %s\n", what, info->si_signo, info->si_code,
	       info->si_status, info->si_pid == child ? "of the child" : "of another");
}

static void print_poll(const char *what, int pidfd, int timeout)
{
	struct pollfd polled = {.fd = pidfd, .events = POLLIN};
	const int count = poll(&polled, 1, timeout);
	printf("%s: %d, %#x\n", what, count, polled.revents);
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static void test_opening(void)
{
	TRY(open_process(0, 0));
	TRY(open_process(-1, 0));
	TRY(open_process(INT32_MIN, 0));
	TRY(open_process(NO_PROCESS, 0));
	TRY(open_process(getpid(), 1));
	TRY(open_process(getpid(), O_CLOEXEC));
	TRY(open_process(NO_PROCESS, 1));
	const int own = open_process(getpid(), 0);
	char byte;
	TRY(fcntl(own, F_GETFD));
	TRY(fcntl(own, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	TRY(read(own, &byte, 1));
	TRY(write(own, "a", 1));
	TRY(lseek(own, 0, SEEK_SET));
	const int other = open_process(getpid(), O_NONBLOCK);
	TRY(fcntl(other, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	print_poll("itself", own, 0);
	TRY(close(own));
	TRY(close(other));
	const pid_t child = start_ending(1);
	siginfo_t info;
	while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	const int ended = open_process(child, 0);
	print_poll("one that has ended", ended, 0);
	print_status("it", await(child));
	print_poll("one that is gone", ended, 0);
	TRY(open_process(child, 0));
	TRY(close(ended));
}

static void test_children_have_it(void)
{
	const pid_t child = start_waiting();
	const int pidfd = open_process(child, 0);
	IN_CHILD("a sibling", siginfo_t info; TRY(wait_by(pidfd, &info, WEXITED | WNOHANG));
		 TRY(send_signal(pidfd, SIGUSR1, NULL, 0)));
	print_status("the child", await(child));
	close(pidfd);
}

/* ── waiting ─────────────────────────────────────────────────────────────────────────────────── */

static void test_waiting(void)
{
	siginfo_t info;
	pid_t child = start_waiting();
	int pidfd = open_process(child, 0);
	print_poll("it lives", pidfd, 0);
	TRY(wait_by(pidfd, &info, WEXITED | WNOHANG));
	print_info("no news", &info, 0);
	TRY(wait_by(pidfd, &info, 0));
	TRY(wait_by(-1, &info, WEXITED));
	TRY(wait_by(1000, &info, WEXITED));
	TRY(wait_by(STDOUT_FILENO, &info, WEXITED));
	kill(child, SIGSTOP);
	TRY(wait_by(pidfd, &info, WSTOPPED));
	print_info("stopped", &info, child);
	print_poll("stopped", pidfd, 0);
	kill(child, SIGCONT);
	TRY(wait_by(pidfd, &info, WCONTINUED));
	print_info("continued", &info, child);
	TRY(send_signal(pidfd, SIGTERM, NULL, 0));
	print_poll("ended", pidfd, -1);
	TRY(wait_by(pidfd, &info, WEXITED | WNOWAIT));
	print_info("looked at", &info, child);
	TRY(wait_by(pidfd, &info, WEXITED));
	print_info("taken", &info, child);
	print_poll("gone", pidfd, -1);
	TRY(wait_by(pidfd, &info, WEXITED));
	TRY(send_signal(pidfd, 0, NULL, 0));
	TRY(get_descriptor(pidfd, 0, 0));
	close(pidfd);

	child = start_waiting();
	pidfd = open_process(child, O_NONBLOCK);
	TRY(wait_by(pidfd, &info, WEXITED));
	TRY(wait_by(pidfd, &info, WEXITED | WNOHANG));
	kill(child, SIGKILL);
	print_poll("killed", pidfd, -1);
	TRY(wait_by(pidfd, &info, WEXITED));
	print_info("killed", &info, child);
	TRY(wait_by(pidfd, &info, WEXITED));
	close(pidfd);

	const int own = open_process(getpid(), 0);
	TRY(wait_by(own, &info, WEXITED));
	TRY(wait_by(own, &info, WEXITED | WNOHANG));
	close(own);
}

/* The child ends while its parent waits in a call. */
static void test_waiting_long(void)
{
	struct gate gate = gate_make();
	siginfo_t info;
	pid_t child;
	START(child, gate_wait(&gate); _exit(9));
	const int pidfd = open_process(child, 0);
	const int watch = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = 7};
	TRY(epoll_ctl(watch, EPOLL_CTL_ADD, pidfd, &event));
	TRY(epoll_wait(watch, &event, 1, 0));
	gate_open(&gate);
	TRY(epoll_wait(watch, &event, 1, -1));
	printf("%#x of %u\n", event.events, event.data.u32);
	TRY(epoll_wait(watch, &event, 1, 0));
	TRY(wait_by(pidfd, &info, WEXITED));
	print_info("by epoll", &info, child);
	close(watch);
	close(pidfd);

	START(child, gate_wait(&gate); _exit(10));
	const int other = open_process(child, 0);
	gate_open(&gate);
	TRY(wait_by(other, &info, WEXITED));
	print_info("by waiting", &info, child);
	close(other);
	gate_close(&gate);
}

/* Nobody waits for it, as its parent does not want to. */
static void test_unwanted(void)
{
	struct gate gate = gate_make();
	pid_t child;
	signal(SIGCHLD, SIG_IGN);
	START(child, gate_wait(&gate); _exit(0));
	const int pidfd = open_process(child, 0);
	gate_open(&gate);
	struct pollfd polled = {.fd = pidfd, .events = POLLIN};
	/* It may be polled between its end and its being gone. */
	while (poll(&polled, 1, -1) == 1 && !(polled.revents & POLLHUP))
		sched_yield();
	printf("unwanted: %#x\n", polled.revents);
	TRY(send_signal(pidfd, 0, NULL, 0));
	signal(SIGCHLD, SIG_DFL);
	close(pidfd);
	gate_close(&gate);
}

/* ── signals ─────────────────────────────────────────────────────────────────────────────────── */

static volatile sig_atomic_t taken, taken_code, taken_value;

static void take(int signal, siginfo_t *info, void *context)
{
	(void)context;
	taken = signal;
	taken_code = info->si_code;
	taken_value = info->si_value.sival_int;
}

static void test_signals(void)
{
	const struct sigaction action = {.sa_sigaction = take, .sa_flags = SA_SIGINFO};
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	const int own = open_process(getpid(), 0);
	sigaction(SIGUSR1, &action, NULL);
	TRY(send_signal(own, 0, NULL, 0));
	TRY(send_signal(own, SIGUSR1, NULL, 0));
	printf("taken %d, code %d\n", taken, taken_code);
	info.si_value.sival_int = 77;
	TRY(send_signal(own, SIGUSR1, &info, 0));
	printf("taken %d, code %d, value %d\n", taken, taken_code, taken_value);
	TRY(send_signal(own, SIGUSR2, &info, 0));
	info.si_code = SI_USER;
	TRY(send_signal(own, SIGUSR1, &info, 0));
	printf("taken %d, code %d\n", taken, taken_code);
	TRY(send_signal(own, 65, NULL, 0));
	TRY(send_signal(own, -1, NULL, 0));
	TRY(send_signal(own, SIGUSR1, NULL, 1U << 30));
	TRY(send_signal(own, SIGUSR1, NULL, 3));
	TRY(send_signal(-1, SIGUSR1, NULL, 0));
	TRY(send_signal(STDOUT_FILENO, SIGUSR1, NULL, 0));
	TRY(send_signal(own, SIGUSR1, (const siginfo_t *)8, 0));
	close(own);

	const pid_t child = start_waiting();
	const int pidfd = open_process(child, 0);
	TRY(send_signal(pidfd, SIGUSR1, &info, 0));
	info.si_code = SI_TKILL;
	TRY(send_signal(pidfd, SIGUSR1, &info, 0));
	info.si_code = SI_KERNEL;
	TRY(send_signal(pidfd, SIGUSR1, &info, 0));
	info.si_code = SI_QUEUE;
	info.si_signo = SIGKILL;
	TRY(send_signal(pidfd, SIGKILL, &info, 0));
	print_status("killed", await(child));
	close(pidfd);
}

/* ── descriptors of others ───────────────────────────────────────────────────────────────────── */

static void test_descriptors(void)
{
	struct gate ready = gate_make(), done = gate_make();
	pid_t child;
	char said[8] = "";
	START(child, int ends[2]; if (pipe(ends) || dup2(ends[0], 100) < 0) _exit(1);
	      (void)!write(ends[1], "secret", 7); gate_open(&ready); gate_wait(&done); _exit(0));
	const int pidfd = open_process(child, 0);
	gate_wait(&ready);
	const int got = get_descriptor(pidfd, 100, 0);
	TRY(read(got, said, sizeof(said)));
	TRY(fcntl(got, F_GETFD));
	printf("%s\n", said);
	TRY(get_descriptor(pidfd, 1000, 0));
	TRY(get_descriptor(pidfd, -1, 0));
	TRY(get_descriptor(pidfd, 100, 1));
	TRY(get_descriptor(STDOUT_FILENO, 100, 0));
	TRY(get_descriptor(-1, 100, 0));
	gate_open(&done);
	print_poll("done", pidfd, -1);
	TRY(get_descriptor(pidfd, 100, 0));
	print_status("it", await(child));
	close(got);
	close(pidfd);
	gate_close(&ready);
	gate_close(&done);
}

/* ── clone and clone3 ────────────────────────────────────────────────────────────────────────── */

static void test_clone(void)
{
	int pidfd = -7;
	siginfo_t info;
	TRY(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &pidfd, NULL, 0));
	TRY(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, NULL, &pidfd, NULL, 0));
	TRY(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, (int *)8, NULL, 0));
	const pid_t child = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	if (!child)
		_exit(pidfd == -7 ? 11 : 12);
	TRY(fcntl(pidfd, F_GETFD));
	TRY(wait_by(pidfd, &info, WEXITED));
	print_info("cloned", &info, child);
	close(pidfd);
}

static long clone_by(struct wanted_clone *wanted, size_t size)
{
	return syscall(SYS_clone3, wanted, size);
}

/* A child that ends at once, if there is one: then its status. */
static long clone_and_wait(struct wanted_clone wanted)
{
	const long child = clone_by(&wanted, sizeof(wanted));
	if (!child)
		_exit(21);
	if (child < 0)
		return -1;
	const int status = await((pid_t)child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

#define CLONE3(...) TRY(clone_and_wait((struct wanted_clone){__VA_ARGS__}))

static void test_clone3_errors(void)
{
	static char stack[4096];
	pid_t ids[2] = {1000, 1001};
	struct {
		struct wanted_clone known;
		uint64_t more[2];
	} longer = {.known.exit_signal = SIGCHLD, .more = {0, 1}};
	TRY(clone_by(&longer.known, 0));
	TRY(clone_by(&longer.known, 63));
	TRY(clone_by(&longer.known, 4097));
	TRY(clone_by(&longer.known, sizeof(longer)));
	TRY(clone_by((struct wanted_clone *)8, sizeof(struct wanted_clone)));
	CLONE3(.exit_signal = 65);
	CLONE3(.exit_signal = 256);
	CLONE3(.exit_signal = 1ULL << 32);
	CLONE3(.flags = SIGCHLD);
	CLONE3(.flags = CLONE_DETACHED, .exit_signal = SIGCHLD);
	CLONE3(.flags = 1ULL << 40, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_SIGHAND, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_PARENT, .exit_signal = SIGCHLD);
	CLONE3(.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD);
	CLONE3(.exit_signal = SIGCHLD, .stack = (uintptr_t)stack);
	CLONE3(.exit_signal = SIGCHLD, .stack_size = sizeof(stack));
	CLONE3(.exit_signal = SIGCHLD, .stack = (uintptr_t)stack, .stack_size = UINT64_MAX);
	CLONE3(.exit_signal = SIGCHLD, .set_tid = (uintptr_t)ids);
	CLONE3(.exit_signal = SIGCHLD, .set_tid_size = 1);
	CLONE3(.exit_signal = SIGCHLD, .set_tid = (uintptr_t)ids, .set_tid_size = 33);
	CLONE3(.flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = 8);
}

static void handle(int signal)
{
	(void)signal;
}

/* What a child says of its signals, by its status. */
static int handlers(void)
{
	struct sigaction first, second;
	sigaction(SIGUSR1, NULL, &first);
	sigaction(SIGUSR2, NULL, &second);
	return (first.sa_handler == SIG_DFL ? 1 : 0) | (second.sa_handler == SIG_IGN ? 2 : 0);
}

static void test_clone3(void)
{
	int pidfd = -1, id = -1;
	siginfo_t info;
	CLONE3(.exit_signal = SIGCHLD);
	struct {
		struct wanted_clone known;
		uint64_t more[2];
	} longer = {.known.exit_signal = SIGCHLD};
	for (size_t size = 64; size <= sizeof(longer); size += 8) {
		const long child = clone_by(&longer.known, size);
		if (!child)
			_exit(22);
		print_status("of that size", await((pid_t)child));
	}
	struct wanted_clone wanted = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_VFORK,
				      .exit_signal = SIGCHLD,
				      .pidfd = (uintptr_t)&pidfd,
				      .parent_tid = (uintptr_t)&id};
	long child = clone_by(&wanted, sizeof(wanted));
	if (!child)
		_exit(pidfd == -1 && id == -1 ? 23 : 24);
	printf("the same id: %d\n", id == child);
	print_poll("it has ended", pidfd, -1);
	TRY(wait_by(pidfd, &info, WEXITED));
	print_info("by clone3", &info, (pid_t)child);
	close(pidfd);

	signal(SIGUSR1, handle);
	signal(SIGUSR2, SIG_IGN);
	for (int clears = 0; clears < 2; clears++) {
		wanted = (struct wanted_clone){.flags = clears ? CLONE_CLEAR_SIGHAND : 0,
					       .exit_signal = SIGCHLD};
		child = clone_by(&wanted, sizeof(wanted));
		if (!child)
			_exit(handlers());
		print_status("its handlers", await((pid_t)child));
	}
	printf("its parent's: %d\n", handlers());
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);

	/* Its end is no signal: __WALL or __WCLONE find it. */
	wanted = (struct wanted_clone){0};
	child = clone_by(&wanted, sizeof(wanted));
	if (!child)
		_exit(25);
	TRY(waitpid((pid_t)child, NULL, 0));
	int status = -1;
	TRY(waitpid((pid_t)child, &status, __WALL) == child);
	print_status("without a signal", status);
}

/* As many as there is room for: then the error, and no child. */
static void test_many(void)
{
	const pid_t child = start_waiting();
	int last = -1, pidfd = -7;
	struct pollfd polled[2];
	for (int i = 0; i < 200; i++)
		last = open_process(child, 0);
	polled[0] = (struct pollfd){.fd = last, .events = POLLIN};
	polled[1] = (struct pollfd){.fd = last - 100, .events = POLLIN};
	kill(child, SIGKILL);
	while (poll(polled, 2, -1) < 2)
		;
	printf("of many: %#x %#x\n", polled[0].revents, polled[1].revents);
	print_status("the child", await(child));
	while ((last = open_process(getpid(), 0)) >= 0)
		;
	print_result("the last one", last);
	TRY(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0));
	printf("%d\n", pidfd);
	TRY(waitpid(-1, NULL, WNOHANG));
}

int main(void)
{
	begin();
	test_opening();
	test_children_have_it();
	test_waiting();
	test_waiting_long();
	test_unwanted();
	test_signals();
	test_descriptors();
	test_clone();
	test_clone3_errors();
	test_clone3();
	IN_CHILD("many", test_many());
	return 0;
}
