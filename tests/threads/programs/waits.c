/* A thread that waits for its request stops no other one, however it waits. The other thread says
 * on standard error when it has done what needs its turn; only then the test sends the request.
 *
 * usage: waits read|poll|epoll|select|nonblocking|alarm */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_int waits, got_request, alarms;

/* Once the other thread waits for good, sleeps and computes, then says so, then computes until the
 * request is there. */
static void *work(void *argument)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	while (!atomic_load(&waits))
		nanosleep(&moment, NULL);
	for (int i = 0; i < 5; i++) {
		nanosleep(&moment, NULL);
	}
	unsigned long turns = 0;
	for (int i = 0; i < 10000000; i++)
		__asm__ volatile("incq %0" : "+r"(turns));
	if (write(STDERR_FILENO, "ready\n", 6) != 6)
		return argument;
	while (!atomic_load(&got_request))
		turns++;
	return turns ? NULL : argument;
}

static int wait_by_poll(void)
{
	struct pollfd entry = {.fd = 0, .events = POLLIN};
	printf("nothing yet: %d\n", poll(&entry, 1, 0));
	printf("nor soon: %d\n", poll(&entry, 1, 3));
	atomic_store(&waits, 1);
	return poll(&entry, 1, -1) == 1 && entry.revents & POLLIN;
}

static int wait_by_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int set = epoll_create1(0);
	if (epoll_ctl(set, EPOLL_CTL_ADD, 0, &event))
		return 0;
	printf("nothing yet: %d\n", epoll_wait(set, &event, 1, 0));
	atomic_store(&waits, 1);
	return epoll_wait(set, &event, 1, -1) == 1 && event.events & EPOLLIN;
}

static int wait_by_select(void)
{
	fd_set set;
	struct timeval soon = {.tv_usec = 3000};
	FD_ZERO(&set);
	FD_SET(0, &set);
	printf("nothing yet: %d\n", select(1, &set, NULL, NULL, &soon));
	FD_SET(0, &set);
	atomic_store(&waits, 1);
	return select(1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(0, &set);
}

static int wait_without_blocking(void)
{
	char byte;
	fcntl(0, F_SETFL, O_NONBLOCK);
	printf("nothing yet: %s\n", read(0, &byte, 1) < 0 && errno == EAGAIN ? "EAGAIN" : "wrong");
	fcntl(0, F_SETFL, 0);
	return 1;
}

static void note(int signal)
{
	(void)signal;
	atomic_fetch_add(&alarms, 1);
}

static int wait_with_alarms(void)
{
	char byte;
	struct sigaction action = {.sa_handler = note};
	sigaction(SIGALRM, &action, NULL);
	const struct itimerval often = {.it_value.tv_usec = 5000, .it_interval.tv_usec = 5000};
	setitimer(ITIMER_REAL, &often, NULL);
	printf("interrupted: %s\n", read(0, &byte, 1) < 0 && errno == EINTR ? "EINTR" : "wrong");
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	return 1;
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		int (*wait)(void);
	} ways[] = {{"poll", wait_by_poll},
		    {"epoll", wait_by_epoll},
		    {"select", wait_by_select},
		    {"nonblocking", wait_without_blocking},
		    {"alarm", wait_with_alarms}};
	const char *way = count > 1 ? arguments[1] : "read";
	pthread_t thread;
	char line[64] = "";
	int ready = 1;
	if (pthread_create(&thread, NULL, work, NULL))
		return 1;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(way, ways[i].name))
			ready = ways[i].wait();
	atomic_store(&waits, 1);
	ssize_t length = read(0, line, sizeof(line) - 1);
	struct itimerval none = {0};
	setitimer(ITIMER_REAL, &none, NULL);
	atomic_store(&got_request, 1);
	pthread_join(thread, NULL);
	printf("%s: ready %d, %zd bytes: %s", way, ready, length, line);
	if (!strcmp(way, "alarm"))
		printf("alarms went on: %d\n", atomic_load(&alarms) > 1);
	return 0;
}
