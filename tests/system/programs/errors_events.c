/* Edges of timers and signals that are files, and of timers of processor time. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include "errors.h"

#define MILLISECOND 1000000L

static const struct itimerspec soon = {.it_value = {0, MILLISECOND}};
static const struct itimerspec late = {.it_value = {1000, 0}};
static const struct itimerspec again = {{0, MILLISECOND}, {0, MILLISECOND}};
static const struct itimerspec never;

static int ready(int descriptor)
{
	struct pollfd entry = {descriptor, POLLIN | POLLOUT, 0};
	poll(&entry, 1, 0);
	return entry.revents;
}

static void test_timer_calls(void)
{
	struct itimerspec told, wrong = {.it_value = {0, 1000000000}},
				negative = {.it_value = {-1, 0}};
	uint64_t count = 0;
	char text[512] = "";
	TRY(timerfd_create(99, 0));
	TRY(timerfd_create(CLOCK_MONOTONIC, 1));
	TRY(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
	TRY(timerfd_create(CLOCK_MONOTONIC_RAW, 0));
	TRY_ANY(timerfd_create(CLOCK_BOOTTIME, 0));
	int real = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	TRY(fcntl(real, F_GETFD));
	TRY(fcntl(timer, F_GETFL));
	TRY(read(timer, &count, 8));
	TRY(read(timer, &count, 7));
	TRY(read(timer, (void *)16, 8));
	TRY(write(timer, &count, 8));
	TRY(lseek(timer, 0, SEEK_SET));
	TRY(pread(timer, &count, 8, 0));
	TRY(ioctl(timer, FIONREAD, &count));
	struct stat status;
	TRY(fstat(timer, &status));
	printf("mode %o\n", status.st_mode);
	printf("ready %x\n", ready(timer));
	TRY(timerfd_settime(timer, 0, &wrong, NULL));
	TRY(timerfd_settime(timer, 0, &negative, NULL));
	TRY(timerfd_settime(timer, 4, &soon, NULL));
	TRY(timerfd_settime(timer, 0, NULL, NULL));
	TRY(timerfd_settime(timer, 0, (void *)16, NULL));
	TRY(timerfd_settime(0, 0, &soon, NULL));
	TRY(timerfd_settime(999, 0, &soon, NULL));
	TRY(timerfd_gettime(0, &told));
	TRY(timerfd_gettime(999, &told));
	TRY(timerfd_gettime(timer, NULL));
	TRY(timerfd_gettime(timer, &told));
	printf("%ld %ld\n", (long)told.it_value.tv_sec, told.it_value.tv_nsec);
	TRY(timerfd_settime(timer, 0, &late, NULL));
	TRY(timerfd_gettime(timer, &told));
	printf("%d %ld\n", told.it_value.tv_sec > 900 && told.it_value.tv_sec <= 1000,
	       (long)told.it_interval.tv_sec);
	TRY(timerfd_settime(timer, 0, &never, &told));
	printf("%d\n", told.it_value.tv_sec > 900);
	TRY(timerfd_gettime(timer, &told));
	printf("%ld %ld\n", (long)told.it_value.tv_sec, told.it_value.tv_nsec);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", timer);
	char target[64] = "";
	TRY_ANY(readlink(text, target, sizeof(target) - 1));
	close(real);
	close(timer);
}

static void test_timer_runs(void)
{
	struct itimerspec told;
	uint64_t count = 0;
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	TRY(timerfd_settime(timer, 0, &soon, NULL));
	TRY(read(timer, &count, sizeof(count)));
	printf("count %d\n", (int)count);
	printf("ready %x\n", ready(timer));
	TRY(timerfd_gettime(timer, &told));
	printf("%ld %ld\n", (long)told.it_value.tv_sec, told.it_value.tv_nsec);
	TRY(timerfd_settime(timer, 0, &again, NULL));
	usleep(20000);
	printf("ready %x\n", ready(timer));
	TRY(read(timer, &count, sizeof(count)));
	printf("count %d\n", count >= 15);
	TRY(timerfd_gettime(timer, &told));
	printf("%ld\n", told.it_interval.tv_nsec);
	TRY(timerfd_settime(timer, 0, &soon, NULL));
	struct pollfd entry = {timer, POLLIN, 0};
	TRY(poll(&entry, 1, -1));
	TRY(timerfd_settime(timer, 0, &late, NULL));
	printf("ready %x\n", ready(timer));
	struct itimerspec past = {.it_value = {0, 1}};
	TRY(timerfd_settime(timer, TFD_TIMER_ABSTIME, &past, NULL));
	TRY(read(timer, &count, sizeof(count)));
	printf("count %d\n", (int)count);
	close(timer);
	timer = timerfd_create(CLOCK_REALTIME, 0);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	struct itimerspec when = {.it_value = now};
	when.it_value.tv_nsec += 2 * MILLISECOND;
	if (when.it_value.tv_nsec >= 1000000000) {
		when.it_value.tv_nsec -= 1000000000;
		when.it_value.tv_sec++;
	}
	TRY(timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL));
	TRY(read(timer, &count, sizeof(count)));
	printf("count %d\n", (int)count);
	close(timer);
}

static void print_events(int epoll, int wait)
{
	struct epoll_event events[4];
	int found = epoll_wait(epoll, events, 4, wait);
	printf("epoll %d %x\n", found, found > 0 ? events[0].events : 0);
}

static void test_timer_epoll(void)
{
	uint64_t count = 0;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event));
	print_events(epoll, 0);
	TRY(timerfd_settime(timer, 0, &soon, NULL));
	print_events(epoll, -1);
	print_events(epoll, 0);
	TRY(read(timer, &count, sizeof(count)));
	print_events(epoll, 0);
	event.events = EPOLLIN | EPOLLET;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, timer, &event));
	TRY(timerfd_settime(timer, 0, &soon, NULL));
	print_events(epoll, -1);
	print_events(epoll, 0);
	print_events(epoll, 3);
	TRY(read(timer, &count, sizeof(count)));
	TRY(timerfd_settime(timer, 0, &again, NULL));
	print_events(epoll, -1);
	print_events(epoll, 5);
	TRY(read(timer, &count, sizeof(count)) == 8);
	print_events(epoll, -1);
	close(timer);
	print_events(epoll, 3);
	close(epoll);
}

static void *read_timer(void *argument)
{
	uint64_t count = 0;
	long got = read(*(int *)argument, &count, sizeof(count));
	return (void *)(got * 100 + (long)count);
}

static void test_timer_threads(void)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	pthread_t thread;
	void *result;
	pthread_create(&thread, NULL, read_timer, &timer);
	usleep(1000);
	TRY(timerfd_settime(timer, 0, &soon, NULL));
	pthread_join(thread, &result);
	printf("thread read %ld\n", (long)result);
	close(timer);
}

/* ── signals ─────────────────────────────────────────────────────────────────────────────────── */

static void print_signal(int descriptor)
{
	struct signalfd_siginfo told;
	memset(&told, 0x55, sizeof(told));
	long got = read(descriptor, &told, sizeof(told));
	if (got < 0)
		printf("signal: %s\n", strerror(errno));
	else
		printf("signal: %ld, %d code %d pid %d uid %d int %d status %d\n", got,
		       told.ssi_signo, told.ssi_code, told.ssi_pid == (uint32_t)getpid(),
		       told.ssi_uid == getuid(), told.ssi_int, told.ssi_status);
}

static void test_signal_calls(void)
{
	sigset_t set, none;
	struct signalfd_siginfo told[4];
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGKILL);
	sigaddset(&set, SIGRTMIN);
	TRY(signalfd(-1, &set, 1));
	TRY(signalfd(-2, &set, 0));
	TRY(signalfd(0, &set, 0));
	TRY(signalfd(999, &set, 0));
	TRY(syscall(SYS_signalfd4, -1, &set, 4, 0));
	TRY(syscall(SYS_signalfd4, -1, 16, 8, 0));
	int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	TRY(fcntl(signals, F_GETFL));
	TRY(fcntl(signals, F_GETFD));
	print_signal(signals);
	TRY(read(signals, told, 100));
	TRY(write(signals, told, 128));
	printf("ready %x\n", ready(signals));
	TRY(sigprocmask(SIG_BLOCK, &set, NULL));
	TRY(raise(SIGUSR1));
	printf("ready %x\n", ready(signals));
	print_signal(signals);
	printf("ready %x\n", ready(signals));
	print_signal(signals);
	TRY(kill(getpid(), SIGUSR2));
	TRY(kill(getpid(), SIGUSR1));
	TRY(kill(getpid(), SIGUSR1));
	TRY(read(signals, told, sizeof(told)));
	printf("%d %d\n", told[0].ssi_signo, told[1].ssi_signo);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i + 40});
	print_signal(signals);
	TRY(read(signals, (void *)16, 128));
	print_signal(signals);
	print_signal(signals);
	TRY(signalfd(signals, &none, 0) == signals);
	TRY(raise(SIGUSR1));
	print_signal(signals);
	TRY(signalfd(signals, &set, 0) == signals);
	print_signal(signals);
	struct stat status;
	TRY(fstat(signals, &status));
	printf("mode %o\n", status.st_mode);
	close(signals);
	TRY(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static void *send_signal(void *argument)
{
	usleep(2000);
	kill(getpid(), SIGUSR1);
	return NULL;
}

static void test_signal_waits(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, 0), epoll = epoll_create1(0);
	struct itimerval timer = {.it_value = {0, 1000}};
	TRY(setitimer(ITIMER_REAL, &timer, NULL));
	print_signal(signals);
	pthread_t thread;
	pthread_create(&thread, NULL, send_signal, NULL);
	print_signal(signals);
	pthread_join(thread, NULL);
	struct epoll_event event = {.events = EPOLLIN};
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &event));
	print_events(epoll, 0);
	TRY(setitimer(ITIMER_REAL, &timer, NULL));
	print_events(epoll, -1);
	print_events(epoll, 0);
	print_signal(signals);
	print_events(epoll, 0);
	event.events = EPOLLIN | EPOLLET;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, signals, &event));
	pthread_create(&thread, NULL, send_signal, NULL);
	print_events(epoll, -1);
	print_events(epoll, 0);
	pthread_join(thread, NULL);
	print_signal(signals);
	close(epoll);
	close(signals);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* A signal that comes by a timer tells which. */
static void test_signal_timer(void)
{
	sigset_t set;
	struct signalfd_siginfo told = {0};
	struct sigevent event = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 17}};
	timer_t timer;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, 0);
	TRY(timer_create(CLOCK_MONOTONIC, &event, &timer));
	TRY(timer_settime(timer, 0, &soon, NULL));
	TRY(read(signals, &told, sizeof(told)));
	printf("%d code %d overrun %d int %d\n", told.ssi_signo, told.ssi_code, told.ssi_overrun,
	       told.ssi_int);
	TRY(timer_delete(timer));
	close(signals);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ── processor time ──────────────────────────────────────────────────────────────────────────── */

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
	alarms++;
}

/* Computes until so many signals came. */
static void compute(int wanted)
{
	static volatile unsigned long sum;
	while (alarms < wanted)
		sum = sum * 31 + 7;
	alarms = 0;
}

static void try_clock(const char *name, clockid_t clock)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t timer;
	struct itimerspec told, once = {.it_value = {0, 2 * MILLISECOND}},
				often = {{0, 2 * MILLISECOND}, {0, 2 * MILLISECOND}};
	printf("%s\n", name);
	TRY(timer_create(clock, &event, &timer));
	TRY(timer_gettime(timer, &told));
	printf("%ld %ld\n", (long)told.it_value.tv_sec, told.it_value.tv_nsec);
	alarms = 0; /* one more may have come after those that were waited for */
	TRY(timer_settime(timer, 0, &once, NULL));
	compute(1);
	TRY(timer_gettime(timer, &told));
	printf("%ld %ld\n", (long)told.it_value.tv_sec, told.it_value.tv_nsec);
	TRY(timer_settime(timer, 0, &often, NULL));
	compute(3);
	/* What waits uses nothing. */
	TRY(timer_settime(timer, 0, &late, NULL));
	usleep(1000);
	TRY(timer_gettime(timer, &told));
	printf("%d\n", told.it_value.tv_sec >= 990 && told.it_value.tv_sec <= 1000);
	TRY(timer_settime(timer, 0, &never, &told));
	printf("%d\n", told.it_value.tv_sec >= 990);
	TRY(timer_delete(timer));
}

static void *compute_beside(void *argument)
{
	sigset_t set;
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (!*(volatile int *)argument)
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &(struct timespec){0});
	return NULL;
}

static void test_processor_timers(void)
{
	struct itimerval told, soon_used = {.it_value = {0, 2000}}, often = {{0, 2000}, {0, 2000}};
	clockid_t own;
	timer_t timer;
	signal(SIGUSR1, count_alarm);
	signal(SIGPROF, count_alarm);
	signal(SIGVTALRM, count_alarm);
	try_clock("process", CLOCK_PROCESS_CPUTIME_ID);
	try_clock("thread", CLOCK_THREAD_CPUTIME_ID);
	clock_getcpuclockid(0, &own);
	try_clock("own process", own);
	pthread_getcpuclockid(pthread_self(), &own);
	try_clock("own thread", own);
	TRY(timer_create(~99999U << 3 | 2, NULL, &timer));
	TRY(timer_create(CLOCK_MONOTONIC_RAW, NULL, &timer));
	TRY(timer_create(77, NULL, &timer));
	for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
		TRY(getitimer(which, &told));
		printf("%ld %ld\n", (long)told.it_value.tv_sec, (long)told.it_value.tv_usec);
		alarms = 0;
		TRY(setitimer(which, &soon_used, NULL));
		compute(1);
		TRY(getitimer(which, &told));
		printf("%ld %ld\n", (long)told.it_value.tv_sec, (long)told.it_value.tv_usec);
		TRY(setitimer(which, &often, NULL));
		compute(3);
		TRY(setitimer(which, &(struct itimerval){0}, &told));
		printf("%ld\n", (long)told.it_interval.tv_sec);
	}
	TRY(setitimer(3, &soon_used, NULL));
	TRY(getitimer(3, &told));
	TRY(setitimer(-1, &soon_used, NULL));
	/* Another thread's time counts for the process, and not for a thread. */
	int done = 0;
	pthread_t thread;
	pthread_create(&thread, NULL, compute_beside, &done);
	alarms = 0;
	TRY(setitimer(ITIMER_PROF, &soon_used, NULL));
	while (!alarms)
		usleep(1000);
	alarms = 0;
	done = 1;
	pthread_join(thread, NULL);
}

int main(void)
{
	test_timer_calls();
	test_timer_runs();
	test_timer_epoll();
	test_timer_threads();
	test_signal_calls();
	test_signal_waits();
	test_signal_timer();
	test_processor_timers();
	return 0;
}
