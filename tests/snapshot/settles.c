/* Waits for its request in the way that its first argument names, while another thread is busy: for a
 * while, or for ever if there is a second argument. Prints whether that thread was done when the request
 * was there. */
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define BUSY_NS 30000000 /* of processor time */

static volatile bool done;

static void *be_busy(void *forever)
{
	struct timespec used;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	while (forever || used.tv_nsec < BUSY_NS);
	done = true;
	pause();
	return NULL;
}

static void wait_by_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(STDIN_FILENO, &set);
	select(1, &set, NULL, NULL, NULL);
}

static void wait_by_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int watch = epoll_create1(0);
	epoll_ctl(watch, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	epoll_wait(watch, &event, 1, -1);
}

int main(int argc, char **argv)
{
	char line[64] = "";
	pthread_t thread;
	pthread_create(&thread, NULL, be_busy, argc > 2 ? argv : NULL);
	struct pollfd polled = {.fd = STDIN_FILENO, .events = POLLIN};
	if (!strcmp(argv[1], "poll"))
		poll(&polled, 1, -1);
	else if (!strcmp(argv[1], "select"))
		wait_by_select();
	else if (!strcmp(argv[1], "epoll"))
		wait_by_epoll();
	bool was_done = done;
	ssize_t length = read(STDIN_FILENO, line, sizeof(line) - 1);
	if (!strcmp(argv[1], "read"))
		was_done = done;
	printf("%s: %.*s", was_done ? "done" : "busy", (int)length, line);
	fflush(stdout);
	_exit(0);
}
