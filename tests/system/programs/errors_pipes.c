/* Edges of pipes, event counters, poll, select and epoll. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "errors.h"

static char buffer[200000];

static void test_ends(void)
{
	int ends[2], flagged[2], available;
	TRY(pipe(ends));
	TRY(pipe2(flagged, O_NONBLOCK | O_CLOEXEC));
	TRY(pipe2(flagged, O_CREAT));
	TRY(pipe2(flagged, -1));
	TRY(read(ends[1], buffer, 1));
	TRY(write(ends[0], buffer, 1));
	TRY(read(flagged[0], buffer, 1));
	TRY(read(flagged[0], buffer, 0));
	TRY(write(flagged[1], buffer, sizeof(buffer)));
	TRY(write(flagged[1], buffer, 1));
	TRY(write(flagged[1], buffer, 0));
	TRY(ioctl(flagged[0], FIONREAD, &available));
	printf("available %d\n", available);
	TRY(read(flagged[0], buffer, 4095));
	TRY(write(flagged[1], buffer, 4096));
	TRY(read(flagged[0], buffer, 1));
	TRY(write(flagged[1], buffer, 4096));
	TRY(write(flagged[1], buffer, 4097));
	TRY(fcntl(flagged[0], F_GETFL));
	TRY(fcntl(flagged[1], F_GETFL));
	TRY(fcntl(flagged[0], F_GETFD));
	TRY(fcntl(ends[1], F_GETFL));
	struct stat status;
	TRY(fstat(ends[0], &status));
	printf("mode %o links %d size %ld\n", status.st_mode, (int)status.st_nlink,
	       (long)status.st_size);
	TRY(fsync(ends[1]));
	TRY(fchdir(ends[0]));
	TRY(fchmod(ends[0], 0640));
	TRY(write(ends[1], "abcdef", 6));
	TRY(read(ends[0], buffer, 4));
	TRY(close(ends[1]));
	TRY(read(ends[0], buffer, 4));
	TRY(read(ends[0], buffer, 4));
	TRY(close(ends[0]));
	signal(SIGPIPE, SIG_IGN);
	TRY(close(flagged[0]));
	TRY(write(flagged[1], buffer, 1));
	TRY(write(flagged[1], buffer, 0));
	TRY(close(flagged[1]));
}

/* What comes of a write that nobody will read, asked by many kinds of waiting. */
static void test_poll(void)
{
	int ends[2], file = open("/dev/null", O_RDWR);
	if (pipe(ends))
		exit(1);
	struct pollfd set[4] = {
	    {ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 0}, {999, POLLIN, 0}};
	TRY(poll(set, 4, 0));
	printf("%x %x %x %x\n", set[0].revents, set[1].revents, set[2].revents, set[3].revents);
	TRY(poll(set, 1, 0));
	TRY(poll(set, 1, 10));
	TRY(poll(NULL, 0, 1));
	TRY(poll(set, (nfds_t)-1, 0));
	TRY(poll(set, 1 << 28, 0));
	TRY(write(ends[1], "x", 1));
	TRY(poll(set, 1, -1));
	close(ends[1]);
	TRY(poll(set, 1, -1));
	printf("%x\n", set[0].revents);
	TRY(read(ends[0], buffer, 1));
	TRY(poll(set, 1, -1));
	printf("%x\n", set[0].revents);
	set[0] = (struct pollfd){file, POLLIN | POLLOUT | POLLPRI, 0};
	TRY(poll(set, 1, -1));
	printf("%x\n", set[0].revents);
	struct timespec bad = {0, 1000000000}, negative = {-1, 0}, soon = {0, 1000};
	TRY(ppoll(set, 0, &bad, NULL));
	TRY(ppoll(set, 0, &negative, NULL));
	TRY(ppoll(set, 0, &soon, NULL));
	close(ends[0]);
	close(file);
}

static void test_select(void)
{
	int ends[2];
	if (pipe(ends))
		exit(1);
	fd_set in, out;
	struct timeval zero = {0, 0}, bad = {-1, 0}, odd = {0, 1500000};
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	TRY(select(ends[1] + 1, &in, &out, NULL, &zero));
	printf("%d %d\n", FD_ISSET(ends[0], &in) != 0, FD_ISSET(ends[1], &out) != 0);
	TRY(select(-1, NULL, NULL, NULL, &zero));
	TRY(select(0, NULL, NULL, NULL, &zero));
	TRY(select(0, NULL, NULL, NULL, &bad));
	FD_ZERO(&in);
	FD_SET(60, &in);
	TRY(select(61, &in, NULL, NULL, &zero));
	TRY(select(60, &in, NULL, NULL, &zero));
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	zero.tv_usec = 1000;
	TRY(select(ends[0] + 1, &in, NULL, NULL, &zero));
	printf("left %ld.%ld\n", (long)zero.tv_sec, (long)zero.tv_usec);
	FD_SET(ends[1], &out);
	TRY(syscall(SYS_select, ends[1] + 1, NULL, &out, NULL, &odd));
	printf("left %d\n", odd.tv_sec >= 1);
	close(ends[0]);
	FD_ZERO(&out);
	FD_SET(ends[1], &out);
	zero = (struct timeval){0, 0};
	FD_ZERO(&in);
	TRY(select(ends[1] + 1, &in, &out, NULL, &zero));
	close(ends[1]);
}

static void test_eventfd(void)
{
	uint64_t value = 5;
	int counter = eventfd(3, EFD_NONBLOCK),
	    semaphore = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
	TRY_ANY(eventfd(0, 1 << 20));
	TRY(read(counter, &value, 4));
	TRY(read(counter, &value, 8));
	printf("value %ld\n", (long)value);
	TRY(read(counter, &value, 8));
	value = UINT64_MAX;
	TRY(write(counter, &value, 8));
	value = UINT64_MAX - 1;
	TRY(write(counter, &value, 8));
	value = 1;
	TRY(write(counter, &value, 8));
	TRY(write(counter, &value, 7));
	TRY(read(counter, buffer, 16));
	value = 0;
	TRY(write(counter, &value, 8));
	TRY(read(counter, &value, 8));
	TRY(read(semaphore, &value, 8));
	TRY(read(semaphore, &value, 8));
	printf("value %ld\n", (long)value);
	TRY(read(semaphore, &value, 8));
	TRY(pread(counter, &value, 8, 0));
	TRY(ftruncate(counter, 0));
	TRY(fcntl(counter, F_GETFL));
	close(counter);
	close(semaphore);
}

static void test_epoll(void)
{
	int ends[2], epoll = epoll_create1(EPOLL_CLOEXEC), directory = open("/tmp", O_RDONLY);
	struct epoll_event event = {.events = EPOLLIN}, events[4];
	if (pipe(ends))
		exit(1);
	int other = dup(ends[0]);
	TRY_ANY(epoll_create(0));
	TRY_ANY(epoll_create(-1));
	TRY_ANY(epoll_create1(1));
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, -1, &event));
	TRY(epoll_ctl(-1, EPOLL_CTL_ADD, ends[0], &event));
	TRY(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event));
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event));
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, directory, &event));
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event));
	TRY(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], NULL));
	TRY(epoll_ctl(epoll, 99, ends[0], &event));
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, other, &event));
	TRY(epoll_wait(epoll, events, 0, 0));
	TRY(epoll_wait(epoll, events, -1, 0));
	TRY(epoll_wait(epoll, events, INT_MAX, 0));
	TRY(epoll_wait(ends[0], events, 4, 0));
	TRY(epoll_wait(-1, events, 4, 0));
	TRY(epoll_wait(epoll, events, 4, 0));
	TRY(epoll_wait(epoll, events, 4, 2));
	TRY(write(ends[1], "xy", 2));
	TRY(epoll_wait(epoll, events, 4, -1));
	TRY(epoll_wait(epoll, events, 1, -1));
	TRY(epoll_ctl(epoll, EPOLL_CTL_DEL, other, NULL));
	event.events = EPOLLIN | EPOLLET;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event));
	TRY(epoll_wait(epoll, events, 4, 0));
	TRY(epoll_wait(epoll, events, 4, 0));
	event.events = EPOLLIN | EPOLLONESHOT;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event));
	TRY(epoll_wait(epoll, events, 4, 0));
	TRY(epoll_wait(epoll, events, 4, 0));
	TRY(read(epoll, buffer, 8));
	TRY(write(epoll, buffer, 8));
	TRY(close(ends[1]));
	TRY(epoll_wait(epoll, events, 4, 0));
	event.events = 0;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event));
	TRY(epoll_wait(epoll, events, 4, 0));
	printf("events %x\n", events[0].events);
	TRY(epoll_pwait(epoll, events, 4, 0, NULL));
	TRY(syscall(SYS_epoll_pwait, epoll, events, 4, 0, &(uint64_t){0}, 4));
	TRY(close(epoll));
	TRY(epoll_wait(epoll, events, 4, 0));
	close(ends[0]);
	close(other);
	close(directory);
}

static int reopen(int descriptor, int flags)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
	return open(path, flags);
}

/* An end of a pipe that is opened once more counts as an end; what has no path cannot be opened. */
static void test_reopened(void)
{
	int ends[2];
	if (pipe(ends))
		return;
	int reader = reopen(ends[1], O_RDONLY | O_NONBLOCK);
	TRY(close(ends[0]));
	TRY(write(ends[1], "abc", 3));
	TRY(read(reader, buffer, 2));
	int writer = reopen(reader, O_WRONLY);
	TRY(close(ends[1]));
	TRY(write(writer, "d", 1));
	TRY(read(reader, buffer, 4));
	TRY(read(reader, buffer, 4));
	TRY(close(writer));
	TRY(read(reader, buffer, 4));
	TRY(close(reader));
	int counter = eventfd(1, 0), epoll = epoll_create1(0);
	TRY(reopen(counter, O_RDWR));
	TRY(reopen(epoll, O_RDWR));
	TRY(reopen(counter, O_PATH) >= 0);
	TRY(read(counter, buffer, 8));
	close(counter);
	close(epoll);
}

int main(void)
{
	test_ends();
	test_reopened();
	test_poll();
	test_select();
	test_eventfd();
	test_epoll();
	return 0;
}
