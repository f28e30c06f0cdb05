/* Waits that nobody can end, one for each name; for test_deadlocks.py. `lone` is the only thread;
 * with `several`, others wait meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static int ends[2], event = -1;
static sigset_t empty_set, user_set;
static char bytes[1 << 20];
static uint32_t word;

enum { FUTEX_WAIT, FUTEX_WAIT_BITSET = 9 };

static void lock_twice(void)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_lock(&mutex);
}

static void lock_inheriting_twice(void)
{
	pthread_mutexattr_t attributes;
	static pthread_mutex_t inheriting;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&inheriting, &attributes);
	pthread_mutex_lock(&inheriting);
	pthread_mutex_lock(&inheriting);
}

static void wait_condition(void)
{
	pthread_mutex_lock(&mutex);
	for (;;)
		pthread_cond_wait(&condition, &mutex);
}

static void wait_semaphore(void)
{
	sem_wait(&semaphore);
}

static void lock_read_written(void)
{
	pthread_rwlock_wrlock(&rwlock);
	pthread_rwlock_rdlock(&rwlock);
	/* glibc knows that it is the writer. */
	pause();
}

static void wait_barrier(void)
{
	pthread_barrier_wait(&barrier);
}

static void wait_pause(void)
{
	for (;;)
		pause();
}

static void wait_suspended(void)
{
	for (;;)
		sigsuspend(&user_set);
}

static void wait_signal(void)
{
	sigwaitinfo(&user_set, NULL);
}

static void wait_ignored(void)
{
	signal(SIGCHLD, SIG_IGN);
	raise(SIGCHLD);
	pause();
}

static void read_pipe(void)
{
	(void)!read(ends[0], bytes, 1);
}

static void write_pipe(void)
{
	(void)!write(ends[1], bytes, sizeof(bytes));
}

static void wait_poll(void)
{
	struct pollfd file = {.fd = ends[0], .events = POLLIN};
	poll(&file, 1, -1);
}

static void wait_poll_nothing(void)
{
	poll(NULL, 0, -1);
}

static void wait_ppoll(void)
{
	struct pollfd file = {.fd = event, .events = POLLIN};
	ppoll(&file, 1, NULL, &empty_set);
}

static void wait_select(void)
{
	fd_set files;
	FD_ZERO(&files);
	FD_SET(ends[0], &files);
	select(ends[0] + 1, &files, NULL, NULL, NULL);
}

static void wait_epoll(void)
{
	struct epoll_event wanted = {.events = EPOLLIN}, found;
	int files = epoll_create1(0);
	epoll_ctl(files, EPOLL_CTL_ADD, ends[0], &wanted);
	epoll_wait(files, &found, 1, -1);
}

static void read_event(void)
{
	eventfd_t value;
	eventfd_read(event, &value);
}

static void write_event(void)
{
	eventfd_write(event, UINT64_MAX - 1);
	eventfd_write(event, 1);
}

static void wait_futex(void)
{
	syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL);
}

static void wait_futex_bits(void)
{
	syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 4);
}

static const struct way {
	const char *name;
	void (*wait)(void);
} ways[] = {
    {"mutex", lock_twice},	   {"inheriting", lock_inheriting_twice},
    {"condition", wait_condition}, {"semaphore", wait_semaphore},
    {"rwlock", lock_read_written}, {"barrier", wait_barrier},
    {"pause", wait_pause},	   {"sigsuspend", wait_suspended},
    {"sigwaitinfo", wait_signal},  {"ignored", wait_ignored},
    {"pipe", read_pipe},	   {"full", write_pipe},
    {"poll", wait_poll},	   {"nothing", wait_poll_nothing},
    {"ppoll", wait_ppoll},	   {"select", wait_select},
    {"epoll", wait_epoll},	   {"eventfd", read_event},
    {"overflow", write_event},	   {"futex", wait_futex},
    {"bitset", wait_futex_bits},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void *wait_held(void *unused)
{
	pthread_mutex_lock(&held);
	return unused;
}

static void *join_other(void *other)
{
	pthread_join(*(pthread_t *)other, NULL);
	return NULL;
}

/* lone|several NAME, or ways: prints the names; or join: two threads wait for each other's end */
int main(int count, char **arguments)
{
	const char *mode = count > 1 ? arguments[1] : "ways";
	pthread_t thread, self = pthread_self();
	for (size_t i = 0; i < WAYS && !strcmp(mode, "ways"); i++)
		puts(ways[i].name);
	if (!strcmp(mode, "join")) {
		pthread_create(&thread, NULL, join_other, &self);
		pthread_join(thread, NULL);
	}
	if (count < 3)
		return 3;
	sigemptyset(&empty_set);
	sigemptyset(&user_set);
	sigaddset(&user_set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &user_set, NULL);
	sem_init(&semaphore, 0, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	event = eventfd(0, 0);
	if (event < 0 || pipe(ends))
		return 4;
	if (!strcmp(mode, "several")) {
		pthread_mutex_lock(&held);
		pthread_create(&thread, NULL, wait_held, NULL);
	}
	for (size_t i = 0; i < WAYS; i++)
		if (!strcmp(ways[i].name, arguments[2]))
			ways[i].wait();
	return 5; /* nothing of this returns */
}
