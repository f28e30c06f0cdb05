/* Signals that wait: queues of real-time signals, what comes with them, waits for signals, and
 * which calls go on after a handler. Prints what must be the same on any system. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TRIES 20

static int order[64], values[64], codes[64];
static atomic_int taken;
static atomic_int handler_thread;

static void note(int signal, siginfo_t *information, void *context)
{
	(void)context;
	int at = atomic_fetch_add(&taken, 1);
	if (at < 64) {
		order[at] = signal;
		values[at] = information->si_value.sival_int;
		codes[at] = information->si_code;
	}
	atomic_store(&handler_thread, (int)syscall(SYS_gettid));
}

static void install(int signal, int flags)
{
	struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | flags};
	sigfillset(&action.sa_mask);
	sigaction(signal, &action, NULL);
}

static void block(int how, int first, int second)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, first);
	sigaddset(&set, second);
	pthread_sigmask(how, &set, NULL);
}

static void show(const char *what)
{
	printf("%s:", what);
	for (int i = 0; i < atomic_load(&taken) && i < 64; i++)
		printf(" %s%d=%d/%d", order[i] >= SIGRTMIN ? "rt" : "",
		       order[i] >= SIGRTMIN ? order[i] - SIGRTMIN : order[i],
		       codes[i] == SI_QUEUE ? values[i] : 0, codes[i]);
	printf("\n");
	atomic_store(&taken, 0);
}

static void test_queue(void)
{
	install(SIGRTMIN, 0);
	install(SIGRTMIN + 1, 0);
	install(SIGUSR1, 0);
	block(SIG_BLOCK, SIGRTMIN, SIGRTMIN + 1);
	block(SIG_BLOCK, SIGUSR1, SIGUSR1);
	for (int i = 1; i <= 5; i++) {
		union sigval value = {.sival_int = i};
		sigqueue(getpid(), SIGRTMIN + 1, value);
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 10 * i});
		sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 100 * i});
	}
	kill(getpid(), SIGRTMIN);
	sigset_t pending;
	sigpending(&pending);
	printf("pending: %d %d %d\n", sigismember(&pending, SIGUSR1),
	       sigismember(&pending, SIGRTMIN), sigismember(&pending, SIGRTMIN + 1));
	/* All at once: the lowest number runs first, as others are blocked in the handler. */
	sigset_t none;
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	show("queued");
}

static void test_wait(void)
{
	sigset_t set;
	siginfo_t information;
	const struct timespec no_time = {0}, moment = {.tv_nsec = 3000000};
	block(SIG_BLOCK, SIGRTMIN + 2, SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	sigaddset(&set, SIGUSR2);
	sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 7});
	sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 8});
	sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 9});
	for (int i = 0; i < 3; i++) {
		int signal = sigwaitinfo(&set, &information);
		printf("waited: %d, value %d, from itself %d\n",
		       signal == SIGUSR2 ? SIGUSR2 : signal - SIGRTMIN,
		       information.si_value.sival_int, information.si_pid == getpid());
	}
	int result = sigtimedwait(&set, &information, &no_time);
	printf("no more: %d %s\n", result, errno == EAGAIN ? "EAGAIN" : "wrong");
	result = sigtimedwait(&set, &information, &moment);
	printf("nor later: %d %s\n", result, errno == EAGAIN ? "EAGAIN" : "wrong");
	/* Ignored afterwards: what waits is dropped. */
	kill(getpid(), SIGUSR2);
	signal(SIGUSR2, SIG_IGN);
	sigpending(&set);
	printf("ignored: %d\n", sigismember(&set, SIGUSR2));
}

static sem_t started;
static int waiter;

/* A signal that a thread waits for goes there, though it has a handler and is not blocked. */
static void *wait_unblocked(void *argument)
{
	sigset_t set;
	siginfo_t information;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	waiter = (int)syscall(SYS_gettid);
	sem_post(&started);
	int signal = sigwaitinfo(&set, &information);
	*(int *)argument = signal == SIGRTMIN + 3 ? information.si_value.sival_int : -1;
	return NULL;
}

static void test_wait_unblocked(void)
{
	pthread_t thread;
	int value = 0;
	install(SIGRTMIN + 3, 0);
	sem_init(&started, 0, 0);
	pthread_create(&thread, NULL, wait_unblocked, &value);
	sem_wait(&started);
	const struct timespec moment = {.tv_nsec = 20000000};
	nanosleep(&moment, NULL);
	siginfo_t information = {.si_code = SI_QUEUE, .si_pid = getpid()};
	information.si_value.sival_int = 33;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), waiter, SIGRTMIN + 3, &information);
	pthread_join(thread, NULL);
	printf("waits without blocking: %d, handlers %d\n", value, atomic_load(&taken));
	atomic_store(&taken, 0);
}

static void *block_and_end(void *argument)
{
	block(SIG_BLOCK, SIGRTMIN, SIGRTMIN);
	return argument;
}

/* The process gets what its main thread does not block; else another thread does. */
static void *pause_thread(void *argument)
{
	*(int *)argument = (int)syscall(SYS_gettid);
	sem_post(&started);
	const struct timespec second = {.tv_sec = 5};
	while (!atomic_load(&taken))
		nanosleep(&second, NULL);
	return NULL;
}

static void test_who(void)
{
	pthread_t thread;
	int other = 0;
	install(SIGRTMIN, 0);
	pthread_create(&thread, NULL, pause_thread, &other);
	sem_wait(&started);
	block(SIG_BLOCK, SIGRTMIN, SIGRTMIN);
	kill(getpid(), SIGRTMIN);
	pthread_join(thread, NULL);
	printf("main blocks it: the other thread %d\n", atomic_load(&handler_thread) == other);
	atomic_store(&taken, 0);
	block(SIG_UNBLOCK, SIGRTMIN, SIGRTMIN);
	pthread_create(&thread, NULL, block_and_end, NULL);
	pthread_join(thread, NULL);
	kill(getpid(), SIGRTMIN);
	printf("main takes it: %d\n", atomic_load(&handler_thread) == getpid());
	atomic_store(&taken, 0);
}

/* ── which calls go on (signal(7)) ───────────────────────────────────────────────────────────── */

static int pipe_ends[2], event, set_of_events;
static sem_t never;
static size_t written;
static pthread_t caller;
static atomic_int stop;
static int goes_on;

static int call_nanosleep(void)
{
	const struct timespec time = {.tv_sec = 3};
	return nanosleep(&time, NULL);
}

static int call_clock_nanosleep(void)
{
	const struct timespec time = {.tv_sec = 3};
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
	return errno ? -1 : 0;
}

static int call_poll(void)
{
	struct pollfd entry = {.fd = pipe_ends[0], .events = POLLIN};
	return poll(&entry, 1, 3000);
}

static int call_ppoll(void)
{
	struct pollfd entry = {.fd = pipe_ends[0], .events = POLLIN};
	return ppoll(&entry, 1, NULL, NULL);
}

static int call_select(void)
{
	struct timeval time = {.tv_sec = 3};
	return select(0, NULL, NULL, NULL, &time);
}

static int call_epoll(void)
{
	struct epoll_event found;
	return epoll_wait(set_of_events, &found, 1, -1);
}

static int call_pause(void)
{
	return pause();
}

static int call_sigsuspend(void)
{
	sigset_t none;
	sigemptyset(&none);
	return sigsuspend(&none);
}

static int call_sigtimedwait(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 9);
	const struct timespec time = {.tv_sec = 3};
	/* musl's function begins anew after a handler. */
	return (int)syscall(SYS_rt_sigtimedwait, &set, NULL, &time, 8);
}

static int call_sem_timedwait(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 3;
	return sem_timedwait(&never, &until);
}

static int call_futex(void)
{
	static int word;
	return (int)syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
}

static int call_read(void)
{
	char byte;
	return (int)read(pipe_ends[0], &byte, 1);
}

static int call_write(void)
{
	char block[4096] = "";
	fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);
	for (written = 0; write(pipe_ends[1], block, sizeof(block)) > 0;)
		written += sizeof(block);
	fcntl(pipe_ends[1], F_SETFL, 0);
	return (int)write(pipe_ends[1], block, 1);
}

static int call_event(void)
{
	uint64_t value;
	return (int)read(event, &value, sizeof(value));
}

/* Interrupts the call again and again: the first may come before the call. One that goes on is let
 * come to its end at last. */
static void *interrupt(void *argument)
{
	void (*finish)(void) = (void (*)(void))argument;
	const struct timespec moment = {.tv_nsec = 4000000};
	for (int i = 0; (i < TRIES || !goes_on) && !atomic_load(&stop); i++) {
		nanosleep(&moment, NULL);
		pthread_kill(caller, SIGUSR1);
	}
	if (finish && !atomic_load(&stop))
		finish();
	return NULL;
}

static void finish_read(void)
{
	if (write(pipe_ends[1], "x", 1) != 1)
		printf("write failed\n");
}

static void finish_write(void)
{
	char block[4096];
	for (size_t left = written; left; left -= sizeof(block))
		if (read(pipe_ends[0], block, sizeof(block)) != (ssize_t)sizeof(block))
			printf("read failed\n");
}

static void finish_event(void)
{
	eventfd_write(event, 1);
}

static void test_restart(const char *name, int (*call)(void), void (*finish)(void))
{
	for (int restarts = 0; restarts < 2; restarts++) {
		if (restarts && call == call_futex)
			continue; /* goes on for ever */
		pthread_t thread;
		install(SIGUSR1, restarts ? SA_RESTART : 0);
		atomic_store(&stop, 0);
		goes_on = restarts && finish;
		caller = pthread_self();
		pthread_create(&thread, NULL, interrupt, (void *)finish);
		int result = call(), error = errno;
		atomic_store(&stop, 1);
		pthread_join(thread, NULL);
		if (call == call_write) {
			char byte[2];
			if (!restarts)
				finish();
			else if (read(pipe_ends[0], byte, 2) != 1)
				printf("the pipe is not as it should be\n");
		}
		printf("%s%s: %s\n", name, restarts ? " with SA_RESTART" : "",
		       result >= 0	? "goes on"
		       : error == EINTR ? "EINTR"
					: strerror(error));
	}
	atomic_store(&taken, 0);
}

static void test_restarts(void)
{
	struct epoll_event wanted = {.events = EPOLLIN};
	if (pipe(pipe_ends))
		return;
	event = eventfd(0, 0);
	set_of_events = epoll_create1(0);
	epoll_ctl(set_of_events, EPOLL_CTL_ADD, pipe_ends[0], &wanted);
	sem_init(&never, 0, 0);
	test_restart("nanosleep", call_nanosleep, NULL);
	test_restart("clock_nanosleep", call_clock_nanosleep, NULL);
	test_restart("poll", call_poll, NULL);
	test_restart("ppoll", call_ppoll, NULL);
	test_restart("select", call_select, NULL);
	test_restart("epoll_wait", call_epoll, NULL);
	test_restart("pause", call_pause, NULL);
	test_restart("sigsuspend", call_sigsuspend, NULL);
	test_restart("sigtimedwait", call_sigtimedwait, NULL);
	test_restart("sem_timedwait", call_sem_timedwait, NULL);
	test_restart("futex", call_futex, NULL);
	test_restart("read of a pipe", call_read, finish_read);
	test_restart("write to a pipe", call_write, finish_write);
	test_restart("read of an eventfd", call_event, finish_event);
}

/* ── timers ──────────────────────────────────────────────────────────────────────────────────── */

/* A timer's real-time signal waits once, however often it runs out. */
static void test_timer(void)
{
	timer_t timer;
	struct sigevent how = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4, .sigev_value.sival_int = 44};
	const struct itimerspec often = {{.tv_nsec = 1000000}, {.tv_nsec = 1000000}};
	const struct timespec moment = {.tv_nsec = 30000000};
	install(SIGRTMIN + 4, 0);
	block(SIG_BLOCK, SIGRTMIN + 4, SIGRTMIN + 4);
	timer_create(CLOCK_MONOTONIC, &how, &timer);
	timer_settime(timer, 0, &often, NULL);
	nanosleep(&moment, NULL);
	const struct itimerspec never_again = {0};
	siginfo_t information;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	int signal = sigwaitinfo(&set, &information);
	timer_settime(timer, 0, &never_again, NULL);
	printf("timer: %d, value %d, code %d, overruns %d\n", signal - SIGRTMIN,
	       information.si_value.sival_int, information.si_code, information.si_overrun > 5);
	timer_delete(timer);
}

static void test_limits(void)
{
	errno = 0;
	int result = sigqueue(getpid(), 65, (union sigval){0});
	printf("no such signal: %d %s\n", result, errno == EINVAL ? "EINVAL" : "wrong");
	result = sigqueue(999999, SIGRTMIN, (union sigval){0});
	printf("no such process: %d %s\n", result, errno == ESRCH ? "ESRCH" : "wrong");
	printf("just asking: %d\n", sigqueue(getpid(), 0, (union sigval){0}));
	install(SIGUSR1, SA_RESETHAND | SA_NODEFER);
	raise(SIGUSR1);
	struct sigaction now;
	sigaction(SIGUSR1, NULL, &now);
	printf("reset: %d, ran %d\n", now.sa_handler == SIG_DFL, atomic_load(&taken));
}

int main(void)
{
	test_queue();
	test_wait();
	test_wait_unblocked();
	test_who();
	test_restarts();
	test_timer();
	test_limits();
	return 0;
}
