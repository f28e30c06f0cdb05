/* Looks at its standard input in the way that its argument names, says so in its output, and reads it. */
#include <fcntl.h>
#include <mayfly/mayfly.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static void look_fstat(void)
{
	struct stat status;
	fstat(0, &status);
}

static void look_stat(void)
{
	struct stat status;
	stat("/dev/stdin", &status);
}

static void look_isatty(void)
{
	(void)isatty(0);
}

static void look_fcntl(void)
{
	fcntl(0, F_SETFL, fcntl(0, F_GETFL));
	fcntl(0, F_GETFD);
}

static void look_dup(void)
{
	close(dup(0));
}

static void look_lseek(void)
{
	lseek(0, 0, SEEK_CUR);
}

static void look_nothing(void)
{
	char nothing;
	if (read(0, &nothing, 0))
		puts("something");
}

static void look_open(void)
{
	struct pollfd entry = {.fd = 0};
	poll(&entry, 1, 0);
}

static void look_epoll_ctl(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
	close(epoll);
}

static void look_poll(void)
{
	struct pollfd entry = {.fd = 0, .events = POLLIN};
	poll(&entry, 1, 0);
}

static void look_select(void)
{
	struct timeval none = {0};
	fd_set set;
	FD_ZERO(&set);
	FD_SET(0, &set);
	select(1, &set, NULL, NULL, &none);
}

static void look_epoll_wait(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
	epoll_wait(epoll, &event, 1, 0);
	close(epoll);
}

static void look_fionread(void)
{
	int available;
	ioctl(0, FIONREAD, &available);
}

static void look_ready(void)
{
	mayfly_ready();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*look)(void);
	} looks[] = {
	    {"fstat", look_fstat},	 {"stat", look_stat},	  {"isatty", look_isatty},
	    {"fcntl", look_fcntl},	 {"dup", look_dup},	  {"lseek", look_lseek},
	    {"nothing", look_nothing},	 {"open", look_open},	  {"epoll_ctl", look_epoll_ctl},
	    {"poll", look_poll},	 {"select", look_select}, {"epoll_wait", look_epoll_wait},
	    {"fionread", look_fionread}, {"ready", look_ready},
	};
	char byte;
	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++)
		if (argc > 1 && !strcmp(argv[1], looks[i].name))
			looks[i].look();
	if (write(1, "looked\n", 7) != 7)
		return 1;
	return read(0, &byte, 1) != 1;
}
