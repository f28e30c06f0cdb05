/* Files that processes have in common: offsets, pipes, sockets, and what is waited for by files. The
 * host's answers are the right ones. Usage: processes_files SCRATCH, an empty directory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4

static int pair[2]; /* of pipes or sockets, for the case that runs */

static void tell(const char *what, long result)
{
	printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
	fflush(stdout);
}

static pid_t begin(void (*work)(void))
{
	fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		tell("fork", -1);
	if (child)
		return child;
	work();
	fflush(stdout);
	_exit(0);
}

static void end(pid_t child)
{
	int status = 0;
	if (waitpid(child, &status, 0) != child)
		tell("waitpid", -1);
	else if (status)
		printf("a child ended with %#x\n", (unsigned)status);
	fflush(stdout);
}

/* ── offsets ─────────────────────────────────────────────────────────────────────────────────── */

static int file;

static void move_on(void)
{
	char bytes[4] = "";
	tell("the child reads", read(file, bytes, 3));
	printf("%s\n", bytes);
	close(file);
}

static void append(void)
{
	int own = open("appended", O_WRONLY | O_APPEND);
	for (int i = 0; i < 200; i++)
		if (write(own, "line\n", 5) != 5)
			tell("append", -1);
}

static void test_offsets(void)
{
	pid_t children[WORKERS];
	char bytes[4] = "";
	file = open("file", O_CREAT | O_RDWR, 0600);
	if (write(file, "abcdefghi", 9) != 9)
		tell("write", -1);
	lseek(file, 1, SEEK_SET);
	end(begin(move_on));
	tell("the parent reads", read(file, bytes, 3));
	printf("%s\n", bytes);
	close(open("appended", O_CREAT | O_WRONLY, 0600));
	for (int i = 0; i < WORKERS; i++)
		children[i] = begin(append);
	for (int i = 0; i < WORKERS; i++)
		end(children[i]);
	int appended = open("appended", O_RDONLY);
	tell("all lines", lseek(appended, 0, SEEK_END));
	close(appended);
}

/* ── pipes ───────────────────────────────────────────────────────────────────────────────────── */

static void write_messages(void)
{
	char message[PIPE_BUF];
	close(pair[0]);
	memset(message, getpid() & 127, sizeof(message));
	for (int i = 0; i < 50; i++)
		if (write(pair[1], message, sizeof(message)) != sizeof(message))
			tell("message", -1);
}

/* What fits into PIPE_BUF is never mixed with another's. */
static void test_messages(void)
{
	static char message[PIPE_BUF];
	pid_t children[WORKERS];
	long count = 0, mixed = 0;
	if (pipe(pair))
		tell("pipe", -1);
	for (int i = 0; i < WORKERS; i++)
		children[i] = begin(write_messages);
	close(pair[1]);
	for (size_t have = 0;; have = 0) {
		ssize_t part = 0;
		while (have < sizeof(message) &&
		       (part = read(pair[0], message + have, sizeof(message) - have)) > 0)
			have += (size_t)part;
		if (have < sizeof(message))
			break;
		count++;
		mixed += memcmp(message, message + 1, sizeof(message) - 1) != 0;
	}
	for (int i = 0; i < WORKERS; i++)
		end(children[i]);
	printf("%ld messages, %ld mixed\n", count, mixed);
	close(pair[0]);
}

static void write_for_ever(void)
{
	close(pair[0]);
	for (;;)
		if (write(pair[1], "x", 1) < 0)
			_exit(9);
}

static void test_broken(void)
{
	char byte;
	if (pipe(pair))
		tell("pipe", -1);
	pid_t child = begin(write_for_ever);
	tell("a byte", read(pair[0], &byte, 1));
	close(pair[0]);
	end(child);
	close(pair[1]);
}

/* ── waits ───────────────────────────────────────────────────────────────────────────────────── */

static int event, timer, epoll;

static void signal_event(void)
{
	uint64_t value = 5;
	usleep(10000);
	close(pair[1]);
	if (write(event, &value, sizeof(value)) != sizeof(value))
		tell("event", -1);
}

static void wait_for_inherited(void)
{
	struct epoll_event found[4];
	uint64_t value = 0;
	tell("the child's wait", epoll_wait(epoll, found, 4, 1000));
	tell("the child's timer", read(timer, &value, sizeof(value)));
	printf("ran out %lu\n", (unsigned long)value);
}

static void test_events(void)
{
	struct epoll_event watched = {.events = EPOLLIN}, found[4];
	struct itimerspec soon = {.it_value.tv_nsec = 10000000};
	uint64_t value = 0;
	if (pipe(pair))
		tell("pipe", -1);
	event = eventfd(0, 0);
	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	epoll = epoll_create1(0);
	watched.data.fd = event;
	epoll_ctl(epoll, EPOLL_CTL_ADD, event, &watched);
	pid_t child = begin(signal_event);
	tell("epoll", epoll_wait(epoll, found, 4, 5000));
	tell("read", read(event, &value, sizeof(value)));
	printf("value %lu\n", (unsigned long)value);
	end(child);
	/* A descriptor that only the child closed is watched still; one that all closed is not. */
	watched.data.fd = pair[1];
	watched.events = EPOLLOUT;
	tell("add", epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &watched));
	tell("one is ready", epoll_wait(epoll, found, 4, 0));
	close(pair[1]);
	tell("none is", epoll_wait(epoll, found, 4, 0));
	close(pair[0]);
	watched.data.fd = timer;
	watched.events = EPOLLIN;
	epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &watched);
	timerfd_settime(timer, 0, &soon, NULL);
	end(begin(wait_for_inherited));
	close(event);
	close(timer);
	close(epoll);
}

static int signals;

static void take_signal(void)
{
	struct signalfd_siginfo information;
	kill(getpid(), SIGUSR1);
	tell("the child's signal", read(signals, &information, sizeof(information)));
	printf("%u by itself %d\n", information.ssi_signo,
	       information.ssi_pid == (uint32_t)getpid());
}

static void test_signals(void)
{
	struct signalfd_siginfo information;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK);
	pid_t child = begin(take_signal);
	end(child);
	tell("the parent's", read(signals, &information, sizeof(information)));
	printf("%u of the child %d\n", information.ssi_signo,
	       information.ssi_pid == (uint32_t)child);
	tell("no more", read(signals, &information, sizeof(information)));
	close(signals);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ── sockets ─────────────────────────────────────────────────────────────────────────────────── */

static int listener;

static struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};

static void serve(void)
{
	char byte;
	int connection = accept(listener, NULL, NULL);
	while (read(connection, &byte, 1) == 1)
		if (write(connection, &byte, 1) != 1)
			tell("answer", -1);
}

/* Each connection goes to one of those who wait. */
static void test_workers(void)
{
	pid_t children[WORKERS];
	int served = 0;
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, 8))
		tell("listen", -1);
	for (int i = 0; i < WORKERS; i++)
		children[i] = begin(serve);
	for (int i = 0; i < WORKERS; i++) {
		char byte = (char)i;
		int connection = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(connection, (struct sockaddr *)&name, sizeof(name)))
			tell("connect", -1);
		served += write(connection, &byte, 1) == 1 && read(connection, &byte, 1) == 1 &&
			  byte == i;
		close(connection);
	}
	for (int i = 0; i < WORKERS; i++)
		end(children[i]);
	tell("served", served);
	close(listener);
	unlink("socket");
}

static void send_file(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 'f';
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	int own = open("file", O_RDONLY);
	lseek(own, 4, SEEK_SET);
	control.header = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.header), &own, sizeof(own));
	if (sendmsg(pair[1], &message, 0) != 1)
		tell("sendmsg", -1);
}

static void test_rights(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char byte, bytes[4] = "";
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int passes = 1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		tell("socketpair", -1);
	setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &passes, sizeof(passes));
	getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &size);
	printf("peer is the parent %d\n", peer.pid == getpid());
	pid_t child = begin(send_file);
	tell("recvmsg", recvmsg(pair[0], &message, 0));
	for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
		int received;
		if (one->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&peer, CMSG_DATA(one), sizeof(peer));
			printf("sender is the child %d\n", peer.pid == child);
		} else if (one->cmsg_type == SCM_RIGHTS) {
			memcpy(&received, CMSG_DATA(one), sizeof(received));
			tell("read", read(received, bytes, 3));
			printf("%s\n", bytes);
			close(received);
		}
	}
	end(child);
	close(pair[1]);
	tell("the end", recv(pair[0], &byte, 1, 0));
	close(pair[0]);
}

int main(int count, char **arguments)
{
	if (count < 2 || chdir(arguments[1]))
		return 2;
	test_offsets();
	test_messages();
	test_broken();
	test_events();
	test_signals();
	test_workers();
	test_rights();
	return 0;
}
