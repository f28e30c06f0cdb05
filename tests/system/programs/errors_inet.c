/* Edges of TCP and UDP within one machine: making sockets, ports, connections and their ends,
 * readiness, datagrams, options. Segments take their time on the host: what follows from one is
 * waited for. With the argument "ipv6" the host has ::1. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "errors.h"

#define LONG_MS 30000

static char buffer[300000];

static struct sockaddr_in address_of(uint32_t host, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(host)};
}

static int port_of(int descriptor)
{
	struct sockaddr_in name = {0};
	socklen_t length = sizeof(name);
	return getsockname(descriptor, (struct sockaddr *)&name, &length) ? -1
									  : ntohs(name.sin_port);
}

static int connect_to(int descriptor, uint32_t host, int port)
{
	struct sockaddr_in name = address_of(host, port);
	return connect(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static int bind_to(int descriptor, uint32_t host, int port)
{
	struct sockaddr_in name = address_of(host, port);
	return bind(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static int get(int descriptor, int level, int option)
{
	int value = -7;
	socklen_t length = sizeof(value);
	return getsockopt(descriptor, level, option, &value, &length) ? -1 : value;
}

static int set(int descriptor, int level, int option, int value)
{
	return setsockopt(descriptor, level, option, &value, sizeof(value));
}

static int ready(int descriptor)
{
	struct pollfd entry = {descriptor, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
	poll(&entry, 1, 0);
	return entry.revents;
}

/* Waits for these events; what there is then. */
static int await(int descriptor, int events)
{
	struct pollfd entry = {descriptor, (short)events, 0};
	poll(&entry, 1, LONG_MS);
	return ready(descriptor);
}

/* Prints an address without its port, which is another one each time. */
static void print_name(const char *what, int descriptor, int peer)
{
	struct sockaddr_in name = {0};
	socklen_t length = sizeof(name);
	char text[64];
	int result = peer ? getpeername(descriptor, (struct sockaddr *)&name, &length)
			  : getsockname(descriptor, (struct sockaddr *)&name, &length);
	if (result)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: family %d length %d %s port %s\n", what, name.sin_family, (int)length,
		       inet_ntop(AF_INET, &name.sin_addr, text, sizeof(text)),
		       name.sin_port ? "some" : "none");
}

static int listener(int backlog)
{
	int server = socket(AF_INET, SOCK_STREAM, 0);
	if (bind_to(server, INADDR_LOOPBACK, 0) || listen(server, backlog))
		perror("listen");
	return server;
}

struct connection {
	int server, client, accepted;
};

static struct connection make_connection(void)
{
	struct connection made = {listener(5), socket(AF_INET, SOCK_STREAM, 0), -1};
	if (connect_to(made.client, INADDR_LOOPBACK, port_of(made.server)))
		perror("connect");
	made.accepted = accept(made.server, NULL, NULL);
	return made;
}

static void close_connection(struct connection made)
{
	close(made.accepted);
	close(made.client);
	close(made.server);
}

static void test_making(void)
{
	int pair[2];
	for (int family = AF_INET; family <= AF_INET6; family += AF_INET6 - AF_INET) {
		printf("family %d\n", family == AF_INET ? 4 : 6);
		TRY_ANY(socket(family, SOCK_STREAM, 0));
		TRY_ANY(socket(family, SOCK_DGRAM, 0));
		TRY_ANY(socket(family, SOCK_STREAM, IPPROTO_TCP));
		TRY_ANY(socket(family, SOCK_DGRAM, IPPROTO_UDP));
		TRY(socket(family, SOCK_STREAM, IPPROTO_UDP));
		TRY(socket(family, SOCK_DGRAM, IPPROTO_TCP));
		TRY(socket(family, SOCK_SEQPACKET, 0));
		TRY(socket(family, SOCK_RDM, 0));
		TRY(socket(family, 0, 0));
		TRY(socket(family, 14, 0));
		TRY(socket(family, SOCK_RAW, 0));
		TRY(socket(family, SOCK_STREAM, -1));
		TRY(socket(family, SOCK_STREAM, 1000));
		TRY(socket(family, SOCK_STREAM | 0x100, 0));
		TRY(socketpair(family, SOCK_STREAM, 0, pair));
	}
	for (int descriptor = 3; descriptor < 20; descriptor++)
		close(descriptor);
	int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat status;
	TRY(fcntl(made, F_GETFL));
	TRY(fcntl(made, F_GETFD));
	TRY(fstat(made, &status));
	printf("mode %o\n", status.st_mode);
	TRY(lseek(made, 0, SEEK_SET));
	TRY(pread(made, buffer, 1, 0));
	TRY(isatty(made));
	TRY(get(made, SOL_SOCKET, SO_TYPE));
	TRY(get(made, SOL_SOCKET, SO_DOMAIN));
	TRY(get(made, SOL_SOCKET, SO_PROTOCOL));
	TRY(get(made, SOL_SOCKET, SO_ACCEPTCONN));
	close(made);
}

static void test_ports(void)
{
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 0);
	struct sockaddr *plain = (struct sockaddr *)&name;
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
	print_name("unbound", first, 0);
	TRY(bind(first, plain, 15));
	TRY(bind(first, plain, 0));
	TRY(bind(first, plain, 1000));
	TRY(bind(first, NULL, 16));
	name.sin_family = AF_INET6;
	TRY(bind(first, plain, sizeof(name)));
	name.sin_family = AF_UNSPEC;
	TRY(bind(first, plain, sizeof(name)));
	TRY(bind_to(first, 0xc0000201, 0));
	TRY(bind_to(first, INADDR_LOOPBACK, 0));
	print_name("bound", first, 0);
	print_name("its peer", first, 1);
	TRY(bind_to(first, INADDR_LOOPBACK, 0));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(bind_to(second, INADDR_ANY, port_of(first)));
	TRY(bind_to(second, 0x7f000002, port_of(first)));
	print_name("another loopback", second, 0);
	close(second);
	second = socket(AF_INET, SOCK_DGRAM, 0);
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	close(second);
	second = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(set(first, SOL_SOCKET, SO_REUSEADDR, 1));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(listen(first, 1));
	TRY(listen(second, 1));
	TRY(listen(first, 2));
	TRY(get(first, SOL_SOCKET, SO_ACCEPTCONN));
	close(second);
	second = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	close(first);
	TRY(listen(second, 1));
	close(second);
	first = socket(AF_INET, SOCK_STREAM, 0);
	second = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(first, SOL_SOCKET, SO_REUSEPORT, 1));
	TRY(set(second, SOL_SOCKET, SO_REUSEPORT, 1));
	TRY(bind_to(first, INADDR_ANY, 0));
	TRY(bind_to(second, INADDR_ANY, port_of(first)));
	TRY(listen(first, 1));
	TRY(listen(second, 1));
	close(first);
	close(second);
	first = socket(AF_INET, SOCK_STREAM, 0);
	TRY(listen(first, 1));
	print_name("listens without a name", first, 0);
	TRY(bind_to(first, INADDR_ANY, 0));
	close(first);
	first = socket(AF_INET, SOCK_DGRAM, 0);
	TRY(listen(first, 1));
	TRY(accept(first, NULL, NULL));
	close(first);
}

static void test_connecting(void)
{
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 0);
	struct sockaddr *plain = (struct sockaddr *)&name;
	int server = listener(5), port = port_of(server), spare = listener(1);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect(client, plain, 1));
	TRY(connect(client, plain, 8));
	TRY(connect(client, NULL, sizeof(name)));
	name.sin_family = AF_UNIX;
	TRY(connect(client, plain, sizeof(name)));
	name.sin_family = AF_UNSPEC;
	TRY(connect(client, plain, sizeof(name)));
	int nobody = port_of(spare);
	close(spare);
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	TRY(ready(client));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(server, POLLIN));
	struct sockaddr_in peer = {0};
	socklen_t length = sizeof(peer);
	int accepted = accept4(server, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK);
	printf("the peer: %d %s\n", (int)length,
	       peer.sin_port == htons((uint16_t)port_of(client)) ? "as it says" : "another one");
	TRY(fcntl(accepted, F_GETFL));
	print_name("accepted", accepted, 0);
	print_name("its peer", accepted, 1);
	print_name("client", client, 0);
	print_name("its peer", client, 1);
	TRY(listen(client, 1));
	TRY(bind_to(client, INADDR_LOOPBACK, 0));
	TRY(accept(client, NULL, NULL));
	TRY(connect_to(server, INADDR_LOOPBACK, port));
	close(accepted);
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_ANY, port));
	print_name("client of any", client, 0);
	print_name("its peer", client, 1);
	close(client);
	close(accept(server, NULL, NULL));
	close(server);
	server = socket(AF_INET, SOCK_STREAM, 0);
	bind_to(server, INADDR_ANY, 0);
	listen(server, 3);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, 0x7f010203, port_of(server)));
	print_name("client of 127.1.2.3", client, 0);
	print_name("its peer", client, 1);
	accepted = accept(server, NULL, NULL);
	print_name("accepted", accepted, 0);
	print_name("its peer", accepted, 1);
	close(accepted);
	close(client);
	close(server);
}

static void test_without_waiting(void)
{
	int server = listener(5), spare = listener(1), port = port_of(server);
	int nobody = port_of(spare);
	close(spare);
	fcntl(server, F_SETFL, O_NONBLOCK);
	TRY(accept(server, NULL, NULL));
	TRY(ready(server));
	int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TRY(ready(client));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(client, POLLOUT));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(server, POLLIN));
	int accepted = accept(server, NULL, NULL);
	TRY(fcntl(accepted, F_GETFL));
	TRY(recv(client, buffer, 10, 0));
	close(client);
	close(accepted);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(await(client, POLLIN));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	close(client);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(await(client, POLLIN));
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(client, POLLOUT));
	close(client);
	close(server);
}

static void test_streams(void)
{
	struct connection made = make_connection();
	int client = made.client, accepted = made.accepted;
	struct iovec parts[2] = {{"ab", 2}, {"cde", 3}};
	struct iovec room[2] = {{buffer, 3}, {buffer + 10, 10}};
	struct msghdr header = {.msg_iov = room, .msg_iovlen = 2};
	int available = -1;
	TRY(ready(client));
	TRY(ready(made.server));
	TRY(send(client, "hello", 5, 0));
	TRY(await(accepted, POLLIN));
	TRY(ioctl(accepted, FIONREAD, &available));
	TRY(available);
	TRY(recv(accepted, buffer, 100, MSG_PEEK));
	TRY(recv(accepted, buffer, 2, 0));
	TRY(recv(accepted, buffer, 2, MSG_TRUNC));
	TRY(recv(accepted, buffer, 100, MSG_DONTWAIT));
	TRY(recv(accepted, buffer, 100, MSG_DONTWAIT));
	TRY(recv(accepted, buffer, 100, MSG_OOB | MSG_DONTWAIT));
	TRY(recv(accepted, buffer, 100, MSG_ERRQUEUE | MSG_DONTWAIT));
	TRY(writev(client, parts, 2));
	TRY(await(accepted, POLLIN));
	TRY(recvmsg(accepted, &header, 0));
	printf("%.3s %.2s flags %x\n", buffer, buffer + 10, header.msg_flags);
	TRY(send(client, "to", 2, 0));
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 1);
	socklen_t length = sizeof(name);
	TRY(recvfrom(accepted, buffer, 10, 0, (struct sockaddr *)&name, &length));
	TRY(length);
	TRY(sendto(client, "it", 2, 0, (struct sockaddr *)&name, sizeof(name)));
	TRY(recv(accepted, buffer, 10, 0));
	TRY(send(client, NULL, 10, 0));
	TRY(send(client, (void *)16, 10, 0));
	TRY(send(client, NULL, 0, 0));
	TRY(write(client, "xyz", 3));
	TRY(await(accepted, POLLIN));
	TRY(recv(accepted, (void *)16, 3, 0));
	TRY(read(accepted, buffer, 10));
	TRY(read(client, buffer, 0));
	TRY(recv(client, buffer, 0, MSG_DONTWAIT));
	struct timeval soon = {0, 20000};
	TRY(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	TRY(recv(client, buffer, 10, 0));
	TRY(accepted >= 0);
	close_connection(made);
}

static void *send_slowly(void *argument)
{
	int descriptor = *(int *)argument;
	for (int part = 0; part < 10; part++) {
		if (write(descriptor, "0123456789", 10) != 10)
			perror("write");
		sched_yield();
	}
	return NULL;
}

static void *send_much(void *argument)
{
	static char much[10000];
	int descriptor = *(int *)argument;
	for (int part = 0; part < 1000; part++)
		if (send(descriptor, much, sizeof(much), 0) != sizeof(much))
			perror("send");
	shutdown(descriptor, SHUT_WR);
	return NULL;
}

static void *accept_one(void *argument)
{
	return (void *)(long)accept(*(int *)argument, NULL, NULL);
}

static void test_waiting(void)
{
	struct connection made = make_connection();
	pthread_t thread;
	void *result;
	long total = 0, count;
	pthread_create(&thread, NULL, send_slowly, &made.client);
	TRY(recv(made.accepted, buffer, 100, MSG_WAITALL));
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, send_much, &made.client);
	while ((count = read(made.accepted, buffer, sizeof(buffer))) > 0)
		total += count;
	pthread_join(thread, NULL);
	TRY(total);
	close(made.accepted);
	close(made.client);
	pthread_create(&thread, NULL, accept_one, &made.server);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(made.server)));
	pthread_join(thread, &result);
	TRY_ANY((long)result);
	close((int)(long)result);
	close(client);
	close(made.server);
}

static void test_ends(void)
{
	struct linger hard = {1, 0};
	struct connection made = make_connection();
	TRY(shutdown(made.client, 3));
	TRY(shutdown(made.client, SHUT_WR));
	TRY(send(made.client, "x", 1, MSG_NOSIGNAL));
	TRY(await(made.accepted, POLLRDHUP));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(send(made.accepted, "back", 4, 0));
	TRY(await(made.client, POLLIN));
	TRY(recv(made.client, buffer, 10, 0));
	close(made.accepted);
	TRY(await(made.client, POLLRDHUP));
	TRY(recv(made.client, buffer, 10, 0));
	print_name("over", made.client, 1);
	TRY(shutdown(made.client, SHUT_RDWR));
	close(made.client);
	close(made.server);

	puts("the other end is gone");
	made = make_connection();
	TRY(send(made.client, "left", 4, 0));
	close(made.client);
	TRY(await(made.accepted, POLLRDHUP));
	TRY(send(made.accepted, "x", 1, 0));
	TRY(await(made.accepted, POLLERR));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(send(made.accepted, "x", 1, MSG_NOSIGNAL));
	TRY(get(made.accepted, SOL_SOCKET, SO_ERROR));
	TRY(send(made.accepted, "x", 1, MSG_NOSIGNAL));
	close_connection((struct connection){made.server, -1, made.accepted});

	puts("it left bytes unread");
	made = make_connection();
	TRY(send(made.accepted, "unread", 6, 0));
	TRY(await(made.client, POLLIN));
	close(made.client);
	TRY(await(made.accepted, POLLERR));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(send(made.accepted, "x", 1, MSG_NOSIGNAL));
	TRY(shutdown(made.accepted, SHUT_RDWR));
	close_connection((struct connection){made.server, -1, made.accepted});

	puts("it lingers for no time");
	made = make_connection();
	TRY(setsockopt(made.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(made.client);
	TRY(await(made.accepted, POLLERR));
	TRY(get(made.accepted, SOL_SOCKET, SO_ERROR));
	TRY(recv(made.accepted, buffer, 10, 0));
	close_connection((struct connection){made.server, -1, made.accepted});

	puts("unconnected");
	int alone = socket(AF_INET, SOCK_STREAM, 0);
	TRY(ready(alone));
	TRY(send(alone, "x", 1, MSG_NOSIGNAL));
	TRY(recv(alone, buffer, 10, 0));
	TRY(shutdown(alone, SHUT_WR));
	TRY(accept(alone, NULL, NULL));
	TRY(listen(alone, 1));
	TRY(recv(alone, buffer, 10, 0));
	TRY(send(alone, "x", 1, MSG_NOSIGNAL));
	close(alone);
	alone = listener(1);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(alone)));
	TRY(await(alone, POLLIN));
	close(alone);
	TRY(await(client, POLLERR));
	TRY(recv(client, buffer, 10, 0));
	close(client);
	alone = listener(1);
	TRY(shutdown(alone, SHUT_WR));
	TRY(shutdown(alone, SHUT_RD));
	TRY(ready(alone));
	TRY(accept(alone, NULL, NULL));
	close(alone);

	puts("disconnected");
	made = make_connection();
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	TRY(connect(made.client, &nowhere, sizeof(nowhere)));
	TRY(await(made.accepted, POLLERR));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(connect_to(made.client, INADDR_LOOPBACK, port_of(made.server)));
	close_connection(made);

	puts("signals");
	made = make_connection();
	signal(SIGPIPE, SIG_IGN);
	shutdown(made.client, SHUT_WR);
	TRY(write(made.client, "x", 1));
	signal(SIGPIPE, SIG_DFL);
	close_connection(made);
}

static long wait_epoll(int epoll, int timeout_ms)
{
	struct epoll_event event = {0};
	int found = epoll_wait(epoll, &event, 1, timeout_ms);
	return found == 1 ? (long)event.events : found;
}

static void test_epoll(void)
{
	struct connection made = make_connection();
	int edges = epoll_create1(0), levels = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	fd_set set;
	TRY(epoll_ctl(edges, EPOLL_CTL_ADD, made.accepted, &event));
	event.events = EPOLLIN | EPOLLRDHUP;
	TRY(epoll_ctl(levels, EPOLL_CTL_ADD, made.accepted, &event));
	TRY(wait_epoll(edges, 0));
	TRY(wait_epoll(levels, 0));
	TRY(send(made.client, "one", 3, 0));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(wait_epoll(edges, 0));
	TRY(wait_epoll(levels, LONG_MS));
	TRY(wait_epoll(levels, 0));
	TRY(send(made.client, "two", 3, 0));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(recv(made.accepted, buffer, 100, MSG_DONTWAIT));
	TRY(wait_epoll(levels, 0));
	FD_ZERO(&set);
	FD_SET(made.accepted, &set);
	struct timeval none = {0};
	TRY(select(made.accepted + 1, &set, NULL, NULL, &none));
	FD_SET(made.accepted, &set);
	TRY(select(made.accepted + 1, NULL, &set, NULL, &none));
	TRY(shutdown(made.client, SHUT_WR));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(wait_epoll(levels, 0));
	event.events = EPOLLIN | EPOLLET;
	TRY(epoll_ctl(edges, EPOLL_CTL_ADD, made.server, &event));
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(made.server)));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(wait_epoll(edges, 0));
	close(client);
	close(edges);
	close(levels);
	close_connection(made);
}

static void test_datagrams(void)
{
	int first = socket(AF_INET, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 0), from = {0};
	struct sockaddr *plain = (struct sockaddr *)&name;
	socklen_t length = sizeof(from);
	int available = -1;
	TRY(ready(first));
	TRY(send(first, "x", 1, 0));
	TRY(recv(first, buffer, 10, MSG_DONTWAIT));
	TRY(bind_to(first, INADDR_LOOPBACK, 0));
	name.sin_port = htons((uint16_t)port_of(first));
	TRY(sendto(second, "hello", 5, 0, plain, 8));
	TRY(sendto(second, "hello", 5, 0, plain, sizeof(name)));
	print_name("the sender", second, 0);
	TRY(await(first, POLLIN));
	TRY(ioctl(first, FIONREAD, &available));
	TRY(available);
	TRY(recv(first, buffer, 2, MSG_PEEK | MSG_TRUNC));
	TRY(recvfrom(first, buffer, 10, 0, (struct sockaddr *)&from, &length));
	printf("from: %d %x %s\n", (int)length, ntohl(from.sin_addr.s_addr),
	       ntohs(from.sin_port) == port_of(second) ? "as it says" : "another one");
	TRY(sendto(second, "", 0, 0, plain, sizeof(name)));
	TRY(await(first, POLLIN));
	TRY(recv(first, buffer, 10, 0));
	TRY(sendto(second, buffer, 65507, 0, plain, sizeof(name)));
	TRY(sendto(second, buffer, 65508, 0, plain, sizeof(name)));
	TRY(sendto(second, buffer, 70000, 0, plain, sizeof(name)));
	TRY(await(first, POLLIN));
	TRY(recv(first, buffer, 10, 0));
	TRY(recv(first, buffer, 10, MSG_DONTWAIT));
	struct sockaddr_in portless = address_of(INADDR_LOOPBACK, 0);
	TRY(sendto(second, "x", 1, 0, (struct sockaddr *)&portless, sizeof(portless)));
	portless.sin_family = AF_UNIX;
	TRY(sendto(second, "x", 1, 0, (struct sockaddr *)&portless, sizeof(portless)));
	TRY(sendto(second, (void *)16, 4, 0, plain, sizeof(name)));
	TRY(connect(second, plain, sizeof(name)));
	print_name("its peer", second, 1);
	TRY(send(second, "connected", 9, 0));
	TRY(await(first, POLLIN));
	TRY(recv(first, buffer, 100, 0));
	TRY(shutdown(first, SHUT_RD));
	TRY(shutdown(second, SHUT_WR));
	TRY(send(second, "x", 1, 0));
	close(first);
	close(second);

	puts("nobody there");
	second = socket(AF_INET, SOCK_DGRAM, 0);
	TRY(sendto(second, "x", 1, 0, plain, sizeof(name)));
	TRY(ready(second));
	TRY(connect(second, plain, sizeof(name)));
	TRY(send(second, "x", 1, 0));
	TRY(await(second, POLLERR));
	TRY(send(second, "x", 1, 0));
	TRY(send(second, "x", 1, 0));
	TRY(await(second, POLLERR));
	TRY(recv(second, buffer, 10, MSG_DONTWAIT));
	TRY(recv(second, buffer, 10, MSG_DONTWAIT));
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	TRY(connect(second, &nowhere, sizeof(nowhere)));
	TRY(send(second, "x", 1, 0));
	close(second);

	puts("connected ones get what their peer sends");
	first = socket(AF_INET, SOCK_DGRAM, 0);
	second = socket(AF_INET, SOCK_DGRAM, 0);
	int third = socket(AF_INET, SOCK_DGRAM, 0);
	bind_to(first, INADDR_LOOPBACK, 0);
	bind_to(second, INADDR_LOOPBACK, 0);
	TRY(connect_to(first, INADDR_LOOPBACK, port_of(second)));
	TRY(connect_to(third, INADDR_LOOPBACK, port_of(first)));
	TRY(send(third, "x", 1, 0));
	TRY(await(third, POLLERR));
	TRY(get(third, SOL_SOCKET, SO_ERROR));
	TRY(connect_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(send(second, "y", 1, 0));
	TRY(await(first, POLLIN));
	TRY(read(first, buffer, 10));
	close(first);
	close(second);
	close(third);
}

static void test_full_receiver(void)
{
	int first = socket(AF_INET, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	bind_to(first, INADDR_LOOPBACK, 0);
	TRY(set(first, SOL_SOCKET, SO_RCVBUF, 4096));
	TRY(get(first, SOL_SOCKET, SO_RCVBUF));
	connect_to(second, INADDR_LOOPBACK, port_of(first));
	int sent = 0, received = 0;
	for (int i = 0; i < 200; i++)
		sent += send(second, buffer, 1000, 0) == 1000;
	TRY(sent);
	while (recv(first, buffer, 1000, MSG_DONTWAIT) > 0)
		received++;
	TRY(received > 0 && received < 20);
	close(first);
	close(second);
}

static void test_options(void)
{
	int stream = socket(AF_INET, SOCK_STREAM, 0), datagram = socket(AF_INET, SOCK_DGRAM, 0);
	int value = 1;
	socklen_t length = sizeof(value);
	static const int switches[] = {SO_REUSEADDR, SO_KEEPALIVE, SO_REUSEPORT,
				       SO_BROADCAST, SO_OOBINLINE, SO_DONTROUTE};
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		TRY(get(stream, SOL_SOCKET, switches[i]));
		TRY(set(stream, SOL_SOCKET, switches[i], 5));
		TRY(get(stream, SOL_SOCKET, switches[i]));
	}
	static const int numbers[] = {TCP_NODELAY, TCP_CORK,   TCP_KEEPIDLE,	 TCP_KEEPINTVL,
				      TCP_KEEPCNT, TCP_SYNCNT, TCP_USER_TIMEOUT, TCP_MAXSEG};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		TRY(get(stream, SOL_TCP, numbers[i]));
		TRY(set(stream, SOL_TCP, numbers[i], 100));
		TRY(set(stream, SOL_TCP, numbers[i], -2));
		TRY(set(stream, SOL_TCP, numbers[i], 0));
		TRY(get(datagram, SOL_TCP, numbers[i]));
	}
	TRY(set(stream, SOL_TCP, TCP_NODELAY, 7));
	TRY(get(stream, SOL_TCP, TCP_NODELAY));
	TRY(setsockopt(stream, SOL_TCP, TCP_NODELAY, &value, 1));
	TRY(setsockopt(stream, SOL_TCP, TCP_NODELAY, (void *)16, 4));
	TRY(setsockopt(stream, SOL_TCP, 1000, &value, 4));
	TRY(setsockopt(stream, 1000, 1, &value, 4));
	TRY(getsockopt(stream, SOL_TCP, 1000, &value, &length));
	TRY(getsockopt(stream, 1000, 1, &value, &length));
	TRY(getsockopt(stream, SOL_TCP, TCP_NODELAY, &value, NULL));
	length = 2;
	TRY(getsockopt(stream, SOL_TCP, TCP_NODELAY, &value, &length));
	TRY(length);
	TRY(get(stream, SOL_IP, IP_TTL));
	TRY(set(stream, SOL_IP, IP_TTL, 5));
	TRY(get(stream, SOL_IP, IP_TTL));
	TRY(set(stream, SOL_IP, IP_TTL, 256));
	TRY(set(stream, SOL_IP, IP_TTL, 0));
	TRY(set(stream, SOL_IP, IP_TTL, -1));
	TRY(get(stream, SOL_IP, IP_TTL));
	TRY(get(datagram, SOL_IP, IP_MULTICAST_TTL));
	TRY(get(datagram, SOL_IP, IP_MULTICAST_LOOP));
	TRY(get(datagram, SOL_IP, IP_RECVERR));
	TRY(get(stream, SOL_IPV6, IPV6_V6ONLY));
	TRY(get(stream, SOL_SOCKET, SO_ERROR));
	TRY(set(stream, SOL_SOCKET, SO_RCVBUF, 10000));
	TRY(get(stream, SOL_SOCKET, SO_RCVBUF));
	TRY(set(stream, SOL_SOCKET, SO_SNDBUF, 10000));
	TRY(get(stream, SOL_SOCKET, SO_SNDBUF));
	struct ucred credentials;
	length = sizeof(credentials);
	TRY(getsockopt(stream, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
	printf("%d %d %d\n", credentials.pid, (int)credentials.uid, (int)credentials.gid);
	close(stream);
	close(datagram);
	int server = listener(3);
	set(server, SOL_TCP, TCP_NODELAY, 1);
	set(server, SOL_SOCKET, SO_KEEPALIVE, 1);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(server)));
	int accepted = accept(server, NULL, NULL);
	TRY(get(accepted, SOL_TCP, TCP_NODELAY));
	TRY(get(accepted, SOL_SOCKET, SO_KEEPALIVE));
	TRY(get(accepted, SOL_SOCKET, SO_ACCEPTCONN));
	TRY(get(server, SOL_SOCKET, SO_ACCEPTCONN));
	struct tcp_info info = {0};
	length = sizeof(info);
	TRY(getsockopt(accepted, SOL_TCP, TCP_INFO, &info, &length));
	TRY(info.tcpi_state);
	close_connection((struct connection){server, client, accepted});
}

static int connect_to_v6(int descriptor, const char *host, int port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	inet_pton(AF_INET6, host, &name.sin6_addr);
	return connect(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static int bind_to_v6(int descriptor, const char *host, int port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	inet_pton(AF_INET6, host, &name.sin6_addr);
	return bind(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static void print_v6(const char *what, int descriptor, int peer)
{
	struct sockaddr_in6 name = {0};
	socklen_t length = sizeof(name);
	char text[64];
	int result = peer ? getpeername(descriptor, (struct sockaddr *)&name, &length)
			  : getsockname(descriptor, (struct sockaddr *)&name, &length);
	if (result)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: length %d %s\n", what, (int)length,
		       inet_ntop(AF_INET6, &name.sin6_addr, text, sizeof(text)));
}

static void test_both_families(void)
{
	int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in v4 = address_of(INADDR_LOOPBACK, 0);
	TRY(bind(server, (struct sockaddr *)&v4, sizeof(v4)));
	TRY(bind_to_v6(server, "2001:db8::1", 0));
	TRY(bind_to_v6(server, "::", 0));
	TRY(set(server, SOL_IPV6, IPV6_V6ONLY, 1));
	TRY(get(server, SOL_IPV6, IPV6_V6ONLY));
	TRY(get(server, SOL_IPV6, IPV6_UNICAST_HOPS));
	TRY(listen(server, 5));
	print_v6("server", server, 0);
	TRY(connect_to_v6(client, "::1", port_of(server)));
	print_v6("client", client, 0);
	print_v6("its peer", client, 1);
	int accepted = accept(server, NULL, NULL);
	print_v6("accepted", accepted, 0);
	print_v6("its peer", accepted, 1);
	TRY(send(client, "six", 3, 0));
	TRY(recv(accepted, buffer, 10, 0));
	close(accepted);
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(server)));
	accepted = accept(server, NULL, NULL);
	print_v6("accepted of IPv4", accepted, 0);
	print_v6("its peer", accepted, 1);
	close(accepted);
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(bind_to(client, INADDR_LOOPBACK, port_of(server)));
	close(client);
	client = socket(AF_INET6, SOCK_STREAM, 0);
	TRY(connect_to_v6(client, "::ffff:127.0.0.1", port_of(server)));
	print_v6("mapped", client, 0);
	print_v6("its peer", client, 1);
	close(client);
	close(server);
	server = socket(AF_INET6, SOCK_STREAM, 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(server, SOL_IPV6, IPV6_V6ONLY, 1));
	TRY(bind_to_v6(server, "::ffff:127.0.0.1", 0));
	TRY(bind_to_v6(server, "::", 0));
	TRY(listen(server, 5));
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(server)));
	TRY(bind_to(client, INADDR_LOOPBACK, port_of(server)));
	close(client);
	close(server);
	int first = socket(AF_INET6, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in6 from = {0};
	socklen_t length = sizeof(from);
	char text[64];
	TRY(bind_to_v6(first, "::", 0));
	TRY(connect_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(send(second, "four", 4, 0));
	TRY(recvfrom(first, buffer, 10, 0, (struct sockaddr *)&from, &length));
	printf("from: %d %s\n", (int)length,
	       inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
	TRY(sendto(first, "back", 4, 0, (struct sockaddr *)&from, length));
	TRY(recv(second, buffer, 10, 0));
	close(first);
	close(second);
}

int main(int argc, char **argv)
{
	test_making();
	test_ports();
	test_connecting();
	test_without_waiting();
	test_streams();
	test_waiting();
	test_ends();
	test_epoll();
	test_datagrams();
	test_full_receiver();
	test_options();
	if (argc > 2 && !strcmp(argv[2], "ipv6"))
		test_both_families();
	return 0;
}
