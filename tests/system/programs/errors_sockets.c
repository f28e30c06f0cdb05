/* Edges of Unix sockets: making them, connecting them, streams, their readiness and options. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "errors.h"

static char buffer[300000];

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return name;
}

/* An abstract name that no other run of this program has. */
static socklen_t abstract(struct sockaddr_un *name, const char *text)
{
	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	int length = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "mayfly-%d-%s",
			      (int)getpid(), text);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (unsigned)length);
}

static void make_pair(int pair[2], int type)
{
	if (socketpair(AF_UNIX, type, 0, pair)) {
		perror("socketpair");
		exit(1);
	}
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static int ready(int descriptor)
{
	struct pollfd entry = {descriptor, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
	poll(&entry, 1, 0);
	return entry.revents;
}

static void test_making(void)
{
	int pair[2];
	TRY_ANY(socket(AF_UNIX, SOCK_STREAM, 0));
	TRY_ANY(socket(AF_UNIX, SOCK_DGRAM, 0));
	TRY_ANY(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	TRY_ANY(socket(AF_UNIX, SOCK_RAW, 0));
	TRY_ANY(socket(AF_UNIX, SOCK_STREAM, AF_UNIX));
	TRY(socket(AF_UNIX, SOCK_STREAM, 17));
	TRY(socket(AF_UNIX, SOCK_RDM, 0));
	TRY(socket(AF_UNIX, 0, 0));
	TRY(socket(AF_UNIX, 14, 0));
	TRY(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
	TRY(socket(AF_UNIX, -1, 0));
	TRY(socket(-1, SOCK_STREAM, 0));
	TRY(socket(46, SOCK_STREAM, 0));
	TRY(socket(1000, SOCK_STREAM, 0));
	TRY(socketpair(AF_UNIX, SOCK_STREAM, 1000, pair));
	TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
	TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)16));
	TRY(socketpair(AF_UNIX, SOCK_RDM, 0, pair));
	TRY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	TRY(fcntl(pair[0], F_GETFL));
	TRY(fcntl(pair[1], F_GETFD));
	struct stat status;
	TRY(fstat(pair[0], &status));
	printf("mode %o links %d size %ld\n", status.st_mode, (int)status.st_nlink,
	       (long)status.st_size);
	TRY(lseek(pair[0], 0, SEEK_SET));
	TRY(pread(pair[0], buffer, 1, 0));
	TRY(pwrite(pair[0], buffer, 1, 0));
	TRY(ftruncate(pair[0], 0));
	TRY(fsync(pair[0]));
	TRY(fchdir(pair[0]));
	TRY(ioctl(pair[0], TIOCOUTQ - 1, buffer));
	TRY(isatty(pair[0]));
	char path[64], target[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pair[0]);
	long length = readlink(path, target, sizeof(target));
	printf("%.*s\n", length > 8 ? 8 : 0, target);
	TRY(open(path, O_RDWR));
	close_pair(pair);
	for (int descriptor = 3; descriptor < 20; descriptor++)
		close(descriptor);
}

static void test_stream_bytes(void)
{
	int pair[2], available = -1;
	make_pair(pair, SOCK_STREAM);
	TRY(write(pair[0], "abcdef", 6));
	TRY(send(pair[0], "ghi", 3, 0));
	TRY(ioctl(pair[1], FIONREAD, &available));
	printf("available %d\n", available);
	TRY(recv(pair[1], buffer, 2, MSG_PEEK));
	printf("%.2s\n", buffer);
	TRY(recv(pair[1], buffer, 100, MSG_PEEK));
	printf("%.9s\n", buffer);
	TRY(read(pair[1], buffer, 4));
	printf("%.4s\n", buffer);
	TRY(recv(pair[1], buffer, 100, 0));
	printf("%.5s\n", buffer);
	TRY(recv(pair[1], buffer, 100, MSG_DONTWAIT));
	TRY(recv(pair[1], buffer, 0, MSG_DONTWAIT));
	TRY(read(pair[1], buffer, 0));
	TRY(send(pair[0], "", 0, 0));
	TRY(recv(pair[1], buffer, 1, MSG_DONTWAIT));
	TRY(send(pair[0], (char *)16, 4, 0));
	TRY(send(pair[0], "abcd", 4, 0));
	TRY(recv(pair[1], (char *)16, 4, MSG_DONTWAIT));
	TRY(recv(pair[1], buffer, 4, MSG_DONTWAIT));
	struct iovec out[3] = {{"one ", 4}, {"", 0}, {"two", 3}},
		     in[2] = {{buffer, 2}, {buffer + 10, 20}};
	TRY(writev(pair[0], out, 3));
	TRY(readv(pair[1], in, 2));
	printf("%.2s|%.5s\n", buffer, buffer + 10);
	TRY(writev(pair[0], out, 0));
	TRY(writev(pair[0], out, -1));
	TRY(send(pair[0], "abcd", 4, MSG_MORE));
	TRY(recv(pair[1], buffer, 4, MSG_WAITALL));
	TRY(send(pair[0], "abcd", 4, 0));
	TRY(recv(pair[1], buffer, 2, MSG_TRUNC));
	TRY(recv(pair[1], buffer, 8, MSG_DONTWAIT | MSG_WAITALL));
	int file = open("bytes", O_RDWR | O_CREAT | O_TRUNC, 0600);
	TRY(write(file, "from a file", 11));
	off_t offset = 5;
	TRY(sendfile(pair[0], file, &offset, 6));
	TRY(recv(pair[1], buffer, 100, 0));
	printf("%.6s\n", buffer);
	TRY(unlink("bytes"));
	close(file);
	close_pair(pair);
	TRY(send(pair[0], "a", 1, 0));
	TRY(recv(pair[0], buffer, 1, 0));
}

/* A socket that is full, and has room again. */
static void test_stream_room(void)
{
	int pair[2];
	long sent = 0, got = 0, part;
	make_pair(pair, SOCK_STREAM | SOCK_NONBLOCK);
	while ((part = write(pair[0], buffer, 4096)) > 0)
		sent += part;
	printf("%s, %d\n", strerror(errno), sent > 65536 && sent < 1000000);
	printf("ready %x %x\n", ready(pair[0]), ready(pair[1]));
	TRY(send(pair[0], buffer, sizeof(buffer), MSG_DONTWAIT));
	while ((part = read(pair[1], buffer, 10000)) > 0)
		got += part;
	printf("%d %s\n", got == sent, strerror(errno));
	printf("ready %x %x\n", ready(pair[0]), ready(pair[1]));
	part = send(pair[0], buffer, sizeof(buffer), 0);
	printf("%d\n", part > 65536 && part < (long)sizeof(buffer));
	close_pair(pair);
}

static void test_ends(void)
{
	int pair[2];
	signal(SIGPIPE, SIG_IGN);
	make_pair(pair, SOCK_STREAM);
	printf("ready %x\n", ready(pair[0]));
	TRY(shutdown(pair[0], 3));
	TRY(shutdown(pair[0], -1));
	TRY(write(pair[0], "last", 4));
	TRY(shutdown(pair[0], SHUT_WR));
	printf("ready %x %x\n", ready(pair[0]), ready(pair[1]));
	TRY(write(pair[0], "more", 4));
	TRY(send(pair[0], "more", 4, MSG_NOSIGNAL));
	TRY(read(pair[1], buffer, 10));
	TRY(read(pair[1], buffer, 10));
	TRY(write(pair[1], "back", 4));
	TRY(read(pair[0], buffer, 10));
	TRY(shutdown(pair[1], SHUT_RDWR));
	printf("ready %x %x\n", ready(pair[0]), ready(pair[1]));
	TRY(read(pair[0], buffer, 10));
	close_pair(pair);
	make_pair(pair, SOCK_STREAM);
	TRY(shutdown(pair[0], SHUT_RD));
	TRY(write(pair[1], "unheard", 7));
	TRY(read(pair[0], buffer, 10));
	close_pair(pair);
	make_pair(pair, SOCK_STREAM);
	TRY(write(pair[0], "kept", 4));
	close(pair[0]);
	printf("ready %x\n", ready(pair[1]));
	TRY(read(pair[1], buffer, 10));
	TRY(read(pair[1], buffer, 10));
	TRY(write(pair[1], "x", 1));
	close(pair[1]);
	make_pair(pair, SOCK_STREAM);
	TRY(write(pair[0], "unread", 6));
	close(pair[1]);
	printf("ready %x\n", ready(pair[0]));
	int error = 0;
	socklen_t size = sizeof(error);
	TRY(read(pair[0], buffer, 1));
	TRY(read(pair[0], buffer, 1));
	TRY(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &size));
	printf("%s\n", strerror(error));
	close(pair[0]);
	TRY(shutdown(pair[0], SHUT_WR));
	int lone = socket(AF_UNIX, SOCK_STREAM, 0);
	printf("ready %x\n", ready(lone));
	TRY(shutdown(lone, SHUT_RDWR));
	TRY(read(lone, buffer, 1));
	TRY(write(lone, buffer, 1));
	close(lone);
}

static volatile int pipes_broken;

static void note_signal(int number)
{
	pipes_broken++;
}

static void test_signal(void)
{
	int pair[2];
	signal(SIGPIPE, note_signal);
	make_pair(pair, SOCK_STREAM);
	close(pair[1]);
	TRY(write(pair[0], "x", 1));
	printf("signals %d\n", pipes_broken);
	TRY(send(pair[0], "x", 1, MSG_NOSIGNAL));
	printf("signals %d\n", pipes_broken);
	close(pair[0]);
	make_pair(pair, SOCK_SEQPACKET);
	close(pair[1]);
	TRY(write(pair[0], "x", 1));
	printf("signals %d\n", pipes_broken);
	close(pair[0]);
	signal(SIGPIPE, SIG_IGN);
}

static void print_name(int descriptor, bool of_peer)
{
	struct sockaddr_un name = {0};
	socklen_t size = sizeof(name);
	int result =
	    (of_peer ? getpeername : getsockname)(descriptor, (struct sockaddr *)&name, &size);
	if (result)
		printf("%s\n", strerror(errno));
	else if (size > 2 && !name.sun_path[0])
		printf("abstract, %u bytes\n", size);
	else
		printf("%u bytes, family %d, %s\n", size, name.sun_family,
		       size > 2 ? name.sun_path : "");
}

static void test_names(void)
{
	struct sockaddr_un name = named("first"), other = named("no/such");
	const socklen_t header = offsetof(struct sockaddr_un, sun_path);
	int server = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
	print_name(server, false);
	print_name(server, true);
	TRY(bind(server, (void *)&name, 1));
	TRY(bind(server, (void *)&name, sizeof(name) + 1));
	TRY(bind(server, (void *)&name, -1));
	TRY(bind(server, (void *)16, sizeof(name)));
	TRY(bind(server, (void *)&other, sizeof(other)));
	other.sun_family = AF_INET;
	TRY(bind(server, (void *)&other, sizeof(other)));
	TRY(bind(server, (void *)&name, sizeof(name)));
	TRY(bind(server, (void *)&name, sizeof(name)));
	TRY(bind(second, (void *)&name, sizeof(name)));
	print_name(server, false);
	struct stat status;
	TRY(stat("first", &status));
	printf("mode %o\n", status.st_mode);
	TRY(open("first", O_RDWR));
	TRY(open("first", O_RDONLY | O_CREAT, 0600));
	TRY(truncate("first", 0));
	other = named("second");
	TRY(bind(second, (void *)&other, header + 6));
	print_name(second, false);
	struct sockaddr_un small;
	socklen_t size = 4;
	memset(&small, 0x55, sizeof(small));
	TRY(getsockname(second, (void *)&small, &size));
	printf("%u %x\n", size, (unsigned char)small.sun_path[2]);
	size = -1;
	TRY(getsockname(second, (void *)&small, &size));
	TRY(getsockname(second, (void *)&small, NULL));
	TRY(getsockname(second, NULL, &size));
	TRY(unlink("first"));
	TRY(unlink("second"));
	TRY(stat("first", &status));
	close(server);
	close(second);
	int automatic = socket(AF_UNIX, SOCK_DGRAM, 0);
	name.sun_family = AF_UNIX;
	TRY(bind(automatic, (void *)&name, header));
	print_name(automatic, false);
	close(automatic);
	/* A path that fills the address has no zero at its end. */
	int full = socket(AF_UNIX, SOCK_STREAM, 0);
	memset(name.sun_path, 'l', sizeof(name.sun_path));
	TRY(bind(full, (void *)&name, sizeof(name)));
	memset(buffer, 'l', sizeof(name.sun_path));
	buffer[sizeof(name.sun_path)] = 0;
	TRY(unlink(buffer));
	close(full);
}

static void test_connections(void)
{
	struct sockaddr_un name = named("server"), none = named("none"), plain = named("plain");
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	TRY(listen(server, 5));
	TRY(accept(server, NULL, NULL));
	TRY(connect(client, (void *)&none, sizeof(none)));
	TRY(connect(client, (void *)&none, 2));
	TRY(connect(client, (void *)&none, 1));
	TRY(connect(client, (void *)&none, 500));
	TRY(connect(client, (void *)16, sizeof(none)));
	make_file("plain", "");
	TRY(connect(client, (void *)&plain, sizeof(plain)));
	unlink("plain");
	TRY(bind(server, (void *)&name, sizeof(name)));
	TRY(connect(client, (void *)&name, sizeof(name)));
	TRY(listen(server, 1));
	TRY(listen(server, 1));
	printf("ready %x %x\n", ready(server), ready(client));
	TRY(connect(server, (void *)&name, sizeof(name)));
	TRY(write(server, "x", 1));
	TRY(read(server, buffer, 1));
	int datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
	TRY(connect(datagram, (void *)&name, sizeof(name)));
	TRY(listen(datagram, 1));
	TRY(accept(datagram, NULL, NULL));
	close(datagram);
	TRY(connect(client, (void *)&name, sizeof(name)));
	TRY(connect(client, (void *)&name, sizeof(name)));
	printf("ready %x %x\n", ready(server), ready(client));
	print_name(client, true);
	TRY(write(client, "early", 5));
	struct sockaddr_un from;
	socklen_t size = sizeof(from);
	TRY(accept4(server, NULL, NULL, 1));
	int accepted = accept4(server, (void *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	printf("accepted, name of %u bytes\n", size);
	TRY(fcntl(accepted, F_GETFL));
	TRY(fcntl(accepted, F_GETFD));
	print_name(accepted, false);
	print_name(accepted, true);
	TRY(read(accepted, buffer, 10));
	TRY(write(accepted, "answer", 6));
	TRY(read(client, buffer, 10));
	TRY(listen(accepted, 1));
	TRY(fcntl(server, F_SETFL, O_NONBLOCK));
	TRY(accept(server, NULL, NULL));
	close(accepted);
	close(client);
	/* A backlog of one holds two. */
	int clients[3];
	for (int i = 0; i < 3; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		TRY(connect(clients[i], (void *)&name, sizeof(name)));
	}
	TRY(write(clients[0], "x", 1));
	TRY(shutdown(server, SHUT_RD));
	close(server);
	printf("ready %x\n", ready(clients[0]));
	TRY(read(clients[0], buffer, 1));
	TRY(read(clients[0], buffer, 1));
	TRY(connect(clients[2], (void *)&name, sizeof(name)));
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	unlink("server");
}

static void test_abstract(void)
{
	struct sockaddr_un name;
	socklen_t size = abstract(&name, "stream");
	int server = socket(AF_UNIX, SOCK_SEQPACKET, 0),
	    client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	TRY(connect(client, (void *)&name, size));
	TRY(bind(server, (void *)&name, size));
	TRY(bind(client, (void *)&name, size));
	TRY(listen(server, 3));
	TRY(connect(client, (void *)&name, size - 1));
	TRY(connect(client, (void *)&name, size));
	TRY(write(client, "whole", 5));
	int accepted = accept(server, NULL, NULL);
	TRY(read(accepted, buffer, 2));
	TRY(recv(accepted, buffer, 2, MSG_DONTWAIT));
	close(server);
	TRY(write(accepted, "still", 5));
	TRY(read(client, buffer, 10));
	close(accepted);
	close(client);
	server = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	TRY(bind(server, (void *)&name, size));
	close(server);
}

static void get_number(int descriptor, const char *name, int option)
{
	int value = -77;
	socklen_t size = sizeof(value);
	int result = getsockopt(descriptor, SOL_SOCKET, option, &value, &size);
	printf("%s: ", name);
	if (result)
		printf("%s\n", strerror(errno));
	else
		printf("%d, %u bytes\n", value, size);
}

#define GET(descriptor, option) get_number(descriptor, #option, option)

static void set_number(int descriptor, const char *name, int option, int value)
{
	int result = setsockopt(descriptor, SOL_SOCKET, option, &value, sizeof(value));
	printf("%s = %d: %s\n", name, value, result ? strerror(errno) : "set");
}

#define SET(descriptor, option, value) set_number(descriptor, #option, option, value)

static void test_options(void)
{
	int pair[2], value = 1;
	make_pair(pair, SOCK_STREAM);
	GET(pair[0], SO_TYPE);
	GET(pair[0], SO_DOMAIN);
	GET(pair[0], SO_PROTOCOL);
	GET(pair[0], SO_ERROR);
	GET(pair[0], SO_ACCEPTCONN);
	GET(pair[0], SO_PASSCRED);
	GET(pair[0], SO_REUSEADDR);
	GET(pair[0], SO_KEEPALIVE);
	GET(pair[0], SO_BROADCAST);
	GET(pair[0], SO_OOBINLINE);
	GET(pair[0], SO_DONTROUTE);
	GET(pair[0], SO_RCVLOWAT);
	GET(pair[0], SO_SNDLOWAT);
	GET(pair[0], SO_PRIORITY);
	GET(pair[0], 9999);
	static const int settable[] = {SO_PASSCRED, SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST,
				       SO_OOBINLINE};
	for (unsigned i = 0; i < sizeof(settable) / sizeof(settable[0]); i++) {
		SET(pair[0], settable[i], 1);
		GET(pair[0], settable[i]);
		SET(pair[0], settable[i], 0);
		GET(pair[0], settable[i]);
	}
	SET(pair[0], SO_SNDBUF, 1);
	GET(pair[0], SO_SNDBUF);
	SET(pair[0], SO_SNDBUF, 20000);
	GET(pair[0], SO_SNDBUF);
	SET(pair[0], SO_RCVBUF, 1);
	GET(pair[0], SO_RCVBUF);
	SET(pair[0], SO_RCVBUF, 30000);
	GET(pair[0], SO_RCVBUF);
	SET(pair[0], SO_PRIORITY, 3);
	GET(pair[0], SO_PRIORITY);
	SET(pair[0], SO_TYPE, 1);
	SET(pair[0], SO_ERROR, 1);
	SET(pair[0], SO_PEERCRED, 1);
	SET(pair[0], SO_SNDLOWAT, 1);
	SET(pair[0], 9999, 1);
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &value, 3));
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, NULL, 4));
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &value, -1));
	TRY(setsockopt(pair[0], 6, 1, &value, sizeof(value)));
	socklen_t size = sizeof(value);
	TRY(getsockopt(pair[0], 6, 1, &value, &size));
	size = 2;
	TRY(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &size));
	size = -1;
	TRY(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &size));
	TRY(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, NULL));
	struct linger linger = {1, 5};
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, 4));
	size = sizeof(linger);
	TRY(getsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, &size));
	printf("linger %d %d\n", linger.l_onoff, linger.l_linger);
	struct timeval time = {0, 20000}, wrong = {0, 1000000};
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &wrong, sizeof(wrong)));
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, 4));
	TRY(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	size = sizeof(time);
	TRY(getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, &size));
	printf("time %ld.%06ld\n", (long)time.tv_sec, (long)time.tv_usec);
	TRY(read(pair[0], buffer, 1));
	struct ucred peer;
	size = sizeof(peer);
	TRY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
	printf("peer %d %d %d\n", peer.pid == getpid(), peer.uid == getuid(), peer.gid == getgid());
	close_pair(pair);
	int lone = socket(AF_UNIX, SOCK_STREAM, 0);
	TRY(getsockopt(lone, SOL_SOCKET, SO_PEERCRED, &peer, &size));
	printf("nobody %d %d %d\n", peer.pid, peer.uid, peer.gid);
	close(lone);
	TRY(getsockopt(lone, SOL_SOCKET, SO_TYPE, &value, &size));
	TRY(getsockopt(0x7fffffff, SOL_SOCKET, SO_TYPE, &value, &size));
}

static void wait_epoll(int epoll)
{
	struct epoll_event events[4];
	int found = epoll_wait(epoll, events, 4, 0);
	printf("epoll %d", found);
	for (int i = 0; i < found; i++)
		printf(" %x", events[i].events);
	printf("\n");
}

static void test_epoll(void)
{
	int pair[2], epoll = epoll_create1(0);
	make_pair(pair, SOCK_STREAM);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
	TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
	wait_epoll(epoll);
	TRY(write(pair[1], "ab", 2));
	wait_epoll(epoll);
	wait_epoll(epoll);
	event.events = EPOLLIN | EPOLLET;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event));
	wait_epoll(epoll);
	wait_epoll(epoll);
	TRY(read(pair[0], buffer, 1));
	TRY(write(pair[1], "c", 1));
	wait_epoll(epoll);
	wait_epoll(epoll);
	TRY(read(pair[0], buffer, 10));
	wait_epoll(epoll);
	event.events = EPOLLIN | EPOLLONESHOT;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event));
	TRY(write(pair[1], "d", 1));
	wait_epoll(epoll);
	TRY(write(pair[1], "e", 1));
	wait_epoll(epoll);
	event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
	TRY(epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event));
	wait_epoll(epoll);
	TRY(shutdown(pair[1], SHUT_WR));
	wait_epoll(epoll);
	TRY(close(pair[1]));
	wait_epoll(epoll);
	TRY(close(pair[0]));
	wait_epoll(epoll);
	close(epoll);
	fd_set in, out;
	struct timeval zero = {0, 0};
	make_pair(pair, SOCK_STREAM);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(pair[0], &in);
	FD_SET(pair[0], &out);
	TRY(select(pair[0] + 1, &in, &out, NULL, &zero));
	printf("%d %d\n", FD_ISSET(pair[0], &in) != 0, FD_ISSET(pair[0], &out) != 0);
	close_pair(pair);
}

static void *echo(void *argument)
{
	int *ends = argument;
	char block[5000];
	long got, total = 0;
	while ((got = read(ends[1], block, sizeof(block))) > 0) {
		for (long done = 0; done < got;)
			done += write(ends[1], block + done, (size_t)(got - done));
		total += got;
	}
	shutdown(ends[1], SHUT_WR);
	return (void *)total;
}

static void *feed(void *argument)
{
	int *ends = argument;
	for (int i = 0; i < 40; i++)
		for (long done = 0; done < (long)sizeof(buffer) / 3;)
			done += write(ends[0], buffer + done, sizeof(buffer) / 3 - (size_t)done);
	shutdown(ends[0], SHUT_WR);
	return NULL;
}

/* Megabytes, by threads that wait for each other. */
static void test_threads(void)
{
	int pair[2];
	pthread_t echoing, feeding;
	void *echoed;
	unsigned long sum = 0;
	long got, total = 0;
	char block[7000];
	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (char)(i * 7);
	make_pair(pair, SOCK_STREAM);
	pthread_create(&echoing, NULL, echo, pair);
	pthread_create(&feeding, NULL, feed, pair);
	while ((got = read(pair[0], block, sizeof(block))) > 0) {
		for (long i = 0; i < got; i++)
			sum = sum * 31 + (unsigned char)block[i];
		total += got;
	}
	pthread_join(feeding, NULL);
	pthread_join(echoing, &echoed);
	printf("echoed %ld %ld %lx\n", total, (long)echoed, sum);
	close_pair(pair);
}

int main(void)
{
	char path[64];
	enter_scratch(path);
	test_making();
	test_stream_bytes();
	test_stream_room();
	test_ends();
	test_signal();
	test_names();
	test_connections();
	test_abstract();
	test_options();
	test_epoll();
	test_threads();
	return rmdir(path) != 0;
}
